import { IterationId, RunId, Seed } from '../run/numbers.js';
import { RunParameters, type JsonObject } from '../run/parameters.js';
import type { RunIdentity } from '../run/run.js';
import { RandomStream, type Random } from './random-stream.js';

/** A generator's view of the iteration that it generates a value for. */
export interface IterationContext<Parameters extends object = JsonObject> {
  readonly runId: RunId;
  readonly seed: Seed;
  readonly iterationId: IterationId;
  /** The run's, frozen: the same object for all of its iterations in a thread. */
  readonly parameters: Readonly<Parameters>;
  /** This iteration's own random numbers: the only source with which a run can be replayed. */
  readonly random: Random;
  /** Aborted when the value is no longer wanted: the run was stopped, or the iteration's time is up. */
  readonly signal: AbortSignal;
}

/**
 * One call yields the value of one iteration, a finite number. It is called once for each attempt of
 * an iteration, in no particular order, many at a time when it is asynchronous. Its values can be
 * replayed when they depend on the context alone. An error that it throws, or rejects with, fails the
 * iteration.
 * @example
 * const twoDice: ValueGenerator = ({ random }) => random.integer(1, 6) + random.integer(1, 6);
 */
export type ValueGenerator<Parameters extends object = JsonObject> = (
  context: IterationContext<Parameters>,
) => number | Promise<number>;

/** The key under which a container binds the service's {@link ValueGenerator}. */
export const ValueGenerator = Symbol.for('@stepcompute/core/ValueGenerator');

/** The version of {@link uniformInteger}, for the record. */
export const uniformIntegerVersion = 'uniformInteger/1';

/** The default simulation: a uniform random integer from 0 to 1000, both included. */
export function uniformInteger({ random }: Pick<IterationContext, 'random'>): number {
  return random.integer(0, 1000);
}

/** An {@link IterationContext} whose signal costs nothing until it is asked for. */
export class SeededIteration implements IterationContext {
  readonly runId: RunId;
  readonly seed: Seed;
  readonly parameters: JsonObject;
  readonly random: Random;
  declare readonly signal: AbortSignal;
  readonly #abort: { readonly signal: AbortSignal };

  /** A property of its own, so that `{ ...context }` has it too; one descriptor for all costs least. */
  static readonly #signal = {
    get(this: SeededIteration): AbortSignal {
      return this.#abort.signal;
    },
    enumerable: true,
    configurable: true,
  };

  /** @param abort what can abort the iteration, an AbortController for one */
  constructor(
    { runId, seed, parameters }: RunIdentity,
    readonly iterationId: IterationId,
    abort: { readonly signal: AbortSignal },
  ) {
    this.runId = runId;
    this.seed = seed;
    this.parameters = parameters;
    this.random = new RandomStream(seed, iterationId);
    this.#abort = abort;
    Object.defineProperty(this, 'signal', SeededIteration.#signal);
  }
}

/** The parts of an {@link IterationContext} that a test cares for. */
export interface IterationContextProps<Parameters extends object = JsonObject> {
  /** Default: 1. */
  readonly runId?: number | undefined;
  /** Default: 0. */
  readonly seed?: number | undefined;
  /** Default: 0. */
  readonly iterationId?: number | undefined;
  /** Default: none. */
  readonly parameters?: Parameters | undefined;
  /** Default: those that a run draws for this seed and iteration. */
  readonly random?: Random | undefined;
  /** Default: one that is never aborted. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A context as a run gives it to its generator, for a test of the generator alone.
 * @throws InvalidInputError when an id, the seed or the parameters are not valid
 * @example
 * payoff(iterationContext({ seed: 42, iterationId: 7, parameters: { strike: 110 } }));
 */
export function iterationContext<Parameters extends object = JsonObject>(
  props: IterationContextProps<Parameters> = {},
): IterationContext<Parameters> {
  const { runId = 1, seed = 0, iterationId = 0, parameters = RunParameters.none } = props;
  const identity = {
    runId: RunId.parse(runId),
    seed: Seed.parse(seed),
    parameters: RunParameters.parse(parameters),
  };
  const { random, signal = new AbortController().signal } = props;
  const context: IterationContext = new SeededIteration(identity, IterationId.parse(iterationId), {
    signal,
  });
  return { ...context, ...(random && { random }) } as unknown as IterationContext<Parameters>;
}
