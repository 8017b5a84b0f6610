import type { Stores } from '../ports/stores.js';
import type { RunId } from '../run/numbers.js';
import type { RunPlan } from '../run/plan.js';
import { hullOf } from '../run/range.js';
import type { IterationFailure } from '../ports/stores.js';
import type { IterationValue } from '../simulation/value.js';
import type { Clock } from '../time/clock.js';
import { GroupCommit } from './group-commit.js';
import { RunningMean } from './running-mean.js';

/** Beyond these a database gains nothing from larger statements, nor from more of them: docs/performance.md. */
const largestBatch = 4000;
const mostWriters = 2;

/** Hears how the stores' work goes. */
interface RecordingListener {
  /** After each batch, of values or failures, that has become durable. */
  readonly onRecorded: () => void;
  /** A batch could not be stored: nothing more can be done. Told once of values and once of failures. */
  readonly onBroken: (thrown: unknown, what: 'values' | 'failures') => void;
}

/** Takes an execution's values and failures to the stores, in batches. */
export class Recording {
  readonly mean = new RunningMean();
  readonly #values: GroupCommit<IterationValue>;
  readonly #failures: GroupCommit<IterationFailure>;
  #stored = 0;
  #standing = 0;
  #cleared = false;

  constructor(
    private readonly plan: RunPlan,
    private readonly stores: Pick<Stores, 'values' | 'failures'>,
    clock: Clock,
    private readonly listener: RecordingListener,
  ) {
    this.#values = new GroupCommit(
      (batch) => this.#store(batch),
      (thrown) => listener.onBroken(thrown, 'values'),
      clock,
      largestBatch,
      mostWriters,
    );
    this.#failures = new GroupCommit(
      (batch) => this.#record(batch),
      (thrown) => listener.onBroken(thrown, 'failures'),
      clock,
    );
  }

  /** How many values are stored durably. */
  get stored(): number {
    return this.#stored;
  }

  /** How many failures of the run stand, in the plan and outside of it, as the store last said. */
  get standing(): number {
    return this.#standing;
  }

  /** When a promise comes back, its giver waits for it before generating the next value. */
  add(value: IterationValue): Promise<void> | undefined {
    return this.#values.add(value);
  }

  /** As {@link add} does. */
  fail(failure: IterationFailure): Promise<void> | undefined {
    return this.#failures.add(failure);
  }

  /** Resolves when everything accepted is durable, or a write has failed. */
  async flush(): Promise<void> {
    await Promise.all([this.#values.flush(), this.#failures.flush()]);
  }

  get #runId(): RunId {
    return this.plan.run.id;
  }

  async #store(batch: readonly IterationValue[]): Promise<void> {
    await this.stores.values.write(this.#runId, batch);
    this.#stored += batch.length;
    for (const { value } of batch) this.mean.add(value);
    this.listener.onRecorded();
  }

  async #record(batch: readonly IterationFailure[]): Promise<void> {
    const { failures } = this.stores;
    // An earlier execution's failures of this plan were tried again by this one, and count no more.
    if (!this.#cleared) await failures.clear(this.#runId, hullOf(this.plan.missing));
    this.#cleared = true;
    this.#standing = await failures.record(this.#runId, batch);
    this.listener.onRecorded();
  }
}
