import type { RunId } from '../run/numbers.js';
import { PersistenceError } from '../run/run-errors.js';
import { studentT975 } from './student-t.js';

/**
 * The mean of a run's values, with the count it was taken over and their spread. The same values
 * give the same bits on every adapter: docs/averaging.md says how they are summed.
 */
export interface Average {
  /** How it was taken, `blocks/1`; null of one that an earlier version stored. */
  readonly method: string | null;
  readonly count: number;
  /** Σ values / count, never outside of the values' range; far from zero at most a unit in the last place off. */
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

/**
 * For average stores: the average offered for a run and count must be the one that is kept, unless they
 * were taken in different ways.
 * @returns the one that is kept
 * @throws PersistenceError when it is another one
 */
export function refuseOtherAverage(id: RunId, kept: Average, offered: Average): Average {
  if (kept.method !== offered.method) return kept;
  for (const figure of ['mean', 'standardDeviation', 'minimum', 'maximum'] as const) {
    if (kept[figure] !== offered[figure]) {
      throw new PersistenceError(
        `run ${id} already has an average over ${kept.count} values whose ${figure} is ` +
          `${kept[figure]}, not ${offered[figure]}: its values have been altered since`,
        { retryable: false },
      );
    }
  }
  return kept;
}
