import { AverageOverflowError } from '../run/run-errors.js';
import type { Average } from './average.js';
import { studentTQuantile } from './student-t.js';

/** A difference of two means, and how sure it is. */
export interface Difference {
  readonly difference: number;
  /** The standard deviation of the difference; null where it can't be known. */
  readonly standardError: number | null;
  /** Of Student's t; null with the standard error. */
  readonly degreesOfFreedom: number | null;
}

/** The mean of the differences of pairs: that of the paired t-test. */
export function pairedDifference({ mean, standardError, count }: Average): Difference {
  const degreesOfFreedom = standardError === null ? null : count - 1;
  return { difference: mean, standardError, degreesOfFreedom };
}

/**
 * The difference of the means of two independent samples, whose variances may differ.
 * Source: B. L. Welch, "The generalization of 'Student's' problem when several different population
 * variances are involved", Biometrika 34, 1947.
 * @throws AverageOverflowError when the difference leaves the range of a double
 */
export function welchDifference(control: Average, run: Average): Difference {
  const difference = run.mean - control.mean;
  if (!Number.isFinite(difference)) throw new AverageOverflowError();
  const [a, b] = [control.standardError, run.standardError];
  if (a === null || b === null) return { difference, standardError: null, degreesOfFreedom: null };
  const largest = Math.max(a, b);
  const least = Math.min(control.count, run.count) - 1;
  // Without any spread: the fewest that it can be.
  if (largest === 0) return { difference, standardError: 0, degreesOfFreedom: least };
  // As shares of the larger, whose squares stay within the range of a double.
  const [u, v] = [(a / largest) ** 2, (b / largest) ** 2];
  return {
    difference,
    standardError: largest * Math.sqrt(u + v),
    degreesOfFreedom: (u + v) ** 2 / (u ** 2 / (control.count - 1) + v ** 2 / (run.count - 1)),
  };
}

/**
 * An interval of a difference, or of a mean as one from 0, at a confidence that holds for so many intervals together, whatever their
 * dependence: Bonferroni's inequality. Source: A. M. Law, Simulation Modeling and Analysis, chapter 10.
 * @param confidence above 0 and below 1
 */
export function intervalOf(
  { difference, standardError, degreesOfFreedom }: Difference,
  confidence: number,
  intervals = 1,
): readonly [lower: number, upper: number] | null {
  if (standardError === null || degreesOfFreedom === null) return null;
  const outside = (1 - confidence) / 2 / intervals;
  const margin = -studentTQuantile(outside, degreesOfFreedom) * standardError;
  return [difference - margin, difference + margin];
}

/**
 * By how much pairing narrowed the variance of a difference: what it would be if both were independent, over
 * what it is. Null where there is no spread, or none is known.
 */
export function varianceRatioOf(control: Average, run: Average, paired: Average): number | null {
  const [a, b, d] = [control.standardDeviation, run.standardDeviation, paired.standardDeviation];
  if (a === null || b === null || d === null || d === 0) return null;
  return (a / d) ** 2 + (b / d) ** 2;
}
