import { type IterationId, type JsonObject, type RunId, type Stores } from '@stepcompute/core';
import type { ValueColumns } from '@stepcompute/core/adapters';
import { gridOf } from '../src/reading/experiment-reading.js';
import { groupedFailures } from '../src/reading/failure-groups.js';
import { HeldValues } from '../src/reading/held-values.js';
import { shapesOf } from '../src/reading/measure-shapes.js';
import { storesWithRun } from './pages.js';

const id = 1 as RunId;

/** Values in batches of 10, and how many of them were read from where they are. */
function counted(all: readonly number[]) {
  const reads = { count: 0 };
  async function* scan(_: RunId, from: IterationId | 0 = 0): AsyncGenerator<ValueColumns, void> {
    for (let first: number = from; first < all.length; first += 10) {
      const values = Float64Array.from(all.slice(first, first + 10));
      reads.count += values.length;
      yield await Promise.resolve({
        iterationIds: Int32Array.from(values, (_value, place) => first + place),
        values,
      });
    }
  }
  return { store: { scan }, reads };
}

async function all(scan: AsyncIterable<ValueColumns>): Promise<number[]> {
  const read: number[] = [];
  for await (const { values } of scan) read.push(...values);
  return read;
}

const numbers = Array.from({ length: 95 }, (_, place) => place / 7);

describe('held values', () => {
  it('are read once, however often they are scanned', async () => {
    const { store, reads } = counted(numbers);
    const held = new HeldValues(store);
    for (let scan = 0; scan < 3; scan += 1) expect(await all(held.scan(id))).toEqual(numbers);
    expect(reads.count).toBe(numbers.length);
  });

  it('are as many as fit: the others are read by each scan', async () => {
    const { store, reads } = counted(numbers);
    // A batch has 120 bytes.
    const held = new HeldValues(store, 4 * 120 + 60);
    for (let scan = 0; scan < 3; scan += 1) expect(await all(held.scan(id))).toEqual(numbers);
    expect(reads.count).toBe(40 + 3 * 55);
  });

  it('are complete also after a scan that was given up', async () => {
    const { store } = counted(numbers);
    const held = new HeldValues(store);
    for await (const { values } of held.scan(id)) if (values[0] === numbers[20]) break;
    expect(await all(held.scan(id))).toEqual(numbers);
    expect(await all(held.scan(id))).toEqual(numbers);
  });
});

describe('the shape of a measure', () => {
  const detail = { bins: 40, wholes: 40, areFine: true, points: 200, rows: 40 };
  const shapeOf = async (values: readonly number[]) => {
    const held = new HeldValues(counted(values).store);
    const [shape] = await shapesOf(id, { measures: 1, stored: values.length }, held, detail);
    return shape!;
  };

  it('counts every value in a fine bin and in a coarse one', async () => {
    const { histogram, fine, count } = await shapeOf(numbers);
    for (const { counts, below, above } of [histogram!, fine!]) {
      expect(counts.reduce((sum, each) => sum + each, below.count + above.count)).toBe(95);
    }
    expect(count).toBe(95);
    expect(fine!.scale.bins).toBe(10 * histogram!.scale.bins);
  });

  it('has whole numbers in bins of their own', async () => {
    const { fine, areWhole } = await shapeOf(Array.from({ length: 600 }, (_, i) => (i * i) % 173));
    expect(areWhole).toBe(true);
    expect(fine!.scale).toMatchObject({ digit: 1, exponent: 0 });
  });

  it('leaves tails out that are longer than all the rest, and counts them', async () => {
    const values = Array.from({ length: 5000 }, (_, i) => (i === 77 ? 1e9 : (i % 50) / 10));
    const { histogram } = await shapeOf(values);
    expect(histogram!.above).toEqual({ count: 1, farthest: 1e9 });
  });

  it('has a mean that ends with that of all values, at growing counts', async () => {
    const { running } = await shapeOf(Array.from({ length: 10_000 }, (_, i) => i % 10));
    const counts = running.map(({ count }) => count);
    expect(counts).toEqual([...new Set(counts)].sort((a, b) => a - b));
    expect(counts[0]).toBe(30);
    expect(running.at(-1)).toMatchObject({ count: 10_000 });
    expect(running.at(-1)!.mean).toBeCloseTo(4.5, 12);
  });

  it('has no interval where squares leave the range of a double', async () => {
    const { running, histogram } = await shapeOf([1e300, -1e300, 1e-300, 1e300]);
    expect(running.every(({ interval }) => interval === null)).toBe(true);
    expect(histogram!.counts.reduce((sum, each) => sum + each, 0)).toBe(4);
  });

  it('is empty of no values', async () => {
    expect(await shapeOf([])).toMatchObject({ count: 0, histogram: undefined, running: [] });
  });
});

describe('failures', () => {
  const failing = (message: (iterationId: number) => string, iterations: number): Promise<Stores> =>
    storesWithRun(
      ({ iterationId }) => {
        throw new Error(message(iterationId));
      },
      { repetitions: iterations, tolerance: iterations },
    );

  it('are grouped by what they say, the largest group first, with their first iterations', async () => {
    const stores = await failing((iteration) => (iteration % 4 === 0 ? 'rare' : 'frequent'), 40);
    const { groups, others } = await groupedFailures(stores, id);
    expect(others).toBe(0);
    expect(groups.map(({ count, iterations }) => ({ count, iterations }))).toEqual([
      { count: 30, iterations: [1, 2, 3, 5, 6] },
      { count: 10, iterations: [0, 4, 8, 12, 16] },
    ]);
  });

  it('are of one group where their messages differ by numbers alone', async () => {
    const { groups } = await groupedFailures(await failing((i) => `no root at ${i}.5`, 60), id);
    expect(groups).toMatchObject([
      { count: 60, message: expect.stringMatching(/^no root at 0\.5/) as string },
    ]);
  });

  it('are counted together beyond the fifty largest groups', async () => {
    const stores = await failing((iteration) => 'x'.repeat(Math.min(iteration, 60)), 100);
    const { groups, others } = await groupedFailures(stores, id);
    expect([groups.length, others, groups[0]!.count]).toEqual([50, 11, 40]);
  });

  it('of the largest group are found behind a thousand and more of others', async () => {
    const stores = await failing(
      (iteration) => (iteration < 1200 ? letters(iteration) : 'the real fault'),
      2000,
    );
    const { groups, others } = await groupedFailures(stores, id);
    expect(groups[0]).toMatchObject({ count: 800, iterations: [1200, 1201, 1202, 1203, 1204] });
    expect(groups.reduce((sum, { count }) => sum + count, others)).toBe(2000);
  });
});

/** A text without digits, another one for each number. */
function letters(place: number): string {
  return Array.from(place.toString(2), (bit) => 'ab'[Number(bit)]).join('');
}

describe('a grid', () => {
  const of = (...parameters: JsonObject[]) =>
    gridOf(parameters.map((each) => ({ parameters: each })));

  it('is a line of one number that varies', () => {
    expect(of({ a: 1, b: 'x' }, { a: 2, b: 'x' })).toEqual({
      parameters: ['a'],
      places: [[1], [2]],
    });
  });

  it('is a plane of two that vary', () => {
    const plane = of({ a: 1, b: true }, { a: 2, b: true }, { a: 1, b: false }, { a: 2, b: false });
    expect(plane?.parameters).toEqual(['a', 'b']);
  });

  it.each<[string, JsonObject[]]>([
    ['nothing varies', [{ a: 1 }, { a: 1 }]],
    [
      'three parameters vary',
      [
        { a: 1, b: 1, c: 1 },
        { a: 2, b: 2, c: 2 },
      ],
    ],
    ['one varies that is no number', [{ a: 'x' }, { a: 'y' }]],
    ['one varies that is an array', [{ a: [1] }, { a: [2] }]],
    ['a scenario lacks it', [{ a: 1 }, {}]],
    ['two scenarios have a place', [{ a: 1 }, { a: 2 }, { a: 1 }]],
    ['most places are empty', [1, 2, 3, 4].map((each) => ({ a: each, b: each }))],
  ])('is none where %s', (_, parameters) => {
    expect(of(...parameters)).toBeUndefined();
  });
});
