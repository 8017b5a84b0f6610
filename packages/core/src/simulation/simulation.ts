import { looked } from '../errors/base.js';
import { InvalidInputError } from '../errors/invalid-input-error.js';
import { refuseUnknown, type FieldNames } from '../errors/unknown-fields.js';
import { Fingerprint } from '../run/fingerprint.js';
import { parseMeasures, singleMeasure } from '../run/measures.js';
import type { IterationId } from '../run/numbers.js';
import { RunParameters, type Json, type JsonObject } from '../run/parameters.js';
import { textOf } from '../run/text.js';
import type { AnyGenerator, ValueGenerator } from './generator.js';
import { parseMeasured, parseValue, type IterationValue } from './value.js';

/**
 * The part of a Standard Schema that is read here; zod, valibot and arktype make such schemas.
 * Source: https://standardschema.dev, version 1.
 */
export interface StandardSchema<Output extends object = JsonObject> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** A generator that a run repeats, with its name, its parameters and its measures. */
export interface Simulation<
  Parameters extends object = JsonObject,
  Measure extends string = never,
> {
  /** For the record; 1 … 4,096 characters. Default: the function's name, or its file's. */
  readonly name?: string | undefined;
  /**
   * The parameters' defaults: a run may give others of the same names and types. Or a Standard Schema,
   * whose output is recorded. Default: a run may give any.
   */
  readonly parameters?: Parameters | StandardSchema<Parameters> | undefined;
  /**
   * The names of the numbers that `generate` answers with, as an object of exactly these: 1 … 64 names
   * such as `wait_1`. The first is the one that a run is summed up by.
   * Default: `generate` answers with one number, the measure `value`.
   */
  readonly measures?: readonly Measure[] | undefined;
  // The names come from `measures` alone.
  readonly generate: ValueGenerator<Parameters, NoInfer<Measure>>;
}

/** A simulation in either form, of whichever parameters and measures: one that is written in place need not declare them. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnySimulation = AnyGenerator | Simulation<any, string>;

/**
 * Gives a simulation its types: `generate` knows the parameters, and answers with the measures.
 * @example
 * export default defineSimulation({
 *   parameters: { strike: 100, rate: 0.05 },
 *   generate: ({ random, parameters: { strike, rate } }) =>
 *     Math.exp(-rate) * Math.max(0, 100 * Math.exp(rate + random.normal()) - strike),
 * });
 * @example
 * defineSimulation({
 *   measures: ['sum', 'highest'],
 *   generate({ random }) {
 *     const dice = [random.integer(1, 6), random.integer(1, 6)];
 *     return { sum: dice[0] + dice[1], highest: Math.max(...dice) };
 *   },
 * });
 */
export function defineSimulation<
  Parameters extends object = JsonObject,
  const Measure extends string = never,
>(simulation: Simulation<Parameters, Measure>): Simulation<Parameters, Measure> {
  return simulation;
}

/** A simulation that was checked, in one form for all; it stands for a simulation wherever one is asked for. */
export class ParsedSimulation implements Simulation<JsonObject, string> {
  /** Undefined when it has none. */
  readonly name: string | undefined;
  readonly generate: AnyGenerator;
  readonly fingerprint: Fingerprint;
  readonly measures: readonly string[];
  /** False where `generate` answers with a bare number. */
  readonly declaresMeasures: boolean;
  /** The defaults or the schema of its parameters. Undefined: a run may give any. */
  readonly parameters: JsonObject | StandardSchema | undefined;

  constructor(fields: Omit<ParsedSimulation, 'parametersOf' | 'valueOf' | 'with'>) {
    this.name = fields.name;
    this.generate = fields.generate;
    this.fingerprint = fields.fingerprint;
    this.measures = fields.measures;
    this.declaresMeasures = fields.declaresMeasures;
    this.parameters = fields.parameters;
  }

  /**
   * The parameters of a run, with the defaults of those that it doesn't give.
   * @throws InvalidInputError
   */
  async parametersOf(given: unknown = {}): Promise<JsonObject> {
    const parsed = RunParameters.parse(given);
    if (this.parameters === undefined) return parsed;
    return isSchema(this.parameters)
      ? validated(this.parameters, parsed)
      : filledIn(parsed, this.parameters);
  }

  /**
   * The value of an iteration.
   * @param drawn what `generate` has answered with
   * @param code its place among those that the run accepts
   * @throws InvalidValueError
   */
  valueOf(iterationId: IterationId, drawn: unknown, code = 0): IterationValue {
    if (this.declaresMeasures) {
      const { value, more } = parseMeasured(drawn, this.measures);
      const row = more === undefined ? { iterationId, value } : { iterationId, value, more };
      return code === 0 ? row : { ...row, code };
    }
    const value = parseValue(drawn);
    return code === 0 ? { iterationId, value } : { iterationId, value, code };
  }

  /** The same with other code, another fingerprint, or other parameters. */
  with(
    changes: Partial<Pick<ParsedSimulation, 'generate' | 'fingerprint' | 'parameters'>>,
  ): ParsedSimulation {
    const { name, generate, fingerprint, measures, declaresMeasures, parameters } = this;
    const fields = { name, generate, fingerprint, measures, declaresMeasures, parameters };
    return new ParsedSimulation({ ...fields, ...changes });
  }
}

const simulationFields: FieldNames<Simulation> = {
  name: true,
  parameters: true,
  measures: true,
  generate: true,
};

/**
 * Checks a simulation, which may be a function, an object, or the module that has it for its default
 * export.
 * @param version what tells its code from other code. Default: nothing does
 * @throws InvalidInputError when it is none of them
 */
export function parseSimulation(
  simulation: unknown,
  version?: string | Fingerprint,
): ParsedSimulation {
  const fingerprint = version === undefined ? undefined : Fingerprint.parse(version);
  if (simulation instanceof ParsedSimulation) {
    return fingerprint === undefined ? simulation : simulation.with({ fingerprint });
  }
  const found = findSimulation(simulation);
  if (found === undefined) {
    throw new InvalidInputError(
      'generator',
      'a function (context) => number, or an object with such a function as generate',
      simulation,
    );
  }
  const { name, parameters, measures, generate } =
    typeof found === 'function'
      ? { name: found.name, parameters: undefined, measures: undefined, generate: found }
      : refuseUnknown(found, 'simulation', simulationFields);
  // An anonymous function that is exported by default is called so.
  const isNamed = name !== undefined && name !== '' && name !== 'default';
  const isObject = parameters !== undefined && !isSchema(parameters);
  return new ParsedSimulation({
    name: isNamed ? textOf('simulation name', 4096)(name) : undefined,
    generate: generate as AnyGenerator,
    fingerprint: fingerprint ?? Fingerprint.unknown,
    measures: measures === undefined ? singleMeasure : parseMeasures(measures),
    declaresMeasures: measures !== undefined,
    parameters: isObject
      ? RunParameters.parse(parameters, 'the simulation’s parameters')
      : parameters,
  });
}

type Found = ((context: never) => unknown) | Simulation;

/** A CommonJS module compiled from ESM carries its default export one level down. */
function findSimulation(value: unknown, depth = 0): Found | undefined {
  if (typeof value === 'function') return value as Found;
  if (typeof value !== 'object' || value === null) return undefined;
  if (looked(() => typeof (value as Simulation).generate === 'function', false)) {
    return value as Simulation;
  }
  const inner = looked(() => ('default' in value ? value.default : undefined), undefined);
  return depth < 2 ? findSimulation(inner, depth + 1) : undefined;
}

function isSchema(value: unknown): value is StandardSchema {
  return looked(
    () =>
      (typeof value === 'object' || typeof value === 'function') &&
      value !== null &&
      '~standard' in value,
    false,
  );
}

/** @param given as JSON has it, so that the schema sees the same wherever the run is asked for */
async function validated(schema: StandardSchema, given: JsonObject): Promise<JsonObject> {
  const result = await schema['~standard'].validate(given);
  if (result.issues === undefined) return RunParameters.parse(result.value);
  const [issue] = result.issues;
  const path = issue?.path?.map((key) => String(typeof key === 'object' ? key.key : key)) ?? [];
  const field = path.length === 0 ? 'parameters' : `parameter ${path.join('.')}`;
  const expected = `as the simulation’s schema has it (${issue?.message ?? 'it gives no reason'})`;
  const received = path.reduce<unknown>(
    (value, key) => looked(() => (value as Record<string, unknown>)[key], undefined),
    given,
  );
  throw new InvalidInputError(field, expected, received);
}

function filledIn(given: JsonObject, defaults: JsonObject): JsonObject {
  for (const [name, value] of Object.entries(given)) {
    const standard = Object.hasOwn(defaults, name) ? defaults[name] : undefined;
    if (standard === undefined) {
      const names = Object.keys(defaults).join(', ');
      const expected = names === '' ? 'left out: the simulation has none' : `one of ${names}`;
      throw new InvalidInputError('a parameter’s name', expected, name);
    }
    const kind = kindOf(standard);
    // A default of null says nothing of the type.
    if (kind !== 'null' && kindOf(value) !== kind) {
      throw new InvalidInputError(`parameter ${name}`, kind, value);
    }
  }
  return RunParameters.parse({ ...defaults, ...given });
}

function kindOf(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  switch (typeof value) {
    case 'object':
      return 'an object';
    case 'string':
      return 'a text';
    case 'boolean':
      return 'true or false';
    default:
      return 'a number';
  }
}
