import { InvalidInputError } from '../errors/invalid-input-error.js';
import { Milliseconds, Repetitions, Seed, type RunId } from './numbers.js';
import { ConflictingRunError } from './run-errors.js';
import { Tolerance } from './tolerance.js';

/** A run as it is asked for; its fields are validated when the run is allocated. */
export interface RunRequest {
  /** Integer, 1 … {@link Repetitions.maximum}. */
  readonly repetitions: number;
  /** Integer, 0 … 2^53 − 1. Default: chosen at random, and recorded with the run. */
  readonly seed?: number | undefined;
  /** Wait after each value, standing in for a long computation, in milliseconds. Default: 0. */
  readonly delayMs?: number | undefined;
  /** Names the simulation, for the record; 1 … 4,096 characters. Default: the generator's own name. */
  readonly generatorName?: string | undefined;
  /**
   * How many iterations may fail without failing the run: a count, or a share such as `'1%'`. The
   * average is then taken over the others. Default: 0.
   */
  readonly tolerance?: number | string | undefined;
  /**
   * Makes the request safe to repeat: the same key with the same input answers with the same run,
   * with another input is an error. 1 … 256 characters. Default: none, every request is a new run.
   */
  readonly idempotencyKey?: string | undefined;
}

/** One field of a request. */
interface RequestField {
  /** Validates the field, or gives its default when it is undefined. */
  readonly parse: (value: unknown) => unknown;
  /** When a request that repeats a key must say the same as the first one did. */
  readonly compared: 'always' | 'when given' | 'never';
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
  generatorName: { parse: textOf('generator name', 4096), compared: 'always' },
  tolerance: { parse: optional(Tolerance.parse, () => Tolerance.none), compared: 'always' },
  idempotencyKey: {
    parse: optional(textOf('idempotency key', 256), () => undefined),
    compared: 'never',
  },
} satisfies Record<keyof RunRequest, RequestField>;

const fieldNames = Object.keys(requestFields) as (keyof RunRequest)[];

/** A run about to be allocated: a request that was validated, its defaults filled in. */
export type NewRun = {
  readonly [Field in keyof RunRequest]-?: ReturnType<(typeof requestFields)[Field]['parse']>;
};

function optional<Value, Default>(
  parse: (value: unknown) => Value,
  otherwise: () => Default,
): (value: unknown) => Value | Default {
  return (value) => (value === undefined ? otherwise() : parse(value));
}

/**
 * Validates a request and fills in its defaults.
 * @param generatorName what the record says when the request doesn't
 * @throws InvalidInputError naming the first field that is wrong
 */
export function parseRunRequest(request: RunRequest, generatorName = 'anonymous'): NewRun {
  if (typeof request !== 'object' || (request as unknown) === null) {
    throw new InvalidInputError('request', 'an object with repetitions', request);
  }
  const given = { ...request, generatorName: request.generatorName ?? generatorName };
  return Object.fromEntries(
    fieldNames.map((field) => [field, requestFields[field].parse(given[field])]),
  ) as unknown as NewRun;
}

/**
 * Refuses a request that repeats another's idempotency key with other input.
 * @param run the key's run
 * @param asked the request with its defaults, without the fields that its asker has no say in
 * @param request as it was given: a seed that it leaves out matches any
 * @throws ConflictingRunError naming the first field that differs
 */
export function refuseOtherRequest(
  run: NewRun & { readonly id: RunId },
  asked: Partial<NewRun>,
  request: RunRequest,
): void {
  for (const field of fieldNames) {
    const { compared } = requestFields[field];
    const isCompared =
      field in asked &&
      (compared === 'always' || (compared === 'when given' && request[field] !== undefined));
    if (isCompared && run[field] !== asked[field]) {
      const key = request.idempotencyKey ?? '';
      throw new ConflictingRunError(run.id, key, field, run[field], asked[field]);
    }
  }
}

export const changeableFields = ['repetitions', 'delayMs', 'tolerance'] as const;

/**
 * The changes to a run that is resumed; what is left out stays. It never has fewer repetitions than
 * before: the values that it has are kept, and its seed goes on.
 */
export type RunChange = {
  readonly [Field in (typeof changeableFields)[number]]?: RunRequest[Field] | undefined;
};

/** A {@link RunChange} with its fields validated; those that were left out are not there. */
export type ParsedRunChange = Partial<Pick<NewRun, keyof RunChange>>;

/** @throws InvalidInputError naming the first field that is wrong */
export function parseRunChange(change: RunChange): ParsedRunChange {
  if (typeof change !== 'object' || (change as unknown) === null) {
    throw new InvalidInputError('change', 'an object', change);
  }
  const given = changeableFields.filter((field) => change[field] !== undefined);
  return Object.fromEntries(
    given.map((field) => [field, requestFields[field].parse(change[field])]),
  );
}

/** Parses a text that every store can keep: PostgreSQL's is UTF-8 without NUL. */
function textOf(field: string, maximum: number): (value: unknown) => string {
  return (value) => {
    if (typeof value !== 'string' || value.length < 1 || value.length > maximum) {
      throw new InvalidInputError(field, `a text of 1 to ${maximum} characters`, value);
    }
    if (/\0|\p{Surrogate}/u.test(value)) {
      throw new InvalidInputError(field, 'well-formed text without NUL characters', value);
    }
    return value;
  };
}
