import { quantilesOf } from '../src/analysis/quantiles-of.js';
import { QuantileSearch } from '../src/statistics/quantile-search.js';
import type { Quantile } from '../src/statistics/quantile.js';
import { KeptRuns } from './kept-runs.js';

function inMemory(
  values: readonly number[],
  probabilities: readonly number[],
): readonly Quantile[] {
  const search = new QuantileSearch(probabilities);
  do search.addAll(Float64Array.from(values));
  while (search.endPass());
  return search.quantiles();
}

describe('the quantiles of a run', () => {
  const asked = [0.5, 0.05, 0.95];
  const spread = Array.from({ length: 9000 }, (_, i) => Math.sin(i) / (1 + (i % 7)));

  it('are those of each of its measures, by name, in the order asked', async () => {
    const kept = new KeptRuns(1000);
    const run = kept.add({
      values: spread.map((value, i) => [value, i, -1]),
      measures: ['wait', 'left', 'equal'],
    });
    const found = await quantilesOf(kept, run, asked);
    expect(Object.keys(found)).toEqual(['wait', 'left', 'equal']);
    expect(found.wait).toEqual(inMemory(spread, asked));
    expect(found.left?.map(({ value }) => value)).toEqual([4499.5, 449.95000000000005, 8549.05]);
    expect(found.equal?.[0]).toEqual({ probability: 0.5, value: -1, confidenceInterval: [-1, -1] });
    expect(kept.scans).toEqual([2]);
  });

  it('take the measures by turns where all at once would take more memory', async () => {
    const names = Array.from({ length: 40 }, (_, place) => `m${place}`);
    const many = Array.from({ length: 100 }, (_, index) => (index + 0.5) / 100);
    const kept = new KeptRuns();
    const row = (i: number): number[] => names.map((_, place) => Math.sin(i * (place + 1)));
    const run = kept.add({ values: Array.from({ length: 50 }, (_, i) => row(i)), measures: names });
    const found = await quantilesOf(kept, run, many);
    for (const [place, name] of [...names.entries()].filter(([place]) => place % 8 === 0)) {
      const column = Array.from({ length: 50 }, (_, i) => row(i)[place]!);
      expect(found[name]).toEqual(inMemory(column, many));
    }
    expect(QuantileSearch.bytesFor(100) * 9).toBeLessThan(2 ** 26);
    expect(QuantileSearch.bytesFor(100) * 40).toBeGreaterThan(2 ** 27);
    expect(kept.scans[0]).toBeGreaterThan(4);
  });

  it('leave out iterations that failed, as far as the run tolerates', async () => {
    const kept = new KeptRuns();
    const run = kept.add({ values: [3, undefined, 1, 2], tolerance: 1 });
    expect((await quantilesOf(kept, run, [0.5])).value?.[0]?.value).toBe(2);
    const strict = kept.add({ values: [3, undefined, 1, 2], tolerance: 0 });
    await expect(quantilesOf(kept, strict, [0.5])).rejects.toMatchObject({
      name: 'IncompleteRunError',
      message: expect.stringContaining('run 2 has 3 of 4 values, 1 failed') as string,
    });
  });

  it('are refused of a run that has no value, that does not exist, or with wrong probabilities', async () => {
    const kept = new KeptRuns();
    const empty = kept.add({ values: [undefined] });
    await expect(quantilesOf(kept, empty, [0.5])).rejects.toMatchObject({
      name: 'IncompleteRunError',
    });
    const unknown = { ...empty, id: 9 as never };
    await expect(quantilesOf(kept, unknown, [0.5])).rejects.toMatchObject({
      name: 'RunNotFoundError',
    });
    await expect(quantilesOf(kept, empty, [2])).rejects.toMatchObject({
      name: 'InvalidInputError',
    });
  });

  it.each([1, 2])('are of one moment when a value comes in pass %i', async (pass) => {
    const kept = new KeptRuns(3000);
    const values = spread.map((value, i) => (i === 10 ? undefined : value));
    const run = kept.add({ values, tolerance: 1 });
    let pages = 0;
    kept.afterPage = () => {
      pages += 1;
      if (pages === 3 * pass - 1) kept.keep(1, 10, spread[10]!);
    };
    expect((await quantilesOf(kept, run, asked)).value).toEqual(inMemory(spread, asked));
    expect(kept.scans).toEqual([4]);
  });

  it('are refused when the store never answers with what it counts', async () => {
    const kept = new KeptRuns();
    const run = kept.add({ values: [1, 2, 3] });
    const page = (...values: number[]) => ({
      iterationIds: Int32Array.from(values),
      values: Float64Array.from(values),
    });
    const hiding = {
      async *scan() {
        yield await Promise.resolve(page(1));
      },
    };
    await expect(
      quantilesOf({ failures: kept.failures, values: hiding }, run, [0.5]),
    ).rejects.toMatchObject({
      name: 'PersistenceError',
      message: 'run 1 has 1 values, and its ledger says 3',
    });
    let scans = 0;
    const wavering = {
      async *scan() {
        scans += 1;
        yield await Promise.resolve(scans % 2 === 0 ? page(1, 2) : page(1, 2, 3));
      },
    };
    await expect(
      quantilesOf({ failures: kept.failures, values: wavering }, run, [0.5]),
    ).rejects.toMatchObject({
      name: 'PersistenceError',
      message: 'run 1 has another number of values each time that it is read',
    });
  });
});
