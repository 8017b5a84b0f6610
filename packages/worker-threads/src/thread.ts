/** Runs in a worker thread: the generator over a range of iterations. */
import { performance } from 'node:perf_hooks';
import {
  ChangedSimulationError,
  Fingerprint,
  isStepComputeError,
  messageOf,
  nameOf,
  RunParameters,
  SystemClock,
  type IterationId,
  type JsonObject,
} from '@stepcompute/core';
import {
  Attempt,
  causeOf,
  isPromiseLike,
  stackOf,
  Stop,
  type ParsedSimulation,
} from '@stepcompute/core/adapters';
import { openModule } from './open-module.js';
import type { CarriedError, RangeOutcome, RangeWork } from './range-work.js';

const clock = new SystemClock();
/** Never used: a thread that is not wanted any more is ended. */
const stop = new Stop();
let loading: Promise<ParsedSimulation> | undefined;

/** Never rejects: an error of the generator is its iteration's failure. */
export async function generateRange(work: RangeWork): Promise<RangeOutcome> {
  const { first, count, timeoutMs, begun } = work;
  const identity = { ...work.identity, parameters: frozen(work.identity.parameters) };
  let measures: readonly string[] | undefined;
  let values = new Float64Array(count).fill(NaN);
  const failures: { position: number; thrown: CarriedError }[] = [];
  const fail = (position: number, thrown: unknown): void => {
    failures.push({ position, thrown: carried(thrown) });
  };
  try {
    loading ??= openModule(work.simulation);
    const simulation = await loading;
    const { generate, fingerprint } = simulation;
    refuseChanged(work, fingerprint);
    if (simulation.declaresMeasures) {
      ({ measures } = simulation);
      values = new Float64Array(count * measures.length).fill(NaN);
    }
    const keep = (position: number, drawn: unknown): void => {
      const { value, more } = simulation.valueOf((first + position) as IterationId, drawn);
      if (more === undefined) values[position] = value;
      else values.set([value, ...more], position * (1 + more.length));
    };
    const before = performance.eventLoopUtilization();
    const unsettled: Promise<void>[] = [];
    for (let position = 0; position < count; position += 1) {
      Atomics.add(begun, 0, 1);
      const attempt = new Attempt(stop);
      const iterationId = (first + position) as IterationId;
      try {
        const drawn = attempt.draw(generate, identity, iterationId, { timeoutMs, clock });
        if (isPromiseLike(drawn)) {
          const settled = Promise.resolve(drawn).then((value) => keep(position, value));
          unsettled.push(
            settled
              .catch((thrown: unknown) => fail(position, thrown))
              .finally(() => attempt.close()),
          );
          continue;
        }
        keep(position, drawn);
      } catch (thrown) {
        fail(position, thrown);
      }
      attempt.close();
    }
    await Promise.all(unsettled);
    const { active } = performance.eventLoopUtilization(before);
    return { measures, values, failures, busyMs: active };
  } catch (thrown) {
    for (let position = 0; position < count; position += 1) fail(position, thrown);
    return { measures, values, failures, busyMs: 0 };
  }
}

let known: JsonObject | undefined;

/**
 * The parameters as a generator may have them: frozen throughout, and one object for all iterations of a run.
 * Each range comes with a copy.
 */
function frozen(copy: JsonObject): JsonObject {
  if (known === undefined || RunParameters.text(known) !== RunParameters.text(copy)) {
    known = RunParameters.parse(copy);
  }
  return known;
}

/** Another file than that of the thread that asks: it was changed since, or this is another machine's. */
function refuseChanged({ identity, fingerprint: expected }: RangeWork, found: Fingerprint): void {
  if (expected === undefined || Fingerprint.areSame(expected, found) !== false) return;
  const [asked, here] = [expected, found].map(Fingerprint.describe);
  throw new ChangedSimulationError(
    identity.runId,
    `its code differs (${asked}; in a worker thread: ${here})`,
  );
}

/** So many causes of an error cross. */
const longestChain = 5;

/** An error of StepCompute's own says nothing by where it was thrown. */
function carried(thrown: unknown, causes = longestChain): CarriedError {
  if (isStepComputeError(thrown)) return { name: thrown.name, message: thrown.message };
  const cause = causes > 0 ? causeOf(thrown) : undefined;
  const stack = stackOf(thrown);
  return {
    name: nameOf(thrown),
    message: messageOf(thrown),
    stack,
    ...(cause !== undefined && { cause: carried(cause, causes - 1) }),
  };
}
