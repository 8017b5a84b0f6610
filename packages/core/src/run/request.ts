import { InvalidInputError } from '../errors/invalid-input-error.js';
import { refuseUnknown, type FieldNames } from '../errors/unknown-fields.js';
import { Fingerprint } from './fingerprint.js';
import { areSameMeasures, singleMeasure } from './measures.js';
import { Milliseconds, Repetitions, Seed, type RunId } from './numbers.js';
import { RunParameters } from './parameters.js';
import { Precision, type PrecisionGoal } from './precision.js';
import { ConflictingRunError } from './run-errors.js';
import { lineOf, textOf } from './text.js';
import { Tolerance } from './tolerance.js';
import { currentVersions, type Versions } from './versions.js';

/** A run as it is asked for; its fields are validated when the run is allocated. */
export interface RunRequest {
  /** Integer, 1 … {@link Repetitions.maximum}. */
  readonly repetitions: number;
  /** Integer, 0 … 2^53 − 1. Default: chosen at random, and recorded with the run. */
  readonly seed?: number | undefined;
  /** Wait after each value, standing in for a long computation, in milliseconds. Default: 0. */
  readonly delayMs?: number | undefined;
  /**
   * The simulation's input, an object of JSON's types of at most 16 KiB: part of the record, and
   * not of the random numbers. Equal seeds are common random numbers, whatever the parameters.
   * Default: the simulation's own.
   */
  readonly parameters?: object | undefined;
  /** Names the simulation, for the record; 1 … 4,096 characters. Default: the simulation's own name. */
  readonly generatorName?: string | undefined;
  /**
   * How many iterations may fail without failing the run: a count, or a share such as `'1%'`. The
   * average is then taken over the others. Default: 0.
   */
  readonly tolerance?: number | string | undefined;
  /**
   * Makes the request safe to repeat: the same key with the same input answers with the same run,
   * with another input is an error. 1 … 512 characters. Default: none, every request is a new run.
   */
  readonly idempotencyKey?: string | undefined;
  /**
   * A word of yours for the record, by which runs are found again: 1 … 256 characters. No value depends
   * on it. Default: none.
   */
  readonly label?: string | undefined;
  /**
   * Has the run go on until its mean is known so precisely: `repetitions` is the count of the first look then,
   * and each look has twice as many as the one before. Default: the run ends with its repetitions.
   */
  readonly precision?: PrecisionGoal | undefined;
  /** The experiment that the run is a scenario of, 1 … 100 characters. Set by an {@link Experiment}. */
  readonly experiment?: string | undefined;
  /** Tells the experiment from another of the same name, 1 … 100 characters. */
  readonly experimentKey?: string | undefined;
  /** The scenario's name in its experiment, 1 … 100 characters. */
  readonly scenario?: string | undefined;
}

/** One field of a request. */
interface RequestField {
  /**
   * Validates the field, or gives its default when it is undefined.
   * @param request of which this field may depend on another
   */
  readonly parse: (value: unknown, request: { readonly repetitions: Repetitions }) => unknown;
  /** When a request that repeats a key must say the same as the first one did. */
  readonly compared: 'always' | 'when given' | 'never';
  /** By which the values of two requests are compared. Default: the values themselves. */
  readonly textOf?: (value: never) => string;
}

const noDelay = 0 as Milliseconds;

/**
 * The one list of what is asked of a run: parsing and comparing are derived from it, and so are the
 * columns of a table and what travels to a state machine.
 */
export const requestFields = {
  repetitions: { parse: Repetitions.parse, compared: 'always' },
  seed: { parse: optional(Seed.parse, Seed.random), compared: 'when given' },
  delayMs: {
    parse: optional(
      (value) => Milliseconds.parse(value, 'delay'),
      () => noDelay,
    ),
    compared: 'always',
  },
  parameters: {
    parse: optional(RunParameters.parse, () => RunParameters.none),
    compared: 'always',
    textOf: RunParameters.text,
  },
  generatorName: { parse: textOf('generator name', 4096), compared: 'always' },
  tolerance: { parse: optional(Tolerance.parse, () => Tolerance.none), compared: 'always' },
  idempotencyKey: {
    parse: optional(textOf('idempotency key', 512), () => undefined),
    compared: 'never',
  },
  label: { parse: optional(textOf('label', 256), () => undefined), compared: 'when given' },
  precision: {
    parse: (
      value: unknown,
      { repetitions }: { readonly repetitions: Repetitions },
    ): Precision | undefined =>
      value === undefined ? undefined : Precision.parse(value, repetitions),
    compared: 'always',
    textOf: Precision.text,
  },
  experiment: {
    parse: optional(lineOf('experiment', 100), () => undefined),
    compared: 'when given',
  },
  experimentKey: {
    parse: optional(lineOf('experiment key', 100), () => undefined),
    compared: 'when given',
  },
  scenario: { parse: optional(lineOf('scenario', 100), () => undefined), compared: 'when given' },
} satisfies Record<keyof RunRequest, RequestField>;

const fieldNames = Object.keys(requestFields) as (keyof RunRequest)[];
const knownFields = Object.fromEntries(
  fieldNames.map((field) => [field, true]),
) as FieldNames<RunRequest>;

/** A request that was validated, its defaults filled in. */
export type ParsedRequest = {
  readonly [Field in keyof RunRequest]-?: ReturnType<(typeof requestFields)[Field]['parse']>;
};

/** The simulation, as the record of a run tells of it. */
export interface RecordedSimulation {
  /** The name, where the request gives none. */
  readonly name?: string | undefined;
  readonly fingerprint?: Fingerprint | undefined;
  readonly measures?: readonly string[] | undefined;
}

/** A run about to be allocated. */
export interface NewRun extends ParsedRequest {
  /** The request as it was first asked: what a repeated key is compared with, whatever was changed since. */
  readonly request: ParsedRequest;
  /** The fingerprints of the code that may generate its values; the first is the one that it was asked with. */
  readonly simulation: readonly Fingerprint[];
  /** The names of an iteration's numbers, in order. */
  readonly measures: readonly string[];
  /** Undefined of runs that were begun by a version which did not record them. */
  readonly versions: Versions | undefined;
}

function optional<Value, Default>(
  parse: (value: unknown) => Value,
  otherwise: () => Default,
): (value: unknown) => Value | Default {
  return (value) => (value === undefined ? otherwise() : parse(value));
}

const unnamed = 'anonymous';

/**
 * Validates a request and fills in its defaults.
 * @param simulation what the record says of it, or its name alone
 * @throws InvalidInputError naming the first field that is wrong, or that there is no such field
 */
export function parseRunRequest(
  request: RunRequest,
  simulation: RecordedSimulation | string = {},
): NewRun {
  refuseUnknown(request, 'request', knownFields);
  const { name, fingerprint, measures } =
    typeof simulation === 'string' ? { name: simulation } : simulation;
  const given = { ...request, generatorName: request.generatorName ?? name ?? unnamed };
  const repetitions = Repetitions.parse(request.repetitions);
  const parsed = Object.fromEntries(
    fieldNames.map((field) => [field, requestFields[field].parse(given[field], { repetitions })]),
  ) as unknown as ParsedRequest;
  return {
    ...parsed,
    request: parsed,
    simulation: [fingerprint ?? Fingerprint.unknown],
    measures: measures ?? singleMeasure,
    versions: currentVersions(),
  };
}

/**
 * Refuses a request that repeats another's idempotency key with other input, or for another simulation.
 * @param run the key's run
 * @param asked the request with its defaults, without the fields that its asker has no say in
 * @param given the request as it was given: a seed that it leaves out matches any
 * @throws ConflictingRunError naming the first field that differs
 */
export function refuseOtherRequest(
  run: NewRun & { readonly id: RunId },
  asked: Partial<ParsedRequest> & Partial<Pick<NewRun, 'simulation' | 'measures'>>,
  given: RunRequest,
): void {
  const key = given.idempotencyKey ?? '';
  for (const field of fieldNames) {
    const { compared }: RequestField = requestFields[field];
    const isCompared =
      field in asked &&
      (compared === 'always' || (compared === 'when given' && given[field] !== undefined));
    if (!isCompared) continue;
    const [first, again] = [run.request, asked].map((request) => comparable(request, field));
    if (first !== again) throw new ConflictingRunError(run.id, key, field, first, again);
  }
  const [first = Fingerprint.unknown] = run.simulation;
  const [offered = Fingerprint.unknown] = asked.simulation ?? [];
  if (Fingerprint.areSame(first, offered) === false) {
    const [kept, other] = [first, offered].map(Fingerprint.describe);
    throw new ConflictingRunError(run.id, key, 'simulation', kept, other);
  }
  if (asked.measures !== undefined && !areSameMeasures(run.measures, asked.measures)) {
    const [kept, other] = [run.measures, asked.measures].map((names) => names.join(', '));
    throw new ConflictingRunError(run.id, key, 'measures', kept, other);
  }
}

function comparable(request: Partial<ParsedRequest>, field: keyof RunRequest): unknown {
  const { textOf }: RequestField = requestFields[field];
  return textOf === undefined ? request[field] : textOf(request[field] as never);
}

export const changeableFields = ['repetitions', 'delayMs', 'tolerance'] as const;

/**
 * The changes to a run that is resumed; what is left out stays. It never has fewer repetitions than
 * before: the values that it has are kept, and its seed goes on.
 */
export type RunChange = {
  readonly [Field in (typeof changeableFields)[number]]?: RunRequest[Field] | undefined;
} & {
  /**
   * True to go on with a simulation whose code has changed since: the values to come are of another
   * simulation than those that are there, and each keeps of which.
   * @default false, a changed simulation is refused
   */
  readonly acceptChangedSimulation?: boolean | undefined;
};

/** A {@link RunChange} with its fields validated; those that were left out are not there. */
export type ParsedRunChange = Partial<
  Pick<ParsedRequest, (typeof changeableFields)[number]> & {
    /** To be added to those that the run has accepted. */
    readonly accepted: Fingerprint;
  }
>;

const changeNames: FieldNames<RunChange> = {
  repetitions: true,
  delayMs: true,
  tolerance: true,
  acceptChangedSimulation: true,
};

/** @throws InvalidInputError naming the first field that is wrong, or that there is no such field */
export function parseRunChange(change: RunChange): ParsedRunChange {
  refuseUnknown(change, 'change', changeNames);
  const accepts: unknown = change.acceptChangedSimulation;
  if (accepts !== undefined && typeof accepts !== 'boolean') {
    throw new InvalidInputError('acceptChangedSimulation', 'true or false', accepts);
  }
  const given = changeableFields.filter((field) => change[field] !== undefined);
  return Object.fromEntries(
    given.map((field) => [field, requestFields[field].parse(change[field])]),
  );
}
