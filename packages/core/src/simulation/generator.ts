import { refuseUnknown, type FieldNames } from '../errors/unknown-fields.js';
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
 * One call yields the value of one iteration, a finite number, or an object of one for each measure
 * that its simulation declares. It is called once for each attempt of
 * an iteration, in no particular order, many at a time when it is asynchronous. Its values can be
 * replayed when they depend on the context alone. An error that it throws, or rejects with, fails the
 * iteration.
 * @example
 * const twoDice: ValueGenerator = ({ random }) => random.integer(1, 6) + random.integer(1, 6);
 */
export type ValueGenerator<
  Parameters extends object = JsonObject,
  Measure extends string = never,
> = (context: IterationContext<Parameters>) => Drawn<Measure> | Promise<Drawn<Measure>>;

/** The yield of one call of a generator: a number where there are no declared measures, either where they are not known. */
export type Drawn<Measure extends string = never> = [Measure] extends [never]
  ? number
  : string extends Measure
    ? number | object
    : Readonly<Record<Measure, number>>;

/** A generator of whichever parameters and measures. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyGenerator = ValueGenerator<any, string>;

/** The key under which a container binds the service's {@link ValueGenerator}. */
export const ValueGenerator = Symbol.for('@stepcompute/core/ValueGenerator');

/** The version of {@link uniformInteger}, for the record. */
export const uniformIntegerVersion = 'uniformInteger/1';

/** The default simulation: a uniform random integer from 0 to 1000, both included. */
export function uniformInteger({ random }: Pick<IterationContext, 'random'>): number {
  return random.integer(0, 1000);
}

/** Can abort an iteration; an AbortController is one. */
interface Abort {
  readonly signal: AbortSignal;
}

/** An {@link IterationContext} whose random numbers and signal cost nothing until they are asked for. */
class LazyIteration implements IterationContext {
  readonly runId: RunId;
  readonly seed: Seed;
  readonly parameters: JsonObject;
  readonly #abort: Abort;
  #random: Random | undefined;

  constructor(
    { runId, seed, parameters }: RunIdentity,
    readonly iterationId: IterationId,
    abort: Abort,
  ) {
    this.runId = runId;
    this.seed = seed;
    this.parameters = parameters;
    this.#abort = abort;
  }

  get random(): Random {
    this.#random ??= new RandomStream(this.seed, this.iterationId);
    return this.#random;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }
}

const { random, signal } = Object.getOwnPropertyDescriptors(LazyIteration.prototype);
const ownProperties = {
  random: { ...random, enumerable: true },
  signal: { ...signal, enumerable: true },
};

/** The same with properties of its own, so that `{ ...context }` has them all. It takes several times as long to make. */
class WholeIteration extends LazyIteration {
  constructor(identity: RunIdentity, iterationId: IterationId, abort: Abort) {
    super(identity, iterationId, abort);
    Object.defineProperties(this, ownProperties);
  }
}

/** A function that has no parameter, or a pattern without a rest: nothing gets hold of its argument as a whole. */
const takesApart =
  /^(?:async\s+)?(?:function\b)?\s*[\w$]*\s*\(\s*(?:\{(?:[^{}=.]|\{[^{}=.]*\})*\}\s*)?\)/;

const iterationClasses = new WeakMap<object, typeof LazyIteration>();
/** The one that was asked about last, nearly always the next as well. */
let last: { readonly generator: unknown; readonly found: typeof LazyIteration } | undefined;

/** Decided once for each generator, by how it takes its argument. */
function iterationClassOf(generator: AnyGenerator): typeof LazyIteration {
  if (last?.generator === generator) return last.found;
  const found = iterationClasses.get(generator) ?? chooseIterationClass(generator);
  iterationClasses.set(generator, found);
  last = { generator, found };
  return found;
}

function chooseIterationClass(generator: AnyGenerator): typeof LazyIteration {
  const source = Function.prototype.toString.call(generator);
  const isTakenApart =
    takesApart.test(source) && !/\b(?:arguments|eval|native code)\b/.test(source);
  return isTakenApart ? LazyIteration : WholeIteration;
}

/** The context of one attempt. */
export function contextFor(
  generator: AnyGenerator,
  identity: RunIdentity,
  iterationId: IterationId,
  abort: Abort,
): IterationContext {
  return new (iterationClassOf(generator))(identity, iterationId, abort);
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

const contextFields: FieldNames<IterationContextProps> = {
  runId: true,
  seed: true,
  iterationId: true,
  parameters: true,
  random: true,
  signal: true,
};

/**
 * A context as a run gives it to its generator, for a test of the generator alone.
 * @throws InvalidInputError when an id, the seed or the parameters are not valid
 * @example
 * payoff(iterationContext({ seed: 42, iterationId: 7, parameters: { strike: 110 } }));
 */
export function iterationContext<Parameters extends object = JsonObject>(
  props: IterationContextProps<Parameters> = {},
): IterationContext<Parameters> {
  refuseUnknown(props, 'properties', contextFields);
  const { runId = 1, seed = 0, iterationId = 0, parameters = RunParameters.none } = props;
  const identity = {
    runId: RunId.parse(runId),
    seed: Seed.parse(seed),
    parameters: RunParameters.parse(parameters),
  };
  const { random, signal = new AbortController().signal } = props;
  const id = IterationId.parse(iterationId);
  return {
    ...identity,
    iterationId: id,
    random: random ?? new RandomStream(identity.seed, id),
    signal,
  } as unknown as IterationContext<Parameters>;
}
