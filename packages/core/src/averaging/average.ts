import { InvalidInputError } from '../errors/invalid-input-error.js';
import type { RunId } from '../run/numbers.js';
import { AverageOverflowError, PersistenceError } from '../run/run-errors.js';
import { studentT975 } from './student-t.js';

/**
 * The mean of a run's values, with the count it was taken over and their spread. The same values
 * give the same bits on every adapter: sums run in ascending iteration order, in IEEE doubles.
 */
export interface Average {
  readonly count: number;
  /** Σ values / count. */
  readonly mean: number;
  /** √(Σ (value − mean)² / (count − 1)); null for a single value. */
  readonly standardDeviation: number | null;
  /** The standard deviation of the mean: standardDeviation / √count; null for a single value. */
  readonly standardError: number | null;
  /** Student's 95 % interval of the mean, [lower, upper]; null for a single value. */
  readonly confidenceInterval: readonly [number, number] | null;
  readonly minimum: number;
  readonly maximum: number;
}

/** The independent figures of an {@link Average}, which its store keeps; the others follow from them. */
export type AverageFigures = Omit<Average, 'standardError' | 'confidenceInterval'>;

/** Completes an average from its independent figures. */
export function completeAverage(figures: AverageFigures): Average {
  const { count, mean, standardDeviation } = figures;
  if (standardDeviation === null) {
    return { ...figures, standardError: null, confidenceInterval: null };
  }
  const standardError = standardDeviation / Math.sqrt(count);
  const margin = studentT975(count - 1) * standardError;
  return { ...figures, standardError, confidenceInterval: [mean - margin, mean + margin] };
}

/** The sums of two passes over a run's values. */
export interface Sums {
  readonly count: number;
  /** Σ values, from left to right in ascending iteration order. */
  readonly sum: number;
  /** Σ (value − sum/count) · (value − sum/count), in the same order. */
  readonly squaredDeviations: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** @throws AverageOverflowError when a sum is not finite */
export function averageOfSums(sums: Sums): Average {
  const { count, sum, squaredDeviations, minimum, maximum } = sums;
  if (!Number.isFinite(sum) || !Number.isFinite(squaredDeviations)) {
    throw new AverageOverflowError();
  }
  return completeAverage({
    count,
    mean: sum / count + 0, // a tiny negative sum divides to -0
    standardDeviation: count === 1 ? null : Math.sqrt(squaredDeviations / (count - 1)),
    minimum,
    maximum,
  });
}

/**
 * The average of a run's values, in ascending iteration order.
 * @param values finite numbers, at least one
 * @throws InvalidInputError when there is none, or one is not a finite number
 * @throws AverageOverflowError when Σ values or Σ (value − mean)² leaves the range of a double
 * @example
 * averageOf([1, 2, 6]).mean; // 3
 */
export function averageOf(values: Iterable<number>): Average {
  // Two passes are made, and an iterable may give its values only once.
  const kept = Array.from(values);
  const odd = kept.findIndex((value) => !Number.isFinite(value));
  if (odd >= 0) throw new InvalidInputError(`value ${odd}`, 'a finite number', kept[odd]);
  return averageOfBatches(() => [kept]);
}

/** Unlike other iterables it gives its values as often as it is asked. */
type Batch = Float64Array | readonly number[];

/**
 * The same of values that come in batches.
 * @param batches begins a pass: answers with all of the batches, in ascending iteration order
 * @throws InvalidInputError when there is no value
 * @throws AverageOverflowError as {@link averageOf} does
 */
export function averageOfBatches(batches: () => Iterable<Batch>): Average {
  let count = 0;
  let sum = 0;
  let minimum = Infinity;
  let maximum = -Infinity;
  for (const batch of batches()) {
    for (const value of batch) {
      count += 1;
      sum += value;
      if (value < minimum) minimum = value;
      if (value > maximum) maximum = value;
    }
  }
  if (count === 0) throw new InvalidInputError('values', 'at least one finite number', []);
  const mean = sum / count;
  let squaredDeviations = 0;
  for (const batch of batches()) {
    for (const value of batch) squaredDeviations += (value - mean) * (value - mean);
  }
  return averageOfSums({ count, sum, squaredDeviations, minimum, maximum });
}

/**
 * For average stores: the average offered for a run and count must be the one that is kept.
 * @throws PersistenceError when it is another one
 */
export function assertSameAverage(id: RunId, kept: AverageFigures, offered: AverageFigures): void {
  for (const figure of ['mean', 'standardDeviation', 'minimum', 'maximum'] as const) {
    if (kept[figure] !== offered[figure]) {
      throw new PersistenceError(
        `run ${id} already has an average over ${kept.count} values whose ${figure} is ` +
          `${kept[figure]}, not ${offered[figure]}: its values have been altered since`,
        { retryable: false },
      );
    }
  }
}
