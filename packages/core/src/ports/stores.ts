import type { RunAverage } from '../statistics/average.js';
import type { Ledger } from '../run/ledger.js';
import type { IterationId, RunId } from '../run/numbers.js';
import type { IterationRange } from '../run/range.js';
import type { RunFilter } from '../run/filter.js';
import type { NewRun, ParsedRunChange } from '../run/request.js';
import type { Run, RunStatus } from '../run/run.js';
import type { IterationValue, ValueColumns } from '../simulation/value.js';

/** Allocates runs and remembers them. It says of a deleted run that it does not exist, as all stores of a run do. */
export interface RunStore {
  /**
   * Records a run under a new id, unique across all who share the store, starting at 1 in a fresh one.
   * With an idempotency key that already has a run, answers with that run as it is now: it is the
   * caller who compares the inputs. A repeated key uses up no id. Deliveries of one key that overlap
   * may use up one each, of which one gets the run.
   * @throws DeletedRunError when the key's run was deleted
   */
  allocate(run: NewRun): Promise<Run>;
  /** @throws RunNotFoundError */
  get(id: RunId): Promise<Run>;
  /**
   * The runs that the filter asks for, the newest first. All of them are in memory together: who may have
   * many asks by `limit` and `before`, a page at a time.
   * @throws InvalidInputError when a field of the filter is not valid, or there is no such field
   */
  list(filter?: RunFilter): Promise<readonly Run[]>;
  /**
   * Records how the run ended, and when. Nothing changes when it is completed already, or when it has
   * been extended since: the end of what it was before is not its end.
   * @throws RunNotFoundError
   */
  finish(
    run: Pick<Run, 'id' | 'repetitions'>,
    status: Exclude<RunStatus, 'started'>,
  ): Promise<void>;
  /**
   * Has the run started again, with what is to be changed of it: `accepted` is added to the fingerprints
   * that its record has already.
   * @param only changes nothing when the run is completed, or has other repetitions than these by now.
   *   Default: it is changed however it is
   * @returns the run as it is then
   * @throws RunNotFoundError
   * @throws InvalidInputError when it has more repetitions than asked for, unless `only` says how many it
   *   has; nothing is changed
   */
  reopen(id: RunId, change: ParsedRunChange, only?: Pick<Run, 'repetitions'>): Promise<Run>;
}

/** Keeps each run's values: one per iteration, the first one written. */
export interface ValueStore {
  /**
   * Stores values durably: any number of them, in any order. Writing a value again changes nothing, so
   * a batch may be delivered twice, and may hold a value twice. Several writers of the same iterations
   * wait for each other; none of them fails because of the others.
   * @throws ConflictingValueError for the lowest iteration that already has another value, which stays,
   *   or is given two in this batch, of which the first stays, with all of its measures; the rest of the
   *   batch is stored
   * @throws InvalidValueError when a value is not finite; nothing is stored
   * @throws InvalidInputError when an iteration id is not one, or lies outside the run, or a value has
   *   not one number for each of the run's measures, anywhere in the batch; nothing is stored
   * @throws RunNotFoundError when the run does not exist, also for an empty batch
   */
  write(id: RunId, values: readonly IterationValue[]): Promise<void>;
  /**
   * The stored values in ascending iteration order, in batches, holding no more than one at a time. A
   * value has its code unless that is the first.
   * @param from the first iteration wanted; default 0
   * @throws RunNotFoundError
   */
  read(id: RunId, from?: IterationId): AsyncIterable<readonly IterationValue[]>;
  /**
   * The same in columns, for who reads many: much faster than {@link read}.
   * @param from the first iteration wanted; default 0
   * @throws RunNotFoundError
   */
  scan(id: RunId, from?: IterationId): AsyncIterable<ValueColumns>;
  /**
   * The iterations without a value, as disjoint, ascending ranges. It takes as long as there are
   * values and gaps where it looks.
   * @param within where to look, disjoint and ascending; default: the whole run. The answer's ranges
   *   are maximal within each of them. An iteration outside the run is not missing.
   * @throws RunNotFoundError
   */
  missing(id: RunId, within?: readonly IterationRange[]): Promise<readonly IterationRange[]>;
}

/** An iteration that produced no value, and why. */
export interface IterationFailure {
  readonly iterationId: IterationId;
  /** The `name` of what the generator threw at last, or `Error`. */
  readonly errorName: string;
  /** Its message, those of its causes, and where in the simulation's code it was thrown, where that is known. */
  readonly message: string;
  /** How often the generator was called; at least 1. */
  readonly attempts: number;
}

/** Remembers which iterations failed, one failure each; it stands until the iteration has its value. */
export interface FailureStore {
  /**
   * Records any number of failures, in any order; of two of the same iteration, the later counts. NUL
   * and halves of surrogate pairs in their texts become U+FFFD. To record none tells how many stand.
   * @returns how many failures of the run stand now
   * @throws InvalidInputError when an iteration id is not one, or lies outside the run, anywhere among
   *   them, or attempts are no whole number from 1 on; nothing is recorded
   * @throws RunNotFoundError when the run does not exist
   */
  record(id: RunId, failures: readonly IterationFailure[]): Promise<number>;
  /**
   * The failures that stand, in ascending iteration order, in batches.
   * @throws RunNotFoundError
   */
  read(id: RunId): AsyncIterable<readonly IterationFailure[]>;
  /**
   * Forgets the run's failures, since their iterations are about to be done again.
   * @throws RunNotFoundError
   */
  clear(id: RunId): Promise<void>;
  /**
   * The run's ledger: what was seen of completed and failed iterations, while others may be at work on
   * it; the rest is missing, so that it always adds up.
   * @throws RunNotFoundError
   */
  ledger(id: RunId): Promise<Ledger>;
}

/**
 * Keeps averages, one per run and count, possibly in another database than the values. It knows no
 * runs, so it keeps what it is given; what is saved of a run after it was deleted goes when its tombstone
 * is swept again.
 */
export interface AverageStore {
  /**
   * Stores the average under (run, count), those of all its measures or none, unless there is one
   * already. Only averages that were taken by the same method are compared.
   * @returns the one that is stored
   * @throws PersistenceError when there is one and it differs: the store does not hold what was written
   */
  save(id: RunId, average: RunAverage): Promise<RunAverage>;
  /**
   * Every average that the run has had, in ascending count: it gains one when it is resumed and more
   * values are there. The last is the one that counts. Empty where none was saved.
   */
  history(id: RunId): Promise<readonly RunAverage[]>;
}

/** Rows that were deleted together. */
export interface Swept {
  readonly of: 'failures' | 'averages' | 'values';
  readonly count: number;
}

/**
 * Deletes runs: a deleted one is a tombstone, its id and its key, and what else it had is swept. Use
 * {@link deleteRun}, which does both.
 */
export interface TombstoneStore {
  /**
   * Makes the run a tombstone: from now on the stores say that it does not exist, its id and its key are
   * never given again, and what is written to it late is refused. Of what was asked nothing is kept but the
   * key. A tombstone stays as it is.
   * @param options `force`: also a run that is `started`. Default: false
   * @throws StartedRunError when the run is `started`, unless forced; nothing is changed
   * @throws RunNotFoundError when there has never been such a run
   */
  mark(id: RunId, options?: { readonly force?: boolean | undefined }): Promise<void>;
  /**
   * Deletes what a tombstone has left of failures, averages and values, in this order, a page with each step
   * of the iteration. Who stops early, or is killed, has deleted the pages before; to sweep again goes on.
   * @throws RunNotFoundError when there is no such tombstone
   */
  sweep(id: RunId): AsyncIterable<Swept>;
  /** True of a run that was deleted; false of any other, and of none. */
  has(id: RunId): Promise<boolean>;
}

/** Tells the stores of one place from those of another. */
export interface Placed {
  /**
   * The place, such as a pool of connections: the same object in all stores over it. Left out where a store
   * can't tell.
   */
  readonly place?: object | undefined;
}

/**
 * A set of stores, which is one thing: runs, tombstones, values and failures are of one place, since they
 * refer to each other. Averages may be elsewhere.
 */
export interface Stores {
  readonly runs: RunStore & Placed;
  readonly tombstones: TombstoneStore & Placed;
  readonly values: ValueStore & Placed;
  readonly failures: FailureStore & Placed;
  readonly averages: AverageStore;
}

/** The key under which a container binds the {@link Stores}. */
export const Stores = Symbol.for('@stepcompute/core/Stores');
