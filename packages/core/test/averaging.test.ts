import fc from 'fast-check';
import { Averaging, averageOf } from '../src/statistics/averaging.js';
import { IterationId, Seed } from '../src/run/numbers.js';
import { RandomStream } from '../src/simulation/random-stream.js';
import { times } from '../../../testing/exhaustive.js';

// Exact arithmetic: every double is a whole number of 2^−1074.
const unit = 1074n;

function wholeOf(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = exponent === 0n ? fraction : (fraction | 0x10000000000000n) << (exponent - 1n);
  return bits >> 63n === 1n ? -magnitude : magnitude;
}

/** The quotient · 2^−shift as a double; its last bit may be off. */
function toDouble(dividend: bigint, divisor: bigint, shift: bigint): number {
  if (dividend === 0n) return 0;
  if (dividend < 0n) return -toDouble(-dividend, divisor, shift);
  const scale = BigInt(Math.max(0, 80 + divisor.toString(2).length - dividend.toString(2).length));
  let quotient = (dividend << scale) / divisor;
  let exponent = -Number(scale + shift);
  const excess = quotient.toString(2).length - 64;
  if (excess > 0) {
    quotient >>= BigInt(excess);
    exponent += excess;
  }
  // In two steps, since the power alone may leave the range.
  const half = Math.trunc(exponent / 2);
  return Number(quotient) * 2 ** half * 2 ** (exponent - half);
}

interface Exact {
  readonly mean: number;
  readonly deviation: number;
}

function exactly(values: readonly number[]): Exact {
  const count = BigInt(values.length);
  let sum = 0n;
  let squares = 0n;
  for (const value of values) {
    const whole = wholeOf(value);
    sum += whole;
    squares += whole * whole;
  }
  const variance = toDouble(count * squares - sum * sum, count * (count - 1n), 2n * unit);
  return { mean: toDouble(sum, count, unit), deviation: Math.sqrt(variance) };
}

/** One unit in the last place of a number. */
const ulp = (value: number): number => {
  const exponent = Math.floor(Math.log2(Math.max(Math.abs(value), 2 ** -1022)));
  return 2 ** Math.max(-1074, exponent - 52);
};

/** docs/averaging.md in other words: shares nothing with the source. The mean is not clamped yet. */
function bySpecification(
  values: readonly (readonly [id: number, value: number])[],
  length = 4096,
): { mean: number; unclamped: number; deviation: number } {
  const blocks = new Map<number, number[]>();
  for (const [id, value] of values) {
    const block = Math.floor(id / length);
    blocks.set(block, [...(blocks.get(block) ?? []), value]);
  }
  let [n0, s, m, h, l] = [0, 0, 0, 0, 0];
  const plus = (t: number): void => {
    const before = h;
    h = before + t;
    l += Math.abs(before) >= Math.abs(t) ? before - h + t : t - h + before;
  };
  let origin: number | undefined;
  for (const [, block] of [...blocks].sort(([a], [b]) => a - b)) {
    const n = block.length;
    const sum = block.reduce((a, b) => a + b, 0);
    const mean = sum / n;
    origin ??= mean;
    const d = block.map((value) => value - mean);
    const total = d.reduce((a, b) => a + b, 0);
    const q = d.reduce((a, b) => a + b * b, 0);
    const x = mean - origin;
    if (n0 > 0) {
      const delta = x + total / n - (h + l) / n0;
      m += delta * delta * ((n0 * n) / (n0 + n));
    }
    m += Math.max(0, q - (total * total) / n);
    plus(n * x);
    plus(total);
    s += sum;
    n0 += n;
  }
  const all = values.map(([, value]) => value);
  const lowest = all.reduce((a, b) => Math.min(a, b), Infinity);
  const highest = all.reduce((a, b) => Math.max(a, b), -Infinity);
  const isExact = all.every(Number.isInteger) && n0 * Math.max(-lowest, highest) <= 2 ** 53;
  const unclamped = isExact ? s / n0 : (origin ?? NaN) + (h + l) / n0;
  return {
    unclamped,
    mean: Math.min(Math.max(unclamped, lowest), highest) + 0,
    deviation: lowest === highest ? 0 : Math.sqrt(m / (n0 - 1)),
  };
}

const numbered = (values: readonly number[]): [number, number][] =>
  values.map((value, id) => [id, value]);

function averaged(values: readonly (readonly [number, number])[], length?: number) {
  const averaging = new Averaging(length);
  for (const [id, value] of values) averaging.add(id, value);
  return averaging.average();
}

/**
 * NIST's Statistical Reference Datasets, univariate summary statistics: https://www.itl.nist.gov/div898/strd/univ/
 * numacc1.html to numacc4.html, with the certified mean.
 */
const pairs = (low: number, high: number): number[] =>
  Array.from({ length: 1000 }, (_, index) => (index % 2 === 0 ? low : high));
const nist: readonly (readonly [string, readonly number[], number])[] = [
  ['NumAcc1', [10000001, 10000003, 10000002], 10000002],
  ['NumAcc2', [1.2, ...pairs(1.1, 1.3)], 1.2],
  ['NumAcc3', [1000000.2, ...pairs(1000000.1, 1000000.3)], 1000000.2],
  ['NumAcc4', [10000000.2, ...pairs(10000000.1, 10000000.3)], 10000000.2],
];

describe.each(nist)('NIST’s %s', (_, values, certified) => {
  const cycles = Math.ceil(100_000 / values.length);
  const repeated = Array.from({ length: cycles }, () => values).flat();
  it.each([
    ['as it is', values, 4096],
    ['as it is, in blocks of 7', values, 7],
    ['repeated to 100,000 values', repeated, 4096],
    ['repeated, in blocks of 7', repeated, 7],
  ] as const)('has its certified mean and its deviation, %s', (__, list, length) => {
    const { mean, standardDeviation } = averaged(numbered(list), length);
    const exact = exactly(list);
    expect(Math.abs(mean - certified)).toBeLessThanOrEqual(1e-13 * certified);
    expect(Math.abs(mean - exact.mean)).toBeLessThanOrEqual(ulp(mean));
    const error = Math.abs((standardDeviation ?? NaN) - exact.deviation);
    expect(error).toBeLessThanOrEqual(1e-12 * exact.deviation);
  });
});

describe('averaging by blocks', () => {
  const finite = fc.double({ min: -1e150, max: 1e150, noNaN: true });
  const lists = fc.oneof(
    fc.array(finite, { minLength: 1, maxLength: 60 }),
    fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 60 }),
    fc.array(fc.constantFrom(0.1, 0.2, 0.3, -0.1, 1e-300), { minLength: 1, maxLength: 60 }),
  );

  it('is what its specification says, to the bit, in blocks of any length and with gaps', () => {
    fc.assert(
      fc.property(
        lists,
        fc.constantFrom(1, 2, 7, 4096),
        fc.integer({ min: 1, max: 9 }),
        (list, length, step) => {
          const values = list.map((value, index) => [index * step, value + 0] as const);
          const { mean, standardDeviation } = averaged(values, length);
          const expected = bySpecification(values, length);
          expect(mean).toBe(expected.mean);
          if (values.length > 1) expect(standardDeviation).toBe(expected.deviation);
        },
      ),
      { numRuns: times(200, 2000) },
    );
  });

  it('agrees with exact arithmetic', () => {
    fc.assert(
      fc.property(lists, fc.constantFrom(2, 7, 4096), (list, length) => {
        const { mean, standardDeviation } = averaged(numbered(list), length);
        const exact = exactly(list);
        const greatest = list.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        expect(Math.abs(mean - exact.mean)).toBeLessThanOrEqual(4 * ulp(greatest));
        // Squares below 10^−150 vanish.
        const error = Math.abs((standardDeviation ?? exact.deviation) - exact.deviation);
        if (list.length > 1) expect(error).toBeLessThanOrEqual(1e-11 * greatest + 1e-150);
      }),
      { numRuns: times(200, 2000) },
    );
  });

  it.each([1e3, 123456.789, 1.1e9, 7.3e12, 1.2e15 + 0.125, 9.7e14 + 0.5])(
    'keeps the mean within an ulp and the deviation to three digits at an offset of %d',
    (offset) => {
      const random = new RandomStream(Seed.parse(7), IterationId.parse(0));
      const list = Array.from({ length: times(50_000, 300_000) }, () => offset + random.normal());
      for (const length of [7, 4096]) {
        const { mean, standardDeviation } = averaged(numbered(list), length);
        const exact = exactly(list);
        expect(Math.abs(mean - exact.mean)).toBeLessThanOrEqual(ulp(mean));
        const error = Math.abs((standardDeviation ?? NaN) / exact.deviation - 1);
        expect(error).toBeLessThanOrEqual(1e-3);
      }
    },
  );

  it('gives equal values their own mean and no deviation, however many there are', () => {
    for (const value of [0.1, 1 / 3, -1e290, 5e-324, 1e15 + 0.125]) {
      for (const count of [1, 2, 3, 10, 4095, 4096, 4097, 100_000]) {
        const { mean, standardDeviation } = averageOf(new Array<number>(count).fill(value));
        expect(mean).toBe(value);
        expect(standardDeviation).toBe(count === 1 ? null : 0);
      }
    }
  });

  it('has an interval around its mean, which lies between the values', () => {
    fc.assert(
      fc.property(lists, (list) => {
        const { mean, minimum, maximum, confidenceInterval } = averageOf(list);
        expect(mean).toBeGreaterThanOrEqual(minimum);
        expect(mean).toBeLessThanOrEqual(maximum);
        const [lower, upper] = confidenceInterval ?? [mean, mean];
        expect(lower).toBeLessThanOrEqual(mean);
        expect(upper).toBeGreaterThanOrEqual(mean);
      }),
    );
  });

  it('moves its mean into the values’ range by an ulp at most', () => {
    const nearly = fc.tuple(
      finite,
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 0, max: 2 }),
    );
    fc.assert(
      fc.property(nearly, fc.constantFrom(7, 4096), ([value, count, others], length) => {
        const list = new Array<number>(count)
          .fill(value)
          .concat(new Array(others).fill(value + ulp(value)));
        const { mean, unclamped } = bySpecification(numbered(list), length);
        expect(Math.abs(mean - unclamped)).toBeLessThanOrEqual(ulp(value));
      }),
      { numRuns: times(100, 1000) },
    );
  });

  it('divides the exact sum of whole numbers, as far as doubles hold it', () => {
    const list = Array.from({ length: 20_000 }, (_, index) => ((index * 7919) % 1001) - 500);
    const sum = list.reduce((total, value) => total + value, 0);
    expect(averageOf(list).mean).toBe(sum / list.length);
  });

  it('is refused where a sum leaves the range of a double, also between blocks', () => {
    for (const list of [
      [1.7e308, 1.7e308],
      [1e200, -1e200],
      [-1.7e308, -1.7e308, 1.7e308],
    ]) {
      for (const length of [1, 4096]) {
        expect(() => averaged(numbered(list), length)).toThrow('too large to average');
      }
    }
  });
});
