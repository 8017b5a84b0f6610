import { refuseOtherAverage, type Average } from '../src/statistics/average.js';
import { finishedRun, reopenedRun } from '../src/ports/keeping.js';
import type { IterationFailure, Stores } from '../src/ports/stores.js';
import type { Ledger } from '../src/run/ledger.js';
import { IterationId, RunId } from '../src/run/numbers.js';
import { IterationRange } from '../src/run/range.js';
import { RunNotFoundError } from '../src/run/run-errors.js';
import type { Run } from '../src/run/run.js';
import type { IterationValue } from '../src/simulation/value.js';
import type { Clock } from '../src/time/clock.js';

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Enough turns for whatever is ready to have run. */
export async function settle(): Promise<void> {
  for (let left = 10; left > 0; left -= 1) await turn();
}

interface Sleeper {
  readonly moment: number;
  readonly wake: () => void;
}

/** Time that moves when a test says so. A sleep of 0 ends with the event loop's turn. */
export class ManualClock implements Clock {
  readonly #sleepers = new Set<Sleeper>();
  #now = 1000;
  /** How many sleeps have ended in their time. */
  woken = 0;

  now(): number {
    return this.#now;
  }

  /** How many sleeps are pending; of 0 after a step has returned, or it left a timer behind. */
  get pending(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    if (ms === 0) return turn();
    return new Promise((resolve, reject) => {
      const cancel = (): void => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason as Error);
      };
      const sleeper = {
        moment: this.#now + ms,
        wake: () => {
          signal?.removeEventListener('abort', cancel);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', cancel, { once: true });
    });
  }

  async advance(ms: number): Promise<void> {
    await settle();
    this.#now += ms;
    for (const sleeper of this.#sleepers) {
      if (sleeper.moment > this.#now) continue;
      this.#sleepers.delete(sleeper);
      this.woken += 1;
      sleeper.wake();
    }
    await settle();
  }
}

/** Stores that keep what they are given in memory, and note each write. */
export class FakeStores implements Stores {
  readonly allocated: Run[] = [];
  readonly kept = new Map<number, number>();
  readonly batches: (readonly IterationValue[])[] = [];
  readonly recorded: IterationFailure[] = [];
  readonly saved: Average[] = [];
  /** Comes before each write of values. */
  beforeWrite: (batch: readonly IterationValue[]) => Promise<void> = () => Promise.resolve();

  /** Comes before failures are recorded. */
  beforeRecord: () => Promise<void> = () => Promise.resolve();

  readonly runs: Stores['runs'] = {
    allocate: (asked) => {
      const known = this.allocated.find(
        ({ idempotencyKey }) =>
          idempotencyKey !== undefined && idempotencyKey === asked.idempotencyKey,
      );
      if (known !== undefined) return Promise.resolve(known);
      const run: Run = {
        ...asked,
        id: RunId.parse(this.allocated.length + 1),
        status: 'started',
        startedAt: new Date(0),
        finishedAt: undefined,
      };
      this.allocated.push(run);
      return Promise.resolve(run);
    },
    get: (id) => Promise.resolve(this.#run(id)),
    list: ({ limit } = {}) => Promise.resolve(this.allocated.toReversed().slice(0, limit)),
    finish: ({ id, repetitions }, status) => {
      this.allocated[id - 1] = finishedRun(this.#run(id), repetitions, status);
      return Promise.resolve();
    },
    reopen: (id, change, only) => {
      const reopened = reopenedRun(this.#run(id), change, only);
      this.allocated[id - 1] = reopened;
      return Promise.resolve(reopened);
    },
  };

  readonly tombstones: Stores['tombstones'] = {
    mark: () => Promise.reject(new Error('no test deletes these')),
    async *sweep() {
      yield* await Promise.reject<never[]>(new Error('no test deletes these'));
    },
    has: () => Promise.resolve(false),
  };

  readonly values: Stores['values'] = {
    write: async (_, batch) => {
      this.batches.push(batch);
      await this.beforeWrite(batch);
      for (const { iterationId, value } of batch) this.kept.set(iterationId, value);
    },
    read: async function* (this: FakeStores) {
      yield await Promise.resolve(
        [...this.kept].map(([id, value]) => ({ iterationId: IterationId.parse(id), value })),
      );
    }.bind(this),
    missing: (id, within) =>
      Promise.resolve(
        Array.from({ length: this.#run(id).repetitions }, (_, first) => first)
          .filter((first) => !this.kept.has(first))
          .filter(
            (id) => within?.some(({ first, count }) => id >= first && id < first + count) !== false,
          )
          .map((first) => IterationRange.parse({ first, count: 1 })),
      ),
    scan: async function* (this: FakeStores) {
      yield await Promise.resolve({
        iterationIds: Int32Array.from([...this.kept.keys()].sort((a, b) => a - b)),
        values: Float64Array.from(this.inOrder),
      });
    }.bind(this),
  };

  readonly failures: Stores['failures'] = {
    record: async (_, failures) => {
      await this.beforeRecord();
      const ids = new Set(failures.map(({ iterationId }) => iterationId));
      const others = this.recorded.filter(({ iterationId }) => !ids.has(iterationId));
      this.recorded.splice(0, Infinity, ...others, ...failures);
      return this.#standing().length;
    },
    read: async function* (this: FakeStores) {
      yield await Promise.resolve(this.#standing());
    }.bind(this),
    clear: () => {
      this.recorded.length = 0;
      return Promise.resolve();
    },
    ledger: (id) => Promise.resolve(this.#ledger(id)),
  };

  readonly averages: Stores['averages'] = {
    save: (id, average) => {
      const kept = this.saved.find(({ count }) => count === average.count);
      if (kept !== undefined) return Promise.resolve(refuseOtherAverage(id, kept, average));
      this.saved.push(average);
      return Promise.resolve(average);
    },
    history: () => Promise.resolve(this.saved.toSorted((a, b) => a.count - b.count)),
  };

  /** The values in iteration order. */
  get inOrder(): number[] {
    return [...this.kept].sort(([a], [b]) => a - b).map(([, value]) => value);
  }

  get recordedIds(): number[] {
    return this.recorded.map(({ iterationId }) => iterationId).sort((a, b) => a - b);
  }

  #standing(): IterationFailure[] {
    return this.recorded.filter(({ iterationId }) => !this.kept.has(iterationId));
  }

  #ledger(id: RunId): Ledger {
    const { repetitions: requested } = this.#run(id);
    const { size: completed } = this.kept;
    const failed = new Set(this.#standing().map(({ iterationId }) => iterationId)).size;
    return { requested, completed, failed, missing: requested - completed - failed };
  }

  #run(id: RunId): Run {
    const run = this.allocated[id - 1];
    if (run === undefined) throw new RunNotFoundError(id);
    return run;
  }
}
