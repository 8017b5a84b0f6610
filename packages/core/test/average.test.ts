import fc from 'fast-check';
import { completeAverage } from '../src/statistics/average.js';
import { averageOf } from '../src/statistics/averaging.js';
import { RunningMean } from '../src/execution/progress.js';
import { IterationId, Seed } from '../src/run/numbers.js';
import { RandomStream } from '../src/simulation/random-stream.js';

const finite = (magnitude: number): fc.Arbitrary<number> =>
  fc.double({ min: -magnitude, max: magnitude, noNaN: true }).map((value) => value + 0);
const samples = (magnitude: number, minLength: number): fc.Arbitrary<number[]> =>
  fc.array(finite(magnitude), { minLength, maxLength: 50 });

describe('average', () => {
  it('is never negative zero', () => {
    expect(averageOf([-5e-324, 0, 0]).mean).toBe(0);
  });

  it('finds the smallest and the largest value', () => {
    fc.assert(
      fc.property(samples(1e150, 1), (values) => {
        const { minimum, maximum } = averageOf(values);
        const sorted = values.toSorted((a, b) => a - b);
        expect([minimum, maximum]).toEqual([sorted[0], sorted.at(-1)]);
      }),
    );
  });

  it('has no spread over a single value', () => {
    expect(averageOf([Number.MAX_VALUE])).toEqual({
      method: 'blocks/1',
      count: 1,
      mean: Number.MAX_VALUE,
      standardDeviation: null,
      standardError: null,
      confidenceInterval: null,
      minimum: Number.MAX_VALUE,
      maximum: Number.MAX_VALUE,
    });
  });

  it('has a spread of zero over equal values', () => {
    expect(averageOf([2.5, 2.5, 2.5])).toMatchObject({
      mean: 2.5,
      standardDeviation: 0,
      standardError: 0,
      confidenceInterval: [2.5, 2.5],
    });
  });

  it('keeps the spread of values far from zero, where a one-pass sum of squares loses it', () => {
    const shifted = [4, 7, 13, 16].map((value) => value + 1e9);
    expect(averageOf(shifted)).toMatchObject({
      mean: 1e9 + 10,
      standardDeviation: Math.sqrt(30),
      standardError: Math.sqrt(30) / 2,
    });
  });

  it('gives Student’s interval: mean ± t · standard deviation / √count', () => {
    const { confidenceInterval, standardError } = averageOf([1, 2, 3, 4, 5, 6]);
    // t with five degrees of freedom, from published tables
    const margin = 2.57058183563631 * Math.sqrt(3.5 / 6);
    expect(standardError).toBeCloseTo(Math.sqrt(3.5 / 6), 12);
    expect(confidenceInterval?.[0]).toBeCloseTo(3.5 - margin, 9);
    expect(confidenceInterval?.[1]).toBeCloseTo(3.5 + margin, 9);
  });

  it('covers the true mean in about 95 of 100 samples', () => {
    const sampleSize = 5; // small enough for the normal quantile to cover 88 only
    const covered = Array.from({ length: 1000 }, (_, sample) => {
      const random = new RandomStream(Seed.parse(2024), IterationId.parse(sample));
      const values = Array.from({ length: sampleSize }, () => random.normal(10, 3));
      const [lower, upper] = averageOf(values).confidenceInterval ?? [NaN, NaN];
      return lower <= 10 && 10 <= upper;
    }).filter(Boolean).length;
    expect(covered).toBeGreaterThan(922); // four binomial deviations of 6.9
    expect(covered).toBeLessThan(978);
  });

  it.each([
    ['their sum', [Number.MAX_VALUE, Number.MAX_VALUE]],
    ['a part of their sum', [-Number.MAX_VALUE, -Number.MAX_VALUE, Number.MAX_VALUE]],
    ['the sum of their squared deviations', [1e200, -1e200]],
  ])('is refused when %s leaves the range of a double', (_, values) => {
    expect(() => averageOf(values)).toThrow(
      expect.objectContaining({ name: 'AverageOverflowError', code: 'AVERAGE_OVERFLOW' }) as Error,
    );
  });

  it('may be taken over anything that can be iterated twice', () => {
    expect(averageOf(new Set([1, 2, 6]))).toEqual(averageOf([1, 2, 6]));
  });
});

describe('completing an average', () => {
  it('restores an average from the figures that a store keeps', () => {
    fc.assert(
      fc.property(samples(1e6, 1), (values) => {
        const average = averageOf(values);
        const { method, count, mean, standardDeviation, minimum, maximum } = average;
        const figures = { method, count, mean, standardDeviation, minimum, maximum };
        expect(completeAverage(figures)).toEqual(average);
      }),
    );
  });
});

describe('running mean', () => {
  it('agrees with the average of the values so far, in any order', () => {
    fc.assert(
      fc.property(samples(1e6, 2), (values) => {
        const running = new RunningMean();
        for (const value of values.toReversed()) running.add(value);
        const { mean, confidenceInterval } = averageOf(values);
        const [lower, upper] = confidenceInterval ?? [NaN, NaN];
        const scale = Math.max(...values.map(Math.abs));
        const tolerance = 1e-9 * scale + 1e-150; // squares of less than that underflow
        expect(Math.abs((running.mean ?? NaN) - mean)).toBeLessThanOrEqual(tolerance);
        expect(Math.abs((running.margin ?? NaN) - (upper - lower) / 2)).toBeLessThanOrEqual(
          tolerance * 13, // the largest quantile
        );
      }),
    );
  });

  it('has no mean before the first value and no margin before the second', () => {
    const running = new RunningMean();
    expect([running.mean, running.margin]).toEqual([null, null]);
    running.add(3);
    expect([running.mean, running.margin]).toEqual([3, null]);
    running.add(5);
    expect(running.mean).toBe(4);
    expect(running.margin).toBeCloseTo(12.7062047361747, 9);
  });

  it('keeps the margin of values far from zero', () => {
    const running = new RunningMean();
    for (const value of [4, 7, 13, 16]) running.add(1e9 + value);
    expect(running.mean).toBe(1e9 + 10);
    expect(running.margin).toBeCloseTo(3.18244630528371 * Math.sqrt(30 / 4), 6);
  });
});

describe('averageOf', () => {
  it('averages values that are given only once', () => {
    function* once(): Generator<number, void> {
      yield* [1, 2, 6];
    }
    expect(averageOf(once())).toEqual(averageOf([1, 2, 6]));
  });

  it('refuses no values at all', () => {
    expect(() => averageOf([])).toThrow('values must be at least one finite number; got an array');
  });

  it.each([NaN, Infinity, '5', null])('refuses the value %p', (value) => {
    expect(() => averageOf([1, value as number])).toThrow(
      expect.objectContaining({
        name: 'InvalidInputError',
        field: 'value 1',
        received: value,
      }) as Error,
    );
  });
});
