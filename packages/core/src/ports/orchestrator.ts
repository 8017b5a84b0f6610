import type { Average } from '../statistics/average.js';
import type { Ledger } from '../run/ledger.js';
import type { RunPlan } from '../run/plan.js';
import type { RunChange, RunRequest } from '../run/request.js';
import type { Run } from '../run/run.js';

/** How far a run is, told whenever values have become durable. */
export interface Progress {
  readonly run: Run;
  /** The run's repetitions. */
  readonly total: number;
  /** Stored durably, by this execution or an earlier one. */
  readonly completed: number;
  /** In this execution. */
  readonly failed: number;
  readonly elapsedMs: number;
  /** Values that this execution stored per second; 0 before the first. */
  readonly ratePerSecond: number;
  /** Milliseconds until the last value at this rate; null while there is no rate. */
  readonly remainingMs: number | null;
  /** Of the first measure: the mean of the values that this execution stored so far; null before the first. */
  readonly runningMean: number | null;
  /** Half the width of the running mean's 95 % interval; null before the second value. */
  readonly runningMargin: number | null;
}

/** How to follow a run, and how to stop it. */
export interface RunOptions {
  /** Stops the run: what is completed stays stored, what is in flight is abandoned. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called once when the run is allocated, then as values become durable. What it answers is not
   * waited for; what it throws or rejects with stops the run.
   */
  readonly onProgress?: ((progress: Progress) => unknown) | undefined;
}

/** @typeParam Measure the names of the measures, where they are known */
export interface RunResult<Measure extends string = string> {
  readonly run: Run;
  /** Completed is the average's count; failed is within what the run tolerates. */
  readonly ledger: Ledger;
  /** Of the first measure. */
  readonly average: Average;
  /** Of all measures, by their names; of a simulation that declares none, `value`. */
  readonly averages: Readonly<Record<Measure, Average>>;
}

/** Takes a run through its three steps: retrieve run id, write to db, aggregate and store value. */
export interface Orchestrator {
  /**
   * Runs the request to its average. Repeating a request under the same idempotency key does only
   * what is missing, and answers with the same run and the same average.
   * @throws InvalidInputError, ConflictingRunError, DeletedRunError before anything is done
   * @throws IterationFailedError for the lowest failed iteration on record
   * @throws ToleranceExceededError when the run tolerates failures, but not so many
   * @throws CancelledError when the signal was aborted
   * @throws AverageOverflowError, PersistenceError
   */
  run(request: RunRequest, options?: RunOptions): Promise<RunResult>;
  /**
   * Takes a run that ended early, or was killed, to its average: only what is missing or failed is
   * done again, and the result is that of a run which was never interrupted, to the bit. A complete
   * run answers with its average. With more repetitions the run is extended: its values are kept.
   * Several processes may resume the same run at the same time.
   * @param id the run's
   * @param change what is to be different from now on
   * @throws RunNotFoundError
   * @throws as {@link Orchestrator.run} does
   */
  resume(id: number, change?: RunChange, options?: RunOptions): Promise<RunResult>;
}

/**
 * Does what a plan says is missing, in whichever way: on this thread, on others, through a queue or a
 * scheduler. {@link Orchestration} makes an orchestrator of it.
 */
export interface Executor {
  /**
   * Returns when every iteration of the plan has its value stored durably, or its failure on record
   * where the run tolerates it.
   * @throws IterationFailedError for the lowest iteration that failed, when the run tolerates none
   * @throws ToleranceExceededError when it tolerates some
   * @throws CancelledError when the signal was aborted before the plan was done
   * @throws ConflictingValueError, PersistenceError from the store
   */
  execute(plan: RunPlan, options: RunOptions): Promise<void>;
}

/** The key under which a container binds the {@link Orchestrator}. */
export const Orchestrator = Symbol.for('@stepcompute/core/Orchestrator');
