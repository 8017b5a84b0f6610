import { AverageOverflowError } from './errors.js';
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
export type AverageFigures = Pick<
  Average,
  'count' | 'mean' | 'standardDeviation' | 'minimum' | 'maximum'
>;

/** Completes an average from its independent figures. */
export function completeAverage(figures: AverageFigures): Average {
  const { count, mean, standardDeviation, minimum, maximum } = figures;
  if (standardDeviation === null) {
    return { ...figures, standardError: null, confidenceInterval: null };
  }
  const standardError = standardDeviation / Math.sqrt(count);
  const margin = studentT975(count - 1) * standardError;
  return {
    count,
    mean,
    standardDeviation,
    standardError,
    confidenceInterval: [mean - margin, mean + margin],
    minimum,
    maximum,
  };
}

/** What one pass over a run's values yields, and what a second one does. */
export interface Sums {
  readonly count: number;
  /** Σ values, from left to right in ascending iteration order. */
  readonly sum: number;
  /** Σ (value − sum/count) · (value − sum/count), in the same order. */
  readonly squaredDeviations: number;
  readonly minimum: number;
  readonly maximum: number;
}

/**
 * The average from its sums.
 * @throws AverageOverflowError when a sum is not finite
 */
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
 * The average of finite values in ascending iteration order, in two passes.
 * @param values at least one value; iterated twice, so an array or another iterable that starts anew each time
 * @throws AverageOverflowError when Σ values or Σ (value − mean)² leaves the range of a double
 */
export function averageOf(values: Iterable<number>): Average {
  return averageOfBatches([values]);
}

/**
 * The same of values in batches, one after the other.
 * @param batches iterated twice, and so is each of them
 * @throws AverageOverflowError as {@link averageOf} does
 */
export function averageOfBatches(batches: Iterable<Iterable<number>>): Average {
  let count = 0;
  let sum = 0;
  let minimum = Infinity;
  let maximum = -Infinity;
  for (const batch of batches) {
    for (const value of batch) {
      count += 1;
      sum += value;
      if (value < minimum) minimum = value;
      if (value > maximum) maximum = value;
    }
  }
  const mean = sum / count;
  let squaredDeviations = 0;
  for (const batch of batches) {
    for (const value of batch) squaredDeviations += (value - mean) * (value - mean);
  }
  return averageOfSums({ count, sum, squaredDeviations, minimum, maximum });
}

/**
 * A mean that is kept up to date while values arrive, in any order: for watching a run, never for
 * its result, since its bits depend on the order.
 * Source: B. Welford, "Note on a method for calculating corrected sums of squares and products", 1962.
 */
export class RunningMean {
  #count = 0;
  #mean = 0;
  #squaredDeviations = 0;

  add(value: number): void {
    this.#count += 1;
    const difference = value - this.#mean;
    this.#mean += difference / this.#count;
    this.#squaredDeviations += difference * (value - this.#mean);
  }

  /** Null before the first value. */
  get mean(): number | null {
    return this.#count === 0 ? null : this.#mean;
  }

  /** Half the width of the mean's 95 % interval so far; null before the second value. */
  get margin(): number | null {
    if (this.#count < 2) return null;
    const variance = this.#squaredDeviations / (this.#count - 1);
    return studentT975(this.#count - 1) * Math.sqrt(variance / this.#count);
  }
}
