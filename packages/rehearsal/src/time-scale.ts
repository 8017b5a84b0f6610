import type { FunctionDefinition } from './assembly.js';
import type { ScaledWaits } from './lambda/scaled-timers.js';
import { UnsupportedError } from './service-error.js';

/** Lets no other timer have the length of a scaled wait by chance: 10 ms are 10.000000000009095. */
const mark = 1 + 2 ** -40;

/** How much faster a rehearsal goes, and the variables in which functions are told how long to wait. */
export class TimeScale {
  /** @throws RangeError unless the factor is a number of 1 or more */
  constructor(
    readonly factor: number,
    private readonly variables: readonly string[],
  ) {
    if (!(factor >= 1 && Number.isFinite(factor))) {
      throw new RangeError(`timeScale must be a number of 1 or more; got ${factor}`);
    }
  }

  /**
   * The function with its variables scaled.
   * @throws UnsupportedError when one of them is no number
   */
  scaled(definition: FunctionDefinition): FunctionDefinition {
    const scaled = Object.fromEntries(
      this.#variablesOf(definition).map(([name, value]) => {
        if (value.trim() === '' || !Number.isFinite(Number(value))) {
          throw new UnsupportedError(
            `${definition.logicalId} has ${name} ${JSON.stringify(value)}, which can't be scaled: it is no number`,
          );
        }
        return [name, String((Number(value) / this.factor) * mark)];
      }),
    );
    return { ...definition, environment: { ...definition.environment, ...scaled } };
  }

  /** @param definition as it was scaled */
  waitsOf(definition: FunctionDefinition): ScaledWaits {
    const values = this.#variablesOf(definition).map(([, value]) => Number(value));
    const waitsMs = this.factor === 1 ? [] : values.filter((value) => value > 0);
    return { factor: this.factor, waitsMs };
  }

  #variablesOf({ environment }: FunctionDefinition): [string, string][] {
    return Object.entries(environment).filter(([name]) => this.variables.includes(name));
  }
}
