import fc from 'fast-check';
import { parseProbabilities, quantileAt, quantileRanks } from '../src/statistics/quantile.js';
import { QuantileSearch } from '../src/statistics/quantile-search.js';
import type { Quantile } from '../src/statistics/quantile.js';
import { IterationId, Seed } from '../src/run/numbers.js';
import { RandomStream } from '../src/simulation/random-stream.js';
import { times } from '../../../testing/exhaustive.js';

/** By a sort of all values. */
function bySorting(values: readonly number[], probabilities: readonly number[]): Quantile[] {
  const sorted = Float64Array.from(values).sort();
  return probabilities.map((probability) =>
    quantileAt(quantileRanks(probability, values.length), (rank) => sorted[rank]!),
  );
}

function bySearch(
  values: readonly number[],
  probabilities: readonly number[],
  pageLength = 4096,
): { quantiles: readonly Quantile[]; passes: number } {
  const search = new QuantileSearch(probabilities);
  const column = Float64Array.from(values);
  let passes = 0;
  do {
    for (let first = 0; first < column.length; first += pageLength) {
      search.addAll(column.subarray(first, first + pageLength));
    }
    passes += 1;
  } while (search.endPass());
  return { quantiles: search.quantiles(), passes };
}

/** Numbers of a stream, for lists that are too long to be drawn and shrunk. */
function drawn(count: number, draw: (random: RandomStream) => number): number[] {
  const random = new RandomStream(Seed.parse(11), IterationId.parse(0));
  return Array.from({ length: count }, () => draw(random));
}

/** As a store keeps it: never −0. */
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const lists = fc.oneof(
  fc.array(finite, { minLength: 1, maxLength: 50 }),
  fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 50 }),
  fc.array(fc.constantFrom(5e-324, -5e-324, 1e-323, 0, 1e-300, 1e300, -1e300, -1e-310), {
    minLength: 1,
    maxLength: 50,
  }),
  fc.array(fc.constantFrom(1e308, -1e308, 1.7e308), { minLength: 1, maxLength: 4 }),
);
const probabilityLists = fc.uniqueArray(
  fc.oneof(
    fc.constantFrom(0, 0.05, 0.25, 0.5, 0.95, 1),
    fc.double({ min: 0, max: 1, noNaN: true }),
  ),
  { minLength: 1, maxLength: 6, comparator: (a, b) => a + 0 === b + 0 },
);

describe('a search for quantiles', () => {
  it('finds those of a sort, to the bit, whatever the values', () => {
    fc.assert(
      fc.property(lists, probabilityLists, fc.integer({ min: 1, max: 60 }), (list, asked, page) => {
        const { quantiles, passes } = bySearch(list, asked, page);
        expect(quantiles).toEqual(bySorting(list, asked));
        expect(passes).toBeLessThanOrEqual(2);
      }),
      { numRuns: times(300, 3000) },
    );
  });

  const many = times(100_000, 1_000_000);
  it.each([
    ['normal', 3, (random: RandomStream) => random.normal()],
    ['close to each other and far from zero', 4, (random: RandomStream) => 1e6 + random.normal()],
    ['skewed', 3, (random: RandomStream) => Math.exp(20 * random.normal())],
    ['whole', 3, (random: RandomStream) => random.integer(-1000, 1000)],
    ['few and different', 3, (random: RandomStream) => random.integer(1, 3) / 3],
    ['all equal', 1, () => 0.1],
    ['denormal', 5, (random: RandomStream) => random.integer(-5000, 5000) * 5e-324],
    [
      'equal but for one in a thousand',
      3,
      (random: RandomStream) => (random.uniform() < 0.999 ? 7 : random.normal()),
    ],
    // Of these the last twelve bits decide, and of the next the 40 last.
    ['neighbouring', 5, (random: RandomStream) => 1 + random.integer(0, 9) * 2 ** -52],
    ['neighbouring below zero', 5, (random: RandomStream) => -1 - random.integer(0, 9) * 2 ** -52],
    ['close', 5, (random: RandomStream) => 1 + random.integer(0, 2 ** 20) * 2 ** -52],
  ])('finds them among many that are %s in at most %i passes', (_, most, draw) => {
    const list = drawn(many, draw);
    const asked = [0, 0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999, 1];
    const { quantiles, passes } = bySearch(list, asked);
    expect(quantiles).toEqual(bySorting(list, asked));
    expect(passes).toBeLessThanOrEqual(most);
  });

  it('interpolates as numpy 2.4.6 does, to the last bit', () => {
    const asked = [0, 0.01, 0.05, 0.25, 0.333, 0.5, 0.6180339887498949, 0.9, 0.95, 0.999, 1];
    const valuesOf = (list: readonly number[]): number[] =>
      bySearch(list, asked).quantiles.map(({ value }) => value);
    // [float(v) for v in numpy.quantile(numpy.array(…), […])]
    const few = [
      0.1,
      0.2,
      0.30000000000000004,
      -7,
      1e16,
      1 / 3,
      2.5,
      1e-300,
      5e-324,
      123456.789,
      -0.7,
    ];
    expect(valuesOf(few)).toEqual([
      -7.0, -6.37, -3.8499999999999996, 5e-301, 0.03300000000000001, 0.2, 0.30601132958329835,
      123456.789, 5000000000061728.0, 9900000000001236.0, 1e16,
    ]);
    const permuted = Array.from({ length: 100_003 }, (_, i) => ((i * 7919) % 100_003) / 997);
    expect(valuesOf(permuted)).toEqual([
      0, 1.0030290872617853, 5.015145436308927, 25.075727181544636, 33.40086860581746,
      50.151454363089265, 61.990606763256764, 90.27261785356067, 95.2877632898696,
      100.20260581745237, 100.30290872617853,
    ]);
  });

  it('stays within the range of a double between values that are further apart', () => {
    const { quantiles } = bySearch([-1e308, 1e308], [0.25, 0.5, 0.75]);
    expect(quantiles.map(({ value }) => value)).toEqual([-5e307, 0, 5e307]);
  });

  it('reads a page that begins anywhere in its buffer', () => {
    const search = new QuantileSearch([0.5]);
    const column = new Float64Array([99, 1, 2, 3, 99]).subarray(1, 4);
    do search.addAll(column);
    while (search.endPass());
    expect(search.quantiles()[0]?.value).toBe(2);
  });

  it('holds what it says, also of the most groups', () => {
    // Every wanted rank has a group of its own, too large to be gathered.
    const asked = [0.1, 0.3, 0.5, 0.7, 0.9];
    expect(QuantileSearch.bytesFor(asked.length)).toBe(65_536 * 5 + 20 * 16_384);
  });
});

describe('the interval of a quantile', () => {
  // W. J. Conover, Practical Nonparametric Statistics, 1999, table A3: the binomial distribution at p = 0.5.
  it.each([
    [5, null],
    [6, [0, 5]],
    [8, [0, 7]],
    [9, [1, 7]],
    [10, [1, 8]],
    [20, [5, 14]],
  ] as const)('of the median of %i values has the ranks %p', (count, ranks) => {
    expect(quantileRanks(0.5, count).interval).toEqual(ranks);
  });

  /** The logarithms of 0! to n!. */
  const logFactorials = (n: number): Float64Array => {
    const logs = new Float64Array(n + 1);
    for (let k = 1; k <= n; k += 1) logs[k] = logs[k - 1]! + Math.log(k);
    return logs;
  };

  it.each([
    [40, 0.1],
    [100, 0.05],
    [100, 0.5],
    [100, 0.95],
    [1000, 0.01],
    [1000, 0.5],
    [5000, 0.999],
    [20_000, 0.5],
  ])('covers at least 95 %%, and no narrower one does on either side: %i values at %d', (n, p) => {
    const logs = logFactorials(n);
    /** The probability that from `first` to `last` of the values lie below. */
    const between = (first: number, last: number): number => {
      let sum = 0;
      for (let k = first; k <= last; k += 1) {
        const log = logs[n]! - logs[k]! - logs[n - k]! + k * Math.log(p) + (n - k) * Math.log1p(-p);
        sum += Math.exp(log);
      }
      return sum;
    };
    const { interval } = quantileRanks(p, n);
    if (interval === null) {
      // With n too small, an end would be left out with more than 2.5 %.
      expect(Math.max(between(0, 0), between(n, n))).toBeGreaterThan(0.025);
      return;
    }
    const [lower, upper] = interval;
    expect(between(lower + 1, upper)).toBeGreaterThanOrEqual(0.95);
    expect(between(0, lower)).toBeLessThanOrEqual(0.025);
    expect(between(upper + 1, n)).toBeLessThanOrEqual(0.025);
    expect(between(0, lower + 1)).toBeGreaterThan(0.025);
    expect(between(upper, n)).toBeGreaterThan(0.025);
  });

  it('is none at the ends of the distribution, and of one value', () => {
    for (const count of [1, 2, 1000, 1_000_000_000]) {
      expect(quantileRanks(0, count).interval).toBeNull();
      expect(quantileRanks(1, count).interval).toBeNull();
    }
    expect(quantileRanks(0.5, 1)).toMatchObject({ below: 0, above: 0, interval: null });
  });

  it('is √n wide about the middle of a billion values', () => {
    const [lower, upper] = quantileRanks(0.5, 1_000_000_000).interval!;
    // 1.96 · √n / 2 on either side, and the ends are as far from the middle as each other.
    expect(lower + upper).toBe(999_999_999);
    expect(Math.abs((upper - lower) / (1.959963984540054 * Math.sqrt(1e9)) - 1)).toBeLessThan(1e-4);
  });
});

describe('the probabilities of quantiles', () => {
  it.each([
    [undefined, 'quantiles must be an array of 1 to 1000 numbers from 0 to 1; got undefined'],
    [[], 'quantiles must be an array of 1 to 1000 numbers from 0 to 1; got an array'],
    [
      new Array(1001).fill(0),
      'quantiles must be an array of 1 to 1000 numbers from 0 to 1; got an array',
    ],
    [[0.5, 95], 'a quantile must be a number from 0 to 1; got 95'],
    [[-0.1], 'a quantile must be a number from 0 to 1; got -0.1'],
    [[NaN], 'a quantile must be a number from 0 to 1; got NaN'],
    [['0.5'], 'a quantile must be a number from 0 to 1; got "0.5"'],
    [[0.5, , 1], 'a quantile must be a number from 0 to 1; got undefined'],
    [[0.5, 0.1, 0.5], 'quantiles must be numbers that differ from each other; got 0.5'],
    [[0, -0], 'quantiles must be numbers that differ from each other; got 0'],
  ])('are refused when they are %p', (value, message) => {
    expect(() => parseProbabilities(value)).toThrow(message);
  });

  it('stay in their order', () => {
    expect(parseProbabilities([0.95, -0, 1, 0.05])).toEqual([0.95, 0, 1, 0.05]);
  });
});
