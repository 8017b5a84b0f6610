import { InvalidInputError } from '../errors/invalid-input-error.js';
import { refuseUnknown, type FieldNames } from '../errors/unknown-fields.js';
import { nameOf } from '../errors/thrown.js';
import { Milliseconds, parseInteger } from '../run/numbers.js';
import type { RandomStream } from '../simulation/random-stream.js';

/** When an iteration whose generator failed is tried again, if it is. */
export interface RetryPolicy {
  /** The most calls of the generator for one iteration, 1 … 1,000, each with the same random numbers. Default: 1. */
  readonly attempts?: number | undefined;
  /**
   * The longest wait before the second attempt, in milliseconds; before each further one it doubles.
   * The wait itself is a random part of it, so that those which failed together do not come back
   * together. Default: 100.
   */
  readonly backoffMs?: number | undefined;
  /** The doubling stops here, in milliseconds. Default: 30,000. */
  readonly maximumBackoffMs?: number | undefined;
  /** The `name`s of the errors to try again after; `IterationTimeoutError` is a time-out's. Default: all. */
  readonly errors?: readonly string[] | undefined;
}

const policyFields: FieldNames<RetryPolicy> = {
  attempts: true,
  backoffMs: true,
  maximumBackoffMs: true,
  errors: true,
};

const mostAttempts = 1000;
const defaultBackoffMs = 100;
const defaultMaximumBackoffMs = 30_000;

/** A {@link RetryPolicy} with its defaults filled in. */
export class Retries {
  readonly #attempts: number;
  readonly #backoffMs: number;
  readonly #maximumBackoffMs: number;
  readonly #errors: readonly string[] | undefined;

  /** @throws InvalidInputError when a field is out of range */
  constructor(policy: RetryPolicy = {}) {
    refuseUnknown(policy, 'retry', policyFields);
    const { attempts = 1, backoffMs = defaultBackoffMs, errors } = policy;
    const { maximumBackoffMs = defaultMaximumBackoffMs } = policy;
    this.#attempts = parseInteger(attempts, 'retry attempts', 1, mostAttempts);
    this.#backoffMs = Milliseconds.parse(backoffMs, 'retry backoff');
    this.#maximumBackoffMs = Milliseconds.parse(maximumBackoffMs, 'retry maximum backoff');
    if (errors !== undefined && !isListOfTexts(errors)) {
      throw new InvalidInputError('retry errors', 'a list of error names', errors);
    }
    this.#errors = errors;
  }

  /**
   * How long to wait before the next attempt, in milliseconds; undefined when there is to be none.
   * Full jitter. Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
   * @param attempts how many there have been
   * @param random the iteration's stream for this purpose
   */
  backoff(attempts: number, thrown: unknown, random: RandomStream): number | undefined {
    if (attempts >= this.#attempts) return undefined;
    if (this.#errors?.includes(nameOf(thrown)) === false) return undefined;
    const longest = Math.min(this.#maximumBackoffMs, this.#backoffMs * 2 ** (attempts - 1));
    return random.uniform() * longest;
  }
}

function isListOfTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
