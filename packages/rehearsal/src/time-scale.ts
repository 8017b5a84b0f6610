import type { FunctionDefinition } from './cloud-assembly.js';
import { UnsupportedError } from './service-error.js';

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
        return [name, String(Number(value) / this.factor)];
      }),
    );
    return { ...definition, environment: { ...definition.environment, ...scaled } };
  }

  /**
   * The time that the scale has taken off an invocation's own waiting, in milliseconds.
   * @param definition as it was scaled
   */
  removedFrom(definition: FunctionDefinition, durationMs: number): number {
    const scaledMs = this.#variablesOf(definition).reduce(
      (sum, [, value]) => sum + Number(value),
      0,
    );
    return durationMs < scaledMs ? 0 : scaledMs * (this.factor - 1);
  }

  #variablesOf({ environment }: FunctionDefinition): [string, string][] {
    return Object.entries(environment).filter(([name]) => this.variables.includes(name));
  }
}
