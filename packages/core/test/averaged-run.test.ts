import { averageOf } from '../src/statistics/averaging.js';
import type { ValueStore } from '../src/ports/stores.js';
import { parseRunRequest } from '../src/run/request.js';
import type { Run } from '../src/run/run.js';
import { averageOfRun } from '../src/analysis/average-of-run.js';
import { AggregateAndStoreValue } from '../src/steps/aggregate-and-store-value.js';
import { FakeStores } from './fakes.js';

let stores: FakeStores;
let run: Run;

/** A run of six, of which two failed and are tolerated. */
beforeEach(async () => {
  stores = new FakeStores();
  run = await stores.runs.allocate(parseRunRequest({ repetitions: 6, tolerance: 2, seed: 1 }));
  for (const id of [0, 1, 3, 5]) stores.kept.set(id, id / 10);
  const failure = { errorName: 'Error', message: 'lost', attempts: 1 };
  await stores.failures.record(
    run.id,
    [2, 4].map((id) => ({ ...failure, iterationId: id as never })),
  );
});

/** The store's scan in pages of one value, after each of which something happens. */
function scanning(then: (id: number) => void): ValueStore {
  return {
    ...stores.values,
    async *scan() {
      for (const [iteration] of [...stores.kept].sort(([a], [b]) => a - b)) {
        const value = stores.kept.get(iteration)!;
        yield { iterationIds: Int32Array.of(iteration), values: Float64Array.of(value) };
        then(iteration);
      }
      await Promise.resolve();
    },
  };
}

describe('the average of a run whose values come while it is taken', () => {
  it.each([
    ['behind the scan', 2, 3],
    ['before it, as it began', 4, 0],
    ['after its last value', 4, 5],
  ])('is over all or over those before, when one comes %s', async (_, late, moment) => {
    const values = scanning((at) => {
      if (at === moment) stores.kept.set(late, late / 10);
    });
    const average = await averageOfRun({ values, failures: stores.failures }, run);
    const expected = [0, 1, 2, 3, 4, 5].filter((id) => stores.kept.has(id)).map((id) => id / 10);
    expect(expected).toHaveLength(5);
    expect(average).toEqual(averageOf(expected));
  });

  it('is refused when the store never answers with what it counts', async () => {
    const hidden: ValueStore = {
      ...stores.values,
      async *scan() {
        yield await Promise.resolve({ iterationIds: Int32Array.of(0), values: Float64Array.of(0) });
      },
    };
    await expect(
      averageOfRun({ values: hidden, failures: stores.failures }, run),
    ).rejects.toMatchObject({
      name: 'PersistenceError',
      message: 'run 1 has 1 values, and its ledger says 4',
    });
  });

  it('is answered as it was first stored, also when it was taken in another way', async () => {
    const earlier = { ...averageOf([0, 0.1, 0.3, 0.5]), method: null, mean: 0.225 };
    const averages = { ...stores.averages, save: () => Promise.resolve(earlier) };
    const { runs, tombstones, values, failures } = stores;
    const seen = { runs, tombstones, values, failures, averages };
    const answered = await new AggregateAndStoreValue(seen).execute(run.id);
    expect(answered).toBe(earlier);
  });
});
