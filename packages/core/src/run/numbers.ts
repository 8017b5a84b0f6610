import { InvalidInputError } from '../errors/invalid-input-error.js';

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

/** A repetition of its run: an integer from 0 to repetitions − 1. */
export type IterationId = number & { readonly [brand]: 'IterationId' };

export const IterationId = {
  maximum: Repetitions.maximum - 1,
  /** @throws InvalidInputError unless `value` is an integer from 0 to {@link IterationId.maximum} */
  parse: (value: unknown): IterationId =>
    parseInteger(value, 'iteration id', 0, IterationId.maximum) as IterationId,
} as const;
