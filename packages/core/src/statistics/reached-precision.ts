import type { Repetitions } from '../run/numbers.js';
import { Precision } from '../run/precision.js';
import type { Run } from '../run/run.js';
import type { Average } from './average.js';
import { studentTQuantile } from './student-t.js';

/** How precise a run with a goal is by now. */
export interface ReachedPrecision {
  /** The measure whose mean it is. */
  readonly measure: string;
  /** Of the interval, over all looks together. */
  readonly confidence: number;
  /** Half the width that the goal allows: of a share, that of the present mean. */
  readonly wanted: number;
  /** Half the width of the mean's interval; null while few values carry the mean, as when all are equal. */
  readonly halfWidth: number | null;
  /** The interval itself; null like its half width. */
  readonly confidenceInterval: readonly [number, number] | null;
  /** The present look's number, from 1 on. */
  readonly look: number;
  /** How many looks there are at most. */
  readonly looks: number;
  readonly isReached: boolean;
}

type Looking = Pick<Run, 'precision' | 'request' | 'repetitions' | 'measures'>;

/**
 * Of the looks at a run the first is at the repetitions it was asked for, each further one at twice as many,
 * and the last at the maximum: fixed before it begins, so that it ends with the same iteration whatever it
 * runs on.
 * @returns how many looks there are up to so many repetitions
 */
function looksUpTo(first: number, repetitions: number): number {
  let looks = 1;
  for (let at = first; at < repetitions; at *= 2) looks += 1;
  return looks;
}

/**
 * The precision that a run with a goal has reached with its present look; undefined of a run without one.
 *
 * Whoever looks often enough sees an interval that is narrow by chance. Each look's interval is therefore
 * Student's at confidence 1 − (1 − c) / looks: together they hold with the goal's confidence c, so whichever
 * of them ends the run does. Source: C. Jennison, B. Turnbull, "Interim analyses: the repeated confidence
 * interval approach", Journal of the Royal Statistical Society B 51, 1989, with Bonferroni's inequality for
 * the looks. docs/precision.md has its measured coverage.
 * @param averages of all measures of the present look
 * @example
 * const { run, averages } = await orchestrator.run({ repetitions: 1000, precision: { halfWidth: '1%' } });
 * reachedPrecision(run, averages)?.isReached;
 */
export function reachedPrecision(
  run: Looking,
  averages: Readonly<Record<string, Average>>,
): ReachedPrecision | undefined {
  const { precision, request, measures } = run;
  if (precision === undefined) return undefined;
  const measure = Precision.measureOf(precision, measures);
  const average = averages[measure];
  if (average === undefined) return undefined;
  const { confidence, maximum } = precision;
  const looks = looksUpTo(request.repetitions, maximum);
  const { count, mean } = average;
  const halfWidth = halfWidthOf(average, (1 - confidence) / looks);
  const wanted = Precision.halfWidthOf(precision, mean);
  return {
    measure,
    confidence,
    wanted,
    halfWidth,
    confidenceInterval: halfWidth === null ? null : [mean - halfWidth, mean + halfWidth],
    // Since then the run may have gone on.
    look: looksUpTo(request.repetitions, count),
    looks,
    isReached: halfWidth !== null && halfWidth <= wanted,
  };
}

/** Of two outcomes, the rarer one comes at least so often before an interval is taken: docs/precision.md has why. */
const leastOfRarer = 10;

/**
 * Null while few values carry the mean: what is rare may not have come yet, and the interval is as narrow as if it
 * never did. Values that are all equal are the plainest case.
 * @param outside how probable it may be that the mean is not in the interval
 */
function halfWidthOf(average: Average, outside: number): number | null {
  const { count, standardDeviation } = average;
  if (standardDeviation === null || standardDeviation === 0) return null;
  if (rarerOf(average) < leastOfRarer) return null;
  // From the lower tail, where a small probability keeps its digits.
  return (-studentTQuantile(outside / 2, count - 1) * standardDeviation) / Math.sqrt(count);
}

/**
 * Of two outcomes, how often the rarer one has come. Of any values, how many as large as the largest would make up
 * the sum, each measured from the smallest; or the other way round, where these are fewer.
 */
function rarerOf({ count, mean, minimum, maximum }: Average): number {
  return Math.min(mean - minimum, maximum - mean) * (count / (maximum - minimum));
}

/**
 * The repetitions of the look that follows; undefined when the run ends with the present one, since it has
 * reached its goal, or its maximum, or never had a goal.
 */
export function nextLook(
  run: Looking,
  averages: Readonly<Record<string, Average>>,
): Repetitions | undefined {
  const reached = reachedPrecision(run, averages);
  if (run.precision === undefined || reached?.isReached !== false) return undefined;
  const { precision, request, repetitions } = run;
  if (repetitions >= precision.maximum) return undefined;
  const doubled = request.repetitions * 2 ** looksUpTo(request.repetitions, repetitions);
  return Math.min(doubled, precision.maximum) as Repetitions;
}
