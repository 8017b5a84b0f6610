import fc from 'fast-check';
import { GroupCommit } from '../src/execution/group-commit.js';
import { IterationId } from '../src/run/numbers.js';
import type { IterationValue } from '../src/simulation/value.js';
import type { Clock } from '../src/time/clock.js';

/** Its time moves when a test says so; its sleeps end with the event loop's turn. */
class TurnClock implements Clock {
  time = 0;

  now(): number {
    return this.time;
  }

  sleep(ms: number): Promise<void> {
    if (ms !== 0) throw new Error(`a group commit waits a turn, not ${ms} ms`);
    return turn();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) await turn();
}

/** A store whose writes are pending until a test ends them, the oldest first. */
class SlowStore {
  readonly batches: (readonly IterationValue[])[] = [];
  mostPending = 0;
  readonly #pending: { readonly succeed: () => void; readonly fail: (error: unknown) => void }[] =
    [];

  readonly write = (batch: readonly IterationValue[]): Promise<void> => {
    this.batches.push(batch);
    return new Promise((succeed, fail) => {
      this.#pending.push({ succeed, fail });
      this.mostPending = Math.max(this.mostPending, this.#pending.length);
    });
  };

  get pending(): number {
    return this.#pending.length;
  }

  /** The ids of each batch. */
  get ids(): number[][] {
    return this.batches.map((batch) => batch.map(({ iterationId }) => iterationId));
  }

  async succeed(): Promise<void> {
    this.#pending.shift()?.succeed();
    await turns(2);
  }

  async fail(error: unknown): Promise<void> {
    this.#pending.shift()?.fail(error);
    await turns(2);
  }
}

const value = (id: number): IterationValue => ({
  iterationId: IterationId.parse(id),
  value: id / 2,
});

function subject(largestBatch?: number): {
  commit: GroupCommit<IterationValue>;
  store: SlowStore;
  clock: TurnClock;
  failures: unknown[];
} {
  const store = new SlowStore();
  const clock = new TurnClock();
  const failures: unknown[] = [];
  const commit = new GroupCommit<IterationValue>(
    store.write,
    (error) => failures.push(error),
    clock,
    ...(largestBatch === undefined ? [] : [largestBatch]),
  );
  return { commit, store, clock, failures };
}

/** True when a promise has settled by now, without waiting for it. */
async function hasSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.finally(() => {
    settled = true;
  });
  await turn();
  return settled;
}

describe('group commit', () => {
  it('writes a lone value at once, without waiting for company', async () => {
    const { commit, store } = subject();
    expect(commit.add(value(0))).toBeUndefined();
    await turn();
    expect(store.batches).toEqual([[value(0)]]);
    const flushed = commit.flush();
    expect(await hasSettled(flushed)).toBe(false);
    await store.succeed();
    await flushed;
    expect(store.batches).toHaveLength(1);
  });

  it('writes what completes in the same turn in one batch', async () => {
    const { commit, store } = subject();
    for (const id of [4, 2, 9]) void commit.add(value(id));
    await turn();
    expect(store.ids).toEqual([[4, 2, 9]]);
    await store.succeed();
  });

  it('gathers a larger batch the longer a write takes', async () => {
    const { commit, store } = subject();
    void commit.add(value(0));
    await turn();
    for (const id of [1, 2]) {
      void commit.add(value(id));
      await turn();
    }
    await store.succeed();
    for (const id of [3, 4, 5, 6]) {
      void commit.add(value(id));
      await turns(3);
    }
    expect(store.ids).toEqual([[0], [1, 2]]);
    await store.succeed();
    expect(store.ids).toEqual([[0], [1, 2], [3, 4, 5, 6]]);
    await store.succeed();
    await commit.flush();
  });

  it('writes again after it had nothing to do', async () => {
    const { commit, store } = subject();
    void commit.add(value(0));
    await turn();
    await store.succeed();
    await commit.flush();
    void commit.add(value(1));
    await turn();
    expect(store.ids).toEqual([[0], [1]]);
    await store.succeed();
  });

  it('gives a write no more than the largest batch', async () => {
    const { commit, store } = subject(3);
    for (let id = 0; id < 8; id += 1) void commit.add(value(id));
    await turn();
    for (let write = 0; write < 3; write += 1) await store.succeed();
    expect(store.ids).toEqual([
      [0, 1, 2],
      [3, 4, 5],
      [6, 7],
    ]);
  });

  it('gives a write at most a thousand values unless told otherwise', async () => {
    const { commit, store } = subject();
    for (let id = 0; id < 1001; id += 1) void commit.add(value(id));
    await turn();
    await store.succeed();
    expect(store.batches.map(({ length }) => length)).toEqual([1000, 1]);
    await store.succeed();
  });

  it('keeps the order and loses nothing, one write at a time, however adds and writes interleave', async () => {
    const events = fc.array(
      fc.oneof({ weight: 3, arbitrary: fc.constant('add') }, fc.constantFrom('succeed', 'turn')),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(events, fc.integer({ min: 1, max: 5 }), async (happening, largestBatch) => {
        const { commit, store } = subject(largestBatch);
        let added = 0;
        for (const event of happening) {
          if (event === 'add') void commit.add(value(added++));
          else if (event === 'turn') await turn();
          else await store.succeed();
        }
        await turns(2);
        while (store.pending > 0) await store.succeed();
        await commit.flush();
        expect(store.ids.flat()).toEqual(Array.from({ length: added }, (_, id) => id));
        expect(store.mostPending).toBeLessThanOrEqual(1);
        for (const { length } of store.batches) {
          expect(length).toBeGreaterThan(0);
          expect(length).toBeLessThanOrEqual(largestBatch);
        }
      }),
    );
  });

  it('holds its producers back once a batch is full, until the write before it is done', async () => {
    const { commit, store } = subject(3);
    void commit.add(value(0));
    await turn();
    expect(commit.add(value(1))).toBeUndefined();
    expect(commit.add(value(2))).toBeUndefined();
    const room = commit.add(value(3));
    if (room === undefined) throw new Error('the producer was not held back');
    await turns(5);
    expect(await hasSettled(room)).toBe(false);
    await store.succeed();
    expect(await hasSettled(room)).toBe(true);
    expect(commit.add(value(4))).toBeUndefined();
    await store.succeed();
    await store.succeed();
    expect(store.ids).toEqual([[0], [1, 2, 3], [4]]);
  });

  it('holds no more than a batch and one value per producer, however many producers there are', async () => {
    const [producers, largestBatch, total] = [20, 2, 400];
    const { commit, store } = subject(largestBatch);
    let added = 0;
    let most = 0;
    const produce = async (): Promise<void> => {
      while (added < total) {
        const room = commit.add(value(added++));
        most = Math.max(most, added - store.ids.flat().length);
        if (room !== undefined) await room;
      }
    };
    const produced = Promise.all(Array.from({ length: producers }, produce));
    await turn();
    while (store.pending > 0) await store.succeed();
    await produced;
    expect(store.ids.flat()).toHaveLength(total);
    expect(most).toBeLessThanOrEqual(largestBatch + producers);
  });

  it('lets the rest of the process have a turn after ten milliseconds of uninterrupted adding', async () => {
    const { commit, store, clock } = subject();
    expect(commit.add(value(0))).toBeUndefined();
    clock.time = 9.9;
    expect(commit.add(value(1))).toBeUndefined();
    clock.time = 10;
    const pause = commit.add(value(2));
    if (pause === undefined) throw new Error('the producer went on');
    expect(await hasSettled(pause)).toBe(true);
    clock.time = 19.9;
    expect(commit.add(value(3))).toBeUndefined();
    await store.succeed();
    await store.succeed();
    expect(store.ids.flat()).toEqual([0, 1, 2, 3]);
  });

  it('loses nothing, whatever the moment at which values come, with any number of writers', async () => {
    const hops = fc.nat({ max: 6 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(hops, { maxLength: 12 }), { minLength: 1, maxLength: 6 }),
        fc.infiniteStream(hops),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        async (producers, latencies, largestBatch, mostWriters) => {
          const hop = async (count: number): Promise<void> => {
            for (let left = count; left > 0; left -= 1) await Promise.resolve();
          };
          const written: number[] = [];
          let pending = 0;
          const commit = new GroupCommit<number>(
            async (batch) => {
              pending += 1;
              expect(pending).toBeLessThanOrEqual(mostWriters);
              expect(batch.length).toBeLessThanOrEqual(largestBatch);
              await hop(latencies.next().value as number);
              written.push(...batch);
              pending -= 1;
            },
            (error) => {
              throw error;
            },
            { now: () => 0, sleep: () => hop(1) },
            largestBatch,
            mostWriters,
          );
          let added = 0;
          await Promise.all(
            producers.map(async (pauses) => {
              for (const pause of pauses) {
                await hop(pause);
                await commit.add(added++);
              }
            }),
          );
          await commit.flush();
          expect(written.sort((a, b) => a - b)).toEqual(
            Array.from({ length: added }, (_, id) => id),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('has other writers help while there are full batches for them, and no longer', async () => {
    const store = new SlowStore();
    const commit = new GroupCommit<IterationValue>(
      store.write,
      () => undefined,
      new TurnClock(),
      2,
      3,
    );
    for (let id = 0; id < 7; id += 1) void commit.add(value(id));
    await turns(5);
    expect(store.ids).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    await store.succeed();
    await store.succeed();
    await turns(5);
    expect(store.ids).toHaveLength(3);
    await store.succeed();
    await turns(5);
    expect(store.ids.at(-1)).toEqual([6]);
    await store.succeed();
    await commit.flush();
  });

  it('flushes at once when nothing was added', async () => {
    const { commit, store } = subject();
    await commit.flush();
    expect(store.batches).toEqual([]);
  });

  describe('when a write fails', () => {
    it('tells it once, and flush resolves', async () => {
      const { commit, store, failures } = subject();
      void commit.add(value(0));
      await turn();
      void commit.add(value(1));
      const flushed = commit.flush();
      const error = new Error('the store is gone');
      await store.fail(error);
      await flushed;
      await commit.flush();
      expect(failures).toEqual([error]);
    });

    it('drops what was gathered and what comes later', async () => {
      const { commit, store, failures } = subject(2);
      void commit.add(value(0));
      await turn();
      void commit.add(value(1));
      await store.fail(new Error('the store is gone'));
      for (const id of [2, 3, 4]) expect(commit.add(value(id))).toBeUndefined();
      await turns(3);
      await commit.flush();
      expect(store.ids).toEqual([[0]]);
      expect(failures).toHaveLength(1);
    });

    it('sets the producers free that it held back', async () => {
      const { commit, store } = subject(1);
      void commit.add(value(0));
      await turn();
      const room = commit.add(value(1));
      if (room === undefined) throw new Error('the producer was not held back');
      expect(await hasSettled(room)).toBe(false);
      await store.fail(new Error('the store is gone'));
      expect(await hasSettled(room)).toBe(true);
    });

    it('takes a write that throws for one that rejects', async () => {
      const failures: unknown[] = [];
      const error = new Error('no connection');
      const commit = new GroupCommit<IterationValue>(
        () => {
          throw error;
        },
        (thrown) => failures.push(thrown),
        new TurnClock(),
      );
      void commit.add(value(0));
      await commit.flush();
      expect(failures).toEqual([error]);
    });
  });
});
