import type { RunId } from '../run/numbers.js';
import { PersistenceError } from '../run/run-errors.js';
import { studentTQuantile } from './student-t.js';

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

/** The average of a run's first measure, with those of the measures that follow, over the same iterations. */
export interface RunAverage extends Average {
  /** By their names; left out where there is one measure alone. */
  readonly more?: Readonly<Record<string, Average>> | undefined;
}

/**
 * A run's averages by the names of its measures, in their order.
 * @param measures the run's
 */
export function averagesByName(
  measures: readonly string[],
  { more = {}, ...first }: RunAverage,
): Readonly<Record<string, Average>> {
  const [name = 'value', ...others] = measures;
  return Object.fromEntries([
    [name, first],
    ...others.flatMap((other) => (more[other] === undefined ? [] : [[other, more[other]]])),
  ]) as Readonly<Record<string, Average>>;
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
  const margin = studentTQuantile(0.975, count - 1) * standardError;
  return { ...figures, standardError, confidenceInterval: [mean - margin, mean + margin] };
}

/**
 * For average stores: the average offered for a run and count must be the one that is kept, unless they
 * were taken in different ways.
 * @returns the one that is kept
 * @throws PersistenceError when it is another one
 */
export function refuseOtherAverage(id: RunId, kept: RunAverage, offered: RunAverage): RunAverage {
  if (kept.method !== offered.method) return kept;
  const difference = differenceOf(kept, offered);
  if (difference === undefined) return kept;
  throw new PersistenceError(
    `run ${id} already has an average over ${kept.count} values whose ${difference}: ` +
      'its values have been altered since',
    { retryable: false },
  );
}

/** As the end of a sentence on the one that is kept; undefined when they are the same. */
function differenceOf(kept: RunAverage, offered: RunAverage): string | undefined {
  for (const figure of ['mean', 'standardDeviation', 'minimum', 'maximum'] as const) {
    if (kept[figure] !== offered[figure]) {
      return `${figure} is ${kept[figure]}, not ${offered[figure]}`;
    }
  }
  const names = new Set([...Object.keys(kept.more ?? {}), ...Object.keys(offered.more ?? {})]);
  for (const name of names) {
    const [ours, theirs] = [kept.more?.[name], offered.more?.[name]];
    if (ours === undefined) return `measures lack ${name}`;
    if (theirs === undefined) return `measures have ${name}`;
    const difference = differenceOf(ours, theirs);
    if (difference !== undefined) return `measure ${name}’s ${difference}`;
  }
  return undefined;
}
