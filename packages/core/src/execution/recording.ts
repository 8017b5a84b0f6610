import type { BatchWritten, Observer } from '../ports/observer.js';
import type { IterationFailure, Stores } from '../ports/stores.js';
import type { RunPlan } from '../run/plan.js';
import type { IterationId } from '../run/numbers.js';
import type { IterationRange } from '../run/range.js';
import type { IterationValue } from '../simulation/value.js';
import type { Clock } from '../time/clock.js';
import { GroupCommit } from './group-commit.js';
import { RunningMean } from './progress.js';

/** Beyond these a database gains nothing from larger statements, nor from more of them: docs/performance.md. */
const largestBatch = 4000;
const mostWriters = 2;

interface RecordingSettings {
  readonly clock: Clock;
  readonly observer: Observer | undefined;
}

/** Takes an execution's values and failures to the stores, in batches, and counts them. */
export class Recording {
  readonly values: GroupCommit<IterationValue>;
  readonly failures: GroupCommit<IterationFailure>;
  readonly mean = new RunningMean();
  /** How many values are stored durably. */
  stored = 0;
  /**
   * How many failures of the run stand, as the store last said, without those of an earlier execution that
   * are still to be tried again.
   */
  standing = 0;
  /** The iterations of the plan that an earlier execution has left failed, and this one has not done yet. */
  #left: Set<IterationId> | undefined;

  /**
   * @param onRecorded called after each batch that has become durable
   * @param onBroken called when a batch could not be stored, once for values and once for failures
   */
  constructor(
    private readonly plan: RunPlan,
    private readonly stores: Pick<Stores, 'values' | 'failures'>,
    private readonly settings: RecordingSettings,
    private readonly onRecorded: () => void,
    onBroken: (thrown: unknown, batch: 'values' | 'failures') => void,
  ) {
    this.values = new GroupCommit(
      (batch) => this.#store(batch),
      (thrown) => onBroken(thrown, 'values'),
      settings.clock,
      largestBatch,
      mostWriters,
    );
    this.failures = new GroupCommit(
      (batch) => this.#record(batch),
      (thrown) => onBroken(thrown, 'failures'),
      settings.clock,
    );
  }

  async #store(batch: readonly IterationValue[]): Promise<void> {
    await this.#observed('values', batch.length, () =>
      this.stores.values.write(this.plan.run.id, batch),
    );
    this.stored += batch.length;
    for (const { iterationId, value } of batch) {
      this.mean.add(value);
      this.#left?.delete(iterationId);
    }
    this.onRecorded();
  }

  async #record(batch: readonly IterationFailure[]): Promise<void> {
    this.#left ??= await this.#leftFailed();
    for (const { iterationId } of batch) this.#left.delete(iterationId);
    const all = await this.#observed('failures', batch.length, () =>
      this.stores.failures.record(this.plan.run.id, batch),
    );
    this.standing = all - this.#left.size;
    this.onRecorded();
  }

  async #leftFailed(): Promise<Set<IterationId>> {
    const left = new Set<IterationId>();
    const ranges = this.plan.missing;
    let place = 0;
    for await (const batch of this.stores.failures.read(this.plan.run.id)) {
      // Both ascend.
      for (const { iterationId } of batch) {
        while (place < ranges.length && iterationId >= endOf(ranges[place]!)) place += 1;
        if (place < ranges.length && iterationId >= ranges[place]!.first) left.add(iterationId);
      }
    }
    return left;
  }

  async #observed<T>(of: BatchWritten['of'], count: number, write: () => Promise<T>): Promise<T> {
    const { observer, clock } = this.settings;
    if (observer === undefined) return write();
    const begunAt = clock.now();
    const { run, block } = this.plan;
    const event = { type: 'batch', runId: run.id, block, of, count } as const;
    try {
      const answer = await write();
      observer({ ...event, durationMs: clock.now() - begunAt });
      return answer;
    } catch (error) {
      observer({ ...event, durationMs: clock.now() - begunAt, error });
      throw error;
    }
  }
}

function endOf({ first, count }: IterationRange): number {
  return first + count;
}
