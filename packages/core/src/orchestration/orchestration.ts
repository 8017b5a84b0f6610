import { averagesByName, type RunAverage } from '../statistics/average.js';
import { isStepComputeError } from '../errors/base.js';
import { isRetryable } from '../errors/thrown.js';
import { refuseUnknown, type FieldNames } from '../errors/unknown-fields.js';
import { isPromiseLike } from '../execution/attempt.js';
import { heeding, shortly } from '../execution/grace.js';
import { progressOf } from '../execution/progress.js';
import { guarded, type Observer, type RunEnded } from '../ports/observer.js';
import { refuseMixed } from '../ports/refusals.js';
import type { Executor, Orchestrator, RunOptions, RunResult } from '../ports/orchestrator.js';
import type { Stores } from '../ports/stores.js';
import type { Ledger } from '../run/ledger.js';
import { RunId } from '../run/numbers.js';
import type { RunPlan } from '../run/plan.js';
import { countOf, IterationRange } from '../run/range.js';
import { parseRunChange, type RunChange, type RunRequest } from '../run/request.js';
import { CancelledError, IncompleteRunError } from '../run/run-errors.js';
import type { Run } from '../run/run.js';
import type { AnySimulation } from '../simulation/simulation.js';
import { AggregateAndStoreValue } from '../steps/aggregate-and-store-value.js';
import { RetrieveRunId } from '../steps/retrieve-run-id.js';
import { checkedSimulation, type WriteToDbSettings } from '../steps/write-to-db.js';
import type { Clock } from '../time/clock.js';
import { SystemClock } from '../time/system-clock.js';

export interface OrchestrationProps {
  readonly stores: Stores;
  /** Does what a run's plan says is missing. */
  readonly executor: Executor;
  /**
   * The simulation that the executor generates with: its defaults are filled in, its parameters checked, its code
   * compared. Default: none of it is, and parameters are recorded as they are given.
   */
  readonly simulation?: AnySimulation | undefined;
  /** Those of the executor, as far as it has them. */
  readonly settings?: WriteToDbSettings | undefined;
  /** Names the simulation where a request doesn't. Default: the simulation's name, or `anonymous`. */
  readonly generatorName?: string | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

const propsFields: FieldNames<OrchestrationProps> = {
  stores: true,
  executor: true,
  simulation: true,
  settings: true,
  generatorName: true,
  clock: true,
};

const optionFields: FieldNames<RunOptions> = { signal: true, onProgress: true };

/**
 * An orchestrator around an executor, for every engine that is given a plan: it retrieves the run id,
 * has the plan executed, aggregates, and records how the run ended.
 */
export class Orchestration implements Orchestrator {
  readonly #stores: Stores;
  readonly #executor: Executor;
  readonly #retrieveRunId: RetrieveRunId;
  readonly #aggregateAndStoreValue: AggregateAndStoreValue;
  readonly #observer: Observer | undefined;
  readonly #clock: Clock;

  /** @throws InvalidInputError when a property is not valid, or there is no such property */
  constructor(props: OrchestrationProps) {
    refuseUnknown(props, 'properties', propsFields);
    const { stores, executor, simulation, settings = {}, clock = new SystemClock() } = props;
    refuseMixed(stores);
    this.#stores = stores;
    this.#observer = guarded(settings.observer);
    this.#clock = clock;
    this.#executor = executor;
    this.#retrieveRunId = new RetrieveRunId(
      stores,
      simulation && checkedSimulation(simulation, stores.values, clock, settings),
      props.generatorName,
    );
    this.#aggregateAndStoreValue = new AggregateAndStoreValue(stores);
  }

  async run(request: RunRequest, options: RunOptions = {}): Promise<RunResult> {
    refuseIfAborted(options);
    const { signal } = options;
    const retrieved = this.#retrieveRunId.execute(request, signal);
    const plan = await heeding(signal, retrieved, unanswered);
    const stored = await answered(storedResult(this.#stores, plan.run), plan.run.id, options);
    return stored === undefined ? this.#toTheEnd(plan, options) : tellOf(stored, options);
  }

  async resume(id: number, change: RunChange = {}, options: RunOptions = {}): Promise<RunResult> {
    refuseIfAborted(options);
    const runId = RunId.parse(id);
    if (Object.keys(parseRunChange(change)).length === 0) {
      const run = await answered(this.#stores.runs.get(runId), runId, options);
      const complete = await answered(completeResult(this.#stores, run), runId, options);
      if (complete !== undefined) return tellOf(complete, options);
    }
    const retrieved = this.#retrieveRunId.resume(runId, change, undefined, options.signal);
    return this.#toTheEnd(await answered(retrieved, runId, options), options);
  }

  async #toTheEnd(plan: RunPlan, options: RunOptions): Promise<RunResult> {
    const { runs, failures } = this.#stores;
    const { id } = plan.run;
    let now = plan.run;
    const begunAt = this.#clock.now();
    this.#observer?.({
      type: 'run',
      run: Object.freeze({ ...plan.run }),
      missing: countOf(plan.missing),
    });
    const ended = (how: Pick<RunEnded, 'status' | 'ledger' | 'error'>): void =>
      this.#observer?.({ type: 'end', runId: id, durationMs: this.#clock.now() - begunAt, ...how });
    try {
      const averaged = async (look: number): Promise<RunResult> => {
        const average = await this.#aggregateAndStoreValue.execute(id, look);
        return resultOf(await runs.get(id), await failures.ledger(id), average);
      };
      const result = await this.#executed(plan, averaged, options, (run) => (now = run));
      ended({ status: 'completed', ledger: result.ledger });
      return result;
    } catch (error) {
      const status = await recordEnd(this.#stores, now, error);
      ended({ status, error });
      throw error;
    }
  }

  /**
   * Executes the plan, and what is missing after it: a run with a goal has gone on to its next look; another
   * process, which resumes the run, has taken failures back to try them again; or an engine has lost a piece.
   */
  async #executed(
    plan: RunPlan,
    averaged: (look: number) => Promise<RunResult>,
    options: RunOptions,
    onLook: (run: Run) => void,
  ): Promise<RunResult> {
    const { id, precision } = plan.run;
    const planOf = async (run: Run, first: number): Promise<RunPlan> => {
      const within = IterationRange.between(first, run.repetitions);
      return { run, missing: within ? await this.#stores.values.missing(id, [within]) : [] };
    };
    for (let todo = plan, round = 1; ; round += 1) {
      const { run } = todo;
      onLook(run);
      await this.#executor.execute(todo, options);
      try {
        const result = await answered(averaged(run.repetitions), id, options);
        const { run: now } = result;
        if (precision === undefined || now.repetitions <= run.repetitions) return result;
        // By another process, which was faster, it may have come to its end.
        const stored = await answered(storedResult(this.#stores, now), id, options);
        if (stored !== undefined) return stored;
        // Failures that it tolerates stand.
        todo = await answered(planOf(now, run.repetitions), id, options);
        round = 0;
      } catch (error) {
        if (!(error instanceof IncompleteRunError) || round === mostRounds) throw error;
        const { missing, requested } = error.ledger;
        // Of one that was extended meanwhile, the rest is another's to do; a look further on is anybody's.
        const isOurs = requested === run.repetitions || precision !== undefined;
        if (missing === 0 || !isOurs) throw error;
        const now = requested === run.repetitions ? run : await this.#stores.runs.get(id);
        todo = await answered(planOf(now, 0), id, options);
      }
    }
  }
}

/** True of a run with a goal that has neither reached it nor come to its maximum. */
export function goesOn({ precision, status }: Run): boolean {
  return precision !== undefined && status !== 'completed';
}

/** So often the work of a run is done, before what is still missing of it is an error. */
const mostRounds = 5;

/**
 * A run's stores' answer, which who cancels waits for no longer than a few seconds.
 * @throws CancelledError when there is none by then
 */
export function answered<T>(work: Promise<T>, id: RunId, { signal }: RunOptions): Promise<T> {
  return heeding(signal, work, (cause) => unanswered(cause, id));
}

/** Cancelled while a store, silent or at work for long, had not answered. */
function unanswered(cause: unknown, id?: RunId): CancelledError {
  return new CancelledError(id, undefined, { cause, isKnown: false });
}

/**
 * @throws CancelledError when there is no need to begin
 * @throws InvalidInputError when there is no such option
 */
export function refuseIfAborted(options: RunOptions): void {
  const { signal } = refuseUnknown(options, 'options', optionFields);
  if (signal?.aborted === true) {
    throw new CancelledError(undefined, undefined, { cause: signal.reason });
  }
}

/**
 * The result of a completed run as it is stored, without a look at its values. Undefined when the run
 * is not completed, or its average is gone.
 */
async function storedResult(
  { failures, averages }: Pick<Stores, 'failures' | 'averages'>,
  run: Run,
): Promise<RunResult | undefined> {
  if (run.status !== 'completed') return undefined;
  const average = (await averages.history(run.id)).at(-1);
  return average && resultOf(run, await failures.ledger(run.id), average);
}

/** @param average as its store has it */
export function resultOf(run: Run, ledger: Ledger, average: RunAverage): RunResult {
  const averages = averagesByName(run.measures, average);
  return { run, ledger, average: averages[run.measures[0]!]!, averages };
}

/**
 * The same of a run that has all of its values. Undefined of any other: one with tolerated failures is
 * taken up again when it is resumed.
 */
export async function completeResult(
  stores: Pick<Stores, 'failures' | 'averages'>,
  run: Run,
): Promise<RunResult | undefined> {
  const stored = await storedResult(stores, run);
  return stored?.average.count === run.repetitions ? stored : undefined;
}

/** Answers with a stored result, and reports it as the whole of the progress. */
export function tellOf(result: RunResult, { onProgress }: RunOptions): RunResult {
  const answer = onProgress?.(progressOf({ ...result, stored: 0, elapsedMs: 0 }));
  // A rejection comes when there is nothing left to stop.
  if (isPromiseLike(answer)) answer.then(undefined, () => undefined);
  return result;
}

/**
 * Records that the run ended without an average: cancelled, or failed.
 * @param error why
 * @returns how
 */
export async function recordEnd(
  { runs }: Pick<Stores, 'runs'>,
  run: Pick<Run, 'id' | 'repetitions'>,
  error: unknown,
): Promise<'cancelled' | 'failed'> {
  const status = isCancellation(error) ? 'cancelled' : 'failed';
  const finished = runs.finish(run, status).catch(() => {
    // The store is out of reach as well. The run stays `started`, which claims nothing, and the
    // error that led here says more than this one.
  });
  // Its store may have fallen silent, or be out of reach.
  if (error instanceof CancelledError && !error.isKnown) return status;
  await (status === 'cancelled' || isRetryable(error) ? shortly(finished, undefined) : finished);
  return status;
}

/** A signal aborted with an error of the taxonomy reports a failure from outside; any other is a wish to stop. */
function isCancellation(error: unknown): boolean {
  if (!isStepComputeError(error) || error.name !== 'CancelledError') return false;
  return !isStepComputeError(error.cause) || isCancellation(error.cause);
}
