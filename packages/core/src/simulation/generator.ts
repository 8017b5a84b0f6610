import type { IterationId, RunId, Seed } from '../run/numbers.js';
import type { RunIdentity } from '../run/run.js';
import { RandomStream } from './random-stream.js';

/** A generator's view of the iteration that it generates a value for. */
export interface IterationContext extends RunIdentity {
  readonly iterationId: IterationId;
  /** This iteration's own random numbers: the only source with which a run can be replayed. */
  readonly random: RandomStream;
  /** Aborted when the value is no longer wanted: the run was stopped, or the iteration's time is up. */
  readonly signal: AbortSignal;
}

/**
 * The simulation: one call yields the value of one iteration, a finite number. It is called once for
 * each attempt of an iteration, in no particular order, many at a time when it is asynchronous. Its
 * values can be replayed when they depend on the context alone. An error that it throws, or rejects
 * with, fails the iteration.
 * @example
 * const twoDice: ValueGenerator = ({ random }) => random.integer(1, 6) + random.integer(1, 6);
 */
export type ValueGenerator = (context: IterationContext) => number | Promise<number>;

/** The key under which a container binds the service's {@link ValueGenerator}. */
export const ValueGenerator = Symbol.for('@stepcompute/core/ValueGenerator');

/** The default simulation: a uniform random integer from 0 to 1000, both included. */
export function uniformInteger({ random }: IterationContext): number {
  return random.integer(0, 1000);
}

/** An {@link IterationContext} whose random stream and signal cost nothing until they are asked for. */
export class SeededIteration implements IterationContext {
  readonly runId: RunId;
  readonly seed: Seed;
  readonly #abort: { readonly signal: AbortSignal };
  #random: RandomStream | undefined;

  /** @param abort what can abort the iteration, an AbortController for one */
  constructor(
    { runId, seed }: RunIdentity,
    readonly iterationId: IterationId,
    abort: { readonly signal: AbortSignal },
  ) {
    this.runId = runId;
    this.seed = seed;
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
