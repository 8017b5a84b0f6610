import { InvalidValueError } from './errors.js';
import type { IterationId } from './range.js';
import { RandomStream } from './random-stream.js';
import type { RunId, Seed } from './run.js';

/** What a generator is told of the iteration that it generates a value for. */
export interface IterationContext {
  readonly runId: RunId;
  readonly iterationId: IterationId;
  /** The run's, for a simulation that is computed elsewhere and needs to make `random` there. */
  readonly seed: Seed;
  /** This iteration's own random numbers: the only source with which a run can be replayed. */
  readonly random: RandomStream;
  /** Aborted when the value is no longer wanted: the run was stopped, or the iteration's time is up. */
  readonly signal: AbortSignal;
}

/**
 * The simulation: one call yields the value of one iteration, a finite number. It is called at most
 * once per iteration and attempt, in no particular order, many at a time when it is asynchronous. For the value to
 * be replayable it must depend on the context alone. What it throws or rejects with fails the iteration.
 */
export type ValueGenerator = (context: IterationContext) => number | Promise<number>;

/** The key under which a container binds the service's {@link ValueGenerator}. */
export const ValueGenerator = Symbol.for('@stepcompute/core/ValueGenerator');

/** The default simulation: a uniform random integer from 0 to 1000, both included. */
export function uniformInteger({ random }: IterationContext): number {
  return random.integer(0, 1000);
}

/** One stored value: a finite number, never −0, under its iteration. */
export interface IterationValue {
  readonly iterationId: IterationId;
  readonly value: number;
}

/**
 * The value as it is stored: −0 becomes 0, which Postgres and JSON would otherwise tell apart.
 * @throws InvalidValueError unless it is a finite number
 */
export function parseValue(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new InvalidValueError(value);
  return value + 0;
}

/** An {@link IterationContext} whose random stream and signal cost nothing until they are asked for. */
export class SeededIteration implements IterationContext {
  readonly #abort: { readonly signal: AbortSignal };
  #random: RandomStream | undefined;

  /** @param abort what can abort the iteration, an AbortController for one */
  constructor(
    readonly runId: RunId,
    readonly iterationId: IterationId,
    readonly seed: Seed,
    abort: { readonly signal: AbortSignal },
  ) {
    this.#abort = abort;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get random(): RandomStream {
    this.#random ??= new RandomStream(this.seed, this.iterationId);
    return this.#random;
  }
}
