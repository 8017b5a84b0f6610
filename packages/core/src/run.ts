import { InvalidInputError } from './errors.js';

declare const brand: unique symbol;

/** A positive integer, unique within a store even when runs start at the same moment. */
export type RunId = number & { readonly [brand]: 'RunId' };

/** The root of a run's randomness: an integer from 0 to 2^53 − 1. */
export type Seed = number & { readonly [brand]: 'Seed' };

/** How many iterations a run has: an integer from 1 to {@link Repetitions.maximum}. */
export type Repetitions = number & { readonly [brand]: 'Repetitions' };

/** A span of time in milliseconds, from 0 to {@link Milliseconds.maximum}; need not be whole. */
export type Milliseconds = number & { readonly [brand]: 'Milliseconds' };

/** @throws InvalidInputError when `value` is not an integer in [minimum, maximum] */
export function parseInteger(
  value: unknown,
  field: string,
  minimum: number,
  maximum: number,
): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < minimum || value > maximum) {
    throw new InvalidInputError(field, `an integer from ${minimum} to ${maximum}`, value);
  }
  return value + 0; // -0 becomes 0
}

export const RunId = {
  /** 2^31 − 1, so that a stored value costs four bytes for its run. */
  maximum: 2_147_483_647,
  /** @throws InvalidInputError unless `value` is an integer from 1 to {@link RunId.maximum} */
  parse: (value: unknown): RunId => parseInteger(value, 'run id', 1, RunId.maximum) as RunId,
} as const;

export const Seed = {
  maximum: Number.MAX_SAFE_INTEGER,
  /** @throws InvalidInputError unless `value` is an integer from 0 to 2^53 − 1 */
  parse: (value: unknown): Seed => parseInteger(value, 'seed', 0, Seed.maximum) as Seed,
  /** A seed for a run that was given none; not for cryptography. */
  random: (): Seed =>
    (Math.floor(Math.random() * 2 ** 27) * 2 ** 26 + Math.floor(Math.random() * 2 ** 26)) as Seed,
} as const;

export const Repetitions = {
  maximum: 1_000_000_000,
  /** @throws InvalidInputError unless `value` is an integer from 1 to {@link Repetitions.maximum} */
  parse: (value: unknown): Repetitions =>
    parseInteger(value, 'repetitions', 1, Repetitions.maximum) as Repetitions,
} as const;

export const Milliseconds = {
  /** 365 days. */
  maximum: 31_536_000_000,
  /**
   * @param field what the span is for, to be named in the error
   * @throws InvalidInputError unless `value` is a number from `minimum` to {@link Milliseconds.maximum}
   */
  parse: (value: unknown, field: string, minimum = 0): Milliseconds => {
    if (typeof value !== 'number' || !(value >= minimum && value <= Milliseconds.maximum)) {
      throw new InvalidInputError(
        field,
        `a number of milliseconds from ${minimum} to ${Milliseconds.maximum} (365 days)`,
        value,
      );
    }
    return (value + 0) as Milliseconds;
  },
} as const;

/** How many of a run's iterations may fail: a count such as `5`, or a share of them such as `1%`. */
export type Tolerance = string & { readonly [brand]: 'Tolerance' };

const toleranceShape = /^(?:(\d{1,10})|(\d{1,3}(?:\.\d{1,6})?)%)$/;

export const Tolerance = {
  none: '0' as Tolerance,
  /**
   * @param value an integer from 0 to {@link Repetitions.maximum}, the same as text, or a text of 0 to
   *   100 with a percent sign
   * @throws InvalidInputError
   */
  parse: (value: unknown): Tolerance => {
    const [, digits, percent] =
      toleranceShape.exec(
        typeof value === 'string' || typeof value === 'number' ? String(value) : '',
      ) ?? [];
    const count = Number(digits ?? NaN);
    const share = Number(percent ?? NaN);
    if (count <= Repetitions.maximum) return String(count) as Tolerance;
    if (share <= 100) return `${share}%` as Tolerance;
    throw new InvalidInputError(
      'tolerance',
      `a number of failures from 0 to ${Repetitions.maximum}, or a share from 0% to 100%`,
      value,
    );
  },
  /** The most failures that a run of so many repetitions may end with: of a share, what is whole of it. */
  failures: (tolerance: Tolerance, repetitions: number): number => {
    if (!tolerance.endsWith('%')) return Number(tolerance);
    // A ten-thousandth of a percent is the smallest share, so no whole number is missed by rounding.
    return Math.floor((repetitions * Number(tolerance.slice(0, -1))) / 100 + 1e-7);
  },
} as const;

/** What its asker says of a run; numbers are validated when the run is allocated. */
export interface RunRequest {
  /** Integer, 1 … {@link Repetitions.maximum}. */
  readonly repetitions: number;
  /** Integer, 0 … 2^53 − 1. Default: chosen at random, and recorded with the run. */
  readonly seed?: number | undefined;
  /** Wait after each value, standing in for a long computation, in milliseconds. Default: 0. */
  readonly delayMs?: number | undefined;
  /** What generated the values, for the record. Default: the orchestrator's generator's own name. */
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

/** A run about to be allocated: validated, its seed chosen. */
export interface NewRun {
  readonly repetitions: Repetitions;
  readonly seed: Seed;
  readonly delayMs: Milliseconds;
  readonly generatorName: string;
  readonly tolerance: Tolerance;
  readonly idempotencyKey: string | undefined;
}

/** What may be changed of a run that is resumed; what is left out stays. */
export interface RunChange {
  /** At least as many as the run has: the values that it has are kept, and its seed goes on. */
  readonly repetitions?: number | undefined;
  /** In milliseconds. */
  readonly delayMs?: number | undefined;
  readonly tolerance?: number | string | undefined;
}

/** A {@link RunChange} whose fields are valid. */
export interface ParsedRunChange {
  readonly repetitions: Repetitions | undefined;
  readonly delayMs: Milliseconds | undefined;
  readonly tolerance: Tolerance | undefined;
}

/**
 * `started` until the run is known to have ended: a process that was killed leaves its runs so.
 * `completed` is final unless the run is resumed; `failed` and `cancelled` may still become `completed`.
 */
export type RunStatus = 'started' | 'completed' | 'failed' | 'cancelled';

/** One request for N repetitions, as its store recorded it. */
export interface Run extends NewRun {
  readonly id: RunId;
  readonly status: RunStatus;
  readonly startedAt: Date;
  /** When the run last ended, in whichever way. */
  readonly finishedAt: Date | undefined;
}

/** What a run owes: requested = completed + failed + missing, always. */
export interface Ledger {
  readonly requested: number;
  readonly completed: number;
  readonly failed: number;
  readonly missing: number;
}

function parseText(value: unknown, field: string, maximum: number): string {
  if (typeof value !== 'string' || value.length < 1 || value.length > maximum) {
    throw new InvalidInputError(field, `a text of 1 to ${maximum} characters`, value);
  }
  if (value.includes('\0')) {
    throw new InvalidInputError(field, 'a text without NUL characters', value);
  }
  return value;
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
  const { generatorName: name = generatorName } = request;
  return {
    repetitions: Repetitions.parse(request.repetitions),
    seed: request.seed === undefined ? Seed.random() : Seed.parse(request.seed),
    delayMs:
      request.delayMs === undefined
        ? (0 as Milliseconds)
        : Milliseconds.parse(request.delayMs, 'delay'),
    generatorName: parseText(name, 'generator name', 4096),
    tolerance:
      request.tolerance === undefined ? Tolerance.none : Tolerance.parse(request.tolerance),
    idempotencyKey:
      request.idempotencyKey === undefined
        ? undefined
        : parseText(request.idempotencyKey, 'idempotency key', 256),
  };
}

/** @throws InvalidInputError naming the first field that is wrong */
export function parseRunChange(change: RunChange): ParsedRunChange {
  if (typeof change !== 'object' || (change as unknown) === null) {
    throw new InvalidInputError('change', 'an object', change);
  }
  const { repetitions, delayMs, tolerance } = change;
  return {
    repetitions: repetitions === undefined ? undefined : Repetitions.parse(repetitions),
    delayMs: delayMs === undefined ? undefined : Milliseconds.parse(delayMs, 'delay'),
    tolerance: tolerance === undefined ? undefined : Tolerance.parse(tolerance),
  };
}

/**
 * For run stores: a run is never made shorter, since its values would be left over.
 * @throws InvalidInputError when it has more repetitions than asked for
 */
export function refuseFewerRepetitions({ id, repetitions }: Run, asked: number | undefined): void {
  if (asked !== undefined && asked < repetitions) {
    throw new InvalidInputError('repetitions', `at least run ${id}'s ${repetitions}`, asked);
  }
}
