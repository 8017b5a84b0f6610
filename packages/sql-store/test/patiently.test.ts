import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { IterationId, RunId, type Stores } from '@stepcompute/core';
import type { DataSource } from 'typeorm';
import { outageChannel, patiently, type Outage } from '../src/patiently.js';
import { schemas } from '../src/schema.js';
import { typeOrmStores } from '../src/typeorm-stores.js';
import { parseNewRun } from './new-run.js';

const patienceMs = 30_000;

const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
const lost = { name: 'PersistenceError', retryable: true, cause: refused };

/** A server that is out of reach, with a count of how often it was asked. */
function unreachable(): { readonly dataSource: DataSource; readonly asked: () => number } {
  const query = jest.fn(() => Promise.reject(refused));
  const dataSource = {
    options: { type: 'postgres', entities: schemas },
    isInitialized: false,
    hasMetadata: () => false,
    createQueryRunner: () => ({ query, release: () => Promise.resolve() }),
  };
  return {
    dataSource: dataSource as unknown as DataSource,
    asked: () => query.mock.calls.length,
  };
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

describe('a database that is out of reach', () => {
  it('is tried again until it answers', async () => {
    const { dataSource } = unreachable();
    const work = jest
      .fn<Promise<string>, []>()
      .mockRejectedValueOnce(refused)
      .mockRejectedValueOnce(refused)
      .mockResolvedValue('done');
    const answer = patiently(dataSource, work);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(await answer).toBe('done');
    expect(work).toHaveBeenCalledTimes(3);
  });

  it('is told of each time, to who listens, with how long it may yet take', async () => {
    const { dataSource } = unreachable();
    const told: Outage[] = [];
    const listener = (outage: unknown): void => void told.push(outage as Outage);
    subscribe(outageChannel, listener);
    const work = jest.fn<Promise<string>, []>().mockRejectedValue(refused);
    try {
      const outcome = expect(patiently(dataSource, work)).rejects.toMatchObject(lost);
      await jest.advanceTimersByTimeAsync(patienceMs + 2_000);
      await outcome;
    } finally {
      unsubscribe(outageChannel, listener);
    }
    // The last one is thrown.
    expect(told).toHaveLength(work.mock.calls.length - 1);
    expect(told[0]).toMatchObject({ error: lost, remainingMs: patienceMs });
    const remaining = told.map(({ remainingMs }) => remainingMs);
    expect(remaining).toEqual([...remaining].sort((a, b) => b - a));
    expect(Math.min(...remaining)).toBeGreaterThan(0);
  });

  it('is given up when patience is at its end', async () => {
    const { dataSource } = unreachable();
    let outcome: unknown = 'none yet';
    const work = jest.fn(() => Promise.reject(refused));
    void patiently(dataSource, work).catch((error: unknown) => (outcome = error));
    await jest.advanceTimersByTimeAsync(patienceMs - 1_000);
    expect(outcome).toBe('none yet');
    await jest.advanceTimersByTimeAsync(3_000);
    expect(outcome).toMatchObject(lost);
    const { length } = work.mock.calls;
    await jest.advanceTimersByTimeAsync(10 * patienceMs);
    expect(work).toHaveBeenCalledTimes(length);
  });

  it('is not asked a second time for a run without a key: the first may have been allocated', async () => {
    const { dataSource, asked } = unreachable();
    const { runs } = typeOrmStores(dataSource);
    const allocated = runs.allocate(parseNewRun({ repetitions: 1, seed: 1 }));
    await expect(allocated).rejects.toMatchObject(lost);
    expect(asked()).toBe(1);
  });

  it('is asked again for a run with a key, and for values', async () => {
    const calls: readonly ((stores: Stores) => Promise<unknown>)[] = [
      ({ runs }) =>
        runs.allocate({ ...parseNewRun({ repetitions: 1, seed: 1 }), idempotencyKey: 'key' }),
      ({ values }) =>
        values.write(RunId.parse(1), [{ iterationId: IterationId.parse(0), value: 1 }]),
      ({ failures }) => failures.record(RunId.parse(1), []),
    ];
    for (const call of calls) {
      const { dataSource, asked } = unreachable();
      const outcome = expect(call(typeOrmStores(dataSource))).rejects.toMatchObject(lost);
      await jest.advanceTimersByTimeAsync(patienceMs + 2_000);
      await outcome;
      expect(asked()).toBeGreaterThan(10);
    }
  });
});
