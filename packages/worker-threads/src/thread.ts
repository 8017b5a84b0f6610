/** Runs in a worker thread: the generator over ranges of iterations. */
import { performance } from 'node:perf_hooks';
import { workerData } from 'node:worker_threads';
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
  type RunIdentity,
} from '@stepcompute/core/adapters';
import type { CarriedError, RangeFailure, RangeReport, RangeWork, ThreadData } from './messages.js';
import { openModule } from './open-module.js';

/**
 * How long a thread is at a range before it reports and gives the rest back, in milliseconds: long beside the
 * message that brings one, and little is lost with a thread. An iteration that has been begun is not counted
 * while it waits, so those that wait are all begun at once.
 */
const longestTurnMs = 20;

const {
  simulation: place,
  fingerprint: expected,
  timeoutMs,
  begun,
  port,
} = workerData as ThreadData;
const clock = new SystemClock();
/** Never used: a thread that is not wanted any more is ended. */
const stop = new Stop();
let loading: Promise<ParsedSimulation> | undefined;

/** What a range has come to since it was last reported. */
class Outcome {
  #positions: number[] = [];
  #values: number[] = [];
  #failures: RangeFailure[] = [];
  #isReportDue = false;

  constructor(
    private readonly range: number,
    private readonly measures: readonly string[] | undefined,
  ) {}

  keep(position: number, { value, more = [] }: ReturnType<ParsedSimulation['valueOf']>): void {
    this.#positions.push(position);
    this.#values.push(value, ...more);
  }

  fail(position: number, thrown: unknown): void {
    this.#failures.push({ position, thrown: carried(thrown) });
  }

  /** Reports at the end of this turn of the event loop: what comes in the same turn travels together. */
  reportSoon(): void {
    if (this.#isReportDue) return;
    this.#isReportDue = true;
    setImmediate(() => {
      this.#isReportDue = false;
      this.report(undefined);
    });
  }

  report(begun: number | undefined): void {
    const report: RangeReport = {
      range: this.range,
      begun,
      measures: this.measures,
      positions: Int32Array.from(this.#positions),
      values: Float64Array.from(this.#values),
      failures: this.#failures,
    };
    this.#positions = [];
    this.#values = [];
    this.#failures = [];
    port.postMessage(report);
  }
}

/** Never rejects: an error of the generator is its iteration's failure. */
async function take(work: RangeWork): Promise<void> {
  const { first, count, range } = work;
  const identity = { ...work.identity, parameters: frozen(work.identity.parameters) };
  let simulation: ParsedSimulation;
  try {
    loading ??= openModule(place);
    simulation = await loading;
    refuseChanged(identity, simulation.fingerprint);
  } catch (thrown) {
    const outcome = new Outcome(range, undefined);
    for (let position = 0; position < count; position += 1) outcome.fail(position, thrown);
    outcome.report(count);
    return;
  }
  const { generate, declaresMeasures, measures } = simulation;
  const outcome = new Outcome(range, declaresMeasures ? measures : undefined);
  const takenAt = performance.now();
  let position = 0;
  do {
    Atomics.add(begun, 0, 1);
    begin(position);
    position += 1;
  } while (position < count && performance.now() - takenAt < longestTurnMs);
  outcome.report(position);

  function begin(at: number): void {
    const iterationId = (first + at) as IterationId;
    const attempt = new Attempt(stop);
    const keep = (drawn: unknown): void => outcome.keep(at, simulation.valueOf(iterationId, drawn));
    try {
      const drawn = attempt.draw(generate, identity, iterationId, { timeoutMs, clock });
      if (isPromiseLike(drawn)) {
        void Promise.resolve(drawn)
          .then(keep)
          .catch((thrown: unknown) => outcome.fail(at, thrown))
          .finally(() => {
            attempt.close();
            outcome.reportSoon();
          });
        return;
      }
      keep(drawn);
    } catch (thrown) {
      outcome.fail(at, thrown);
    }
    attempt.close();
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
function refuseChanged({ runId }: RunIdentity, found: Fingerprint): void {
  if (expected === undefined || Fingerprint.areSame(expected, found) !== false) return;
  const [asked, here] = [expected, found].map(Fingerprint.describe);
  throw new ChangedSimulationError(
    runId,
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

port.on('message', (work: RangeWork) => void take(work));
