import type { Average, AverageFigures } from './average.js';
import { PersistenceError } from './errors.js';
import type { IterationId, IterationRange } from './range.js';
import type { Ledger, NewRun, Run, RunId, RunStatus } from './run.js';
import type { IterationValue } from './value.js';

/** Allocates runs and remembers them. */
export interface RunStore {
  /**
   * Records a run under a new id, unique across all who share the store, starting at 1 in a fresh one.
   * With an idempotency key that already has a run, answers with that run as it was first recorded:
   * it is the caller who compares the inputs.
   */
  allocate(run: NewRun): Promise<Run>;
  /** @throws RunNotFoundError */
  get(id: RunId): Promise<Run>;
  /** The newest runs first, at most `limit` of them. */
  list(limit: number): Promise<readonly Run[]>;
  /**
   * Records how the run ended, and when. `completed` is final: what comes after it changes nothing.
   * @throws RunNotFoundError
   */
  finish(id: RunId, status: Exclude<RunStatus, 'started'>): Promise<void>;
}

/** Keeps each run's values: one per iteration, the first one written. */
export interface ValueStore {
  /**
   * Stores values durably, up to 10,000 of them in one statement. Writing a value again changes nothing, so a batch may be
   * delivered twice.
   * @throws ConflictingValueError when an iteration already has another value, which stays; the rest
   *   of the batch is stored
   * @throws InvalidValueError when a value is not finite; nothing is stored
   * @throws RunNotFoundError when the run does not exist; nothing is stored
   * @throws InvalidInputError when an iteration id is not one, or lies outside the run; nothing is stored
   */
  write(id: RunId, values: readonly IterationValue[]): Promise<void>;
  /**
   * The stored values in ascending iteration order, in batches, holding no more than one at a time.
   * @param from the first iteration wanted; default 0
   * @throws RunNotFoundError
   */
  read(id: RunId, from?: IterationId): AsyncIterable<readonly IterationValue[]>;
  /**
   * The iterations without a value, as disjoint, ascending, maximal ranges.
   * @param within where to look; default: the whole run. What lies outside the run is not missing.
   * @throws RunNotFoundError
   */
  missing(id: RunId, within?: IterationRange): Promise<readonly IterationRange[]>;
  /**
   * Averages the run, in one atomic step with the check that each iteration has its value.
   * @throws RunNotFoundError
   * @throws IncompleteRunError
   * @throws AverageOverflowError
   */
  average(id: RunId): Promise<Average>;
}

/** An iteration that produced no value, and why. */
export interface IterationFailure {
  readonly iterationId: IterationId;
  /** The `name` of what the generator threw, or `Error`. */
  readonly errorName: string;
  readonly message: string;
}

/** Remembers which iterations failed; the latest failure of an iteration replaces the one before. */
export interface FailureStore {
  /** Any number of failures; of two of the same iteration, the later counts. */
  record(id: RunId, failures: readonly IterationFailure[]): Promise<void>;
  /** In ascending iteration order. A failed iteration may have got its value later. */
  list(id: RunId): Promise<readonly IterationFailure[]>;
}

/** Keeps averages, one per run and count, possibly in another database than the values. */
export interface AverageStore {
  /**
   * Stores the average under (run, count) unless there is one already.
   * @throws PersistenceError when there is one and it differs: the store does not hold what was written
   */
  save(id: RunId, average: Average): Promise<void>;
  /** The run's average with the highest count, or undefined. */
  find(id: RunId): Promise<Average | undefined>;
}

/** A full set of stores over one place. */
export interface Stores {
  readonly runs: RunStore;
  readonly values: ValueStore;
  readonly failures: FailureStore;
  readonly averages: AverageStore;
}

/** The keys under which a container binds the stores. */
export const RunStore = Symbol.for('@stepcompute/core/RunStore');
export const ValueStore = Symbol.for('@stepcompute/core/ValueStore');
export const FailureStore = Symbol.for('@stepcompute/core/FailureStore');
export const AverageStore = Symbol.for('@stepcompute/core/AverageStore');

/**
 * The run's account at this moment. A failure counts only while its iteration has no value.
 * @throws RunNotFoundError
 */
export async function readLedger(
  run: Run,
  stores: Pick<Stores, 'values' | 'failures'>,
): Promise<Ledger> {
  const missing = await stores.values.missing(run.id);
  const failures = await stores.failures.list(run.id);
  const withoutValue = missing.reduce((total, { count }) => total + count, 0);
  const failed = countWithin(missing, failures);
  return {
    requested: run.repetitions,
    completed: run.repetitions - withoutValue,
    failed,
    missing: withoutValue - failed,
  };
}

/** How many of the failures lie in one of the ranges; both ascend, so one pass over each will do. */
function countWithin(
  ranges: readonly IterationRange[],
  failures: readonly IterationFailure[],
): number {
  let within = 0;
  let next = 0;
  for (const { iterationId } of failures) {
    let range = ranges[next];
    while (range !== undefined && range.first + range.count <= iterationId) {
      next += 1;
      range = ranges[next];
    }
    if (range !== undefined && range.first <= iterationId) within += 1;
  }
  return within;
}

/**
 * For average stores: the average offered for a run and count must be the one that is kept.
 * @throws PersistenceError when it is another one
 */
export function assertSameAverage(id: RunId, kept: AverageFigures, offered: AverageFigures): void {
  for (const figure of ['mean', 'standardDeviation', 'minimum', 'maximum'] as const) {
    if (kept[figure] !== offered[figure]) {
      throw new PersistenceError(
        `run ${id} already has an average over ${kept.count} values whose ${figure} is ` +
          `${kept[figure]}, not ${offered[figure]}: its values have been altered since`,
        { retryable: false },
      );
    }
  }
}
