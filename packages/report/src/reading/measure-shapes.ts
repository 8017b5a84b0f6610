import type { RunId } from '@stepcompute/core';
import {
  HistogramCounts,
  histogramScale,
  RunningMean,
  withoutTails,
  type Histogram,
  type HistogramExtent,
  type HistogramScale,
} from '@stepcompute/core/adapters';
import type { HeldValues } from './held-values.js';

/** The mean of the first values, in iteration order. */
export interface RunningPoint {
  readonly count: number;
  readonly mean: number;
  /** The 95 % interval of the mean; null where there is none, as of one value. */
  readonly interval: readonly [lower: number, upper: number] | null;
}

/** How the stored values of a measure are distributed, and how their mean has converged. */
export interface MeasureShape {
  readonly count: number;
  readonly extent: HistogramExtent;
  /** True when all values are whole numbers. */
  readonly areWhole: boolean;
  /** Undefined when there is no value. */
  readonly histogram: Histogram | undefined;
  /** The same values, where there is detail in bins of a tenth of these, or of 1. */
  readonly fine: Histogram | undefined;
  /** At growing counts. */
  readonly running: readonly RunningPoint[];
}

/** How finely shapes are taken. */
export interface Detail {
  /** Of the histogram, at most. */
  readonly bins: number;
  /** The same, of whole numbers: a bar for each, if there are no more. */
  readonly wholes: number;
  /** True for a distribution in tenths of these, and for more labels on axes. */
  readonly areFine: boolean;
  /** Of the running mean, at most. */
  readonly points: number;
  /** Of a table behind a plot, at most. */
  readonly rows: number;
}

/**
 * The shapes of a run's measures, in their order, from two scans of its values.
 * @param stored how many values there are, as far as it is known
 */
export async function shapesOf(
  id: RunId,
  { measures, stored }: { readonly measures: number; readonly stored: number },
  values: HeldValues,
  { bins, wholes, areFine, points }: Detail,
): Promise<readonly MeasureShape[]> {
  const counts = growingCounts(stored, points);
  const courses = Array.from({ length: measures }, () => new Course(counts));
  await eachColumn(id, values, courses);
  const scales = courses.map(({ count, sample, extent, areWhole }) => {
    if (count === 0) return undefined;
    const most = areWhole ? wholes : Math.min(bins, binsFor(count));
    const coarse = histogramScale(withoutTails(sample, extent), areWhole, most);
    return { coarse, fine: areFine ? dividedScale(coarse, areWhole) : coarse };
  });
  const fine = scales.map((scale) => scale && new HistogramCounts(scale.fine));
  await eachColumn(id, values, fine);
  return courses.map(({ count, extent, areWhole, running }, place) => {
    const counted = fine[place]?.histogram();
    return {
      count,
      extent,
      areWhole,
      histogram: counted && gathered(counted, scales[place]!.coarse),
      fine: counted,
      running,
    };
  });
}

/**
 * As many bins as so many values fill: twice the cube root, and no fewer than ten. Source: Rice's rule, in
 * D. Lane, "Online Statistics Education", ch. 2, "Histograms".
 */
function binsFor(count: number): number {
  return Math.max(10, Math.ceil(2 * Math.cbrt(count)));
}

/** Steps of a tenth; of whole numbers, steps of 1 where a tenth is none. */
function dividedScale(
  { digit, exponent, first, bins }: HistogramScale,
  areWhole: boolean,
): HistogramScale {
  return areWhole && exponent === 0
    ? { digit: 1, exponent, first: first * digit, bins: bins * digit }
    : { digit, exponent: exponent - 1, first: first * 10, bins: bins * 10 };
}

/** The counts in the bins of a coarser scale, of which each holds as many of the finer one's. */
function gathered(fine: Histogram, scale: HistogramScale): Histogram {
  const each = fine.scale.bins / scale.bins;
  const counts = Array.from({ length: scale.bins }, (_, bin) =>
    fine.counts.slice(bin * each, (bin + 1) * each).reduce((sum, count) => sum + count, 0),
  );
  return { ...fine, scale, counts };
}

async function eachColumn(
  id: RunId,
  values: HeldValues,
  takers: readonly ({ addAll: (column: Float64Array) => void } | undefined)[],
): Promise<void> {
  for await (const { values: first, more = [] } of values.scan(id)) {
    for (const [place, taker] of takers.entries()) {
      taker?.addAll(place === 0 ? first : more[place - 1]!);
    }
  }
}

/** A mean of fewer values is known too badly to be drawn beside one of many. */
const fewestShown = 30;

/** Counts up to all, each greater than the one before by about the same factor. */
function growingCounts(all: number, points: number): readonly number[] {
  const first = all > 10 * fewestShown ? fewestShown : Math.min(2, all);
  const counts = Array.from({ length: points }, (_, place) =>
    Math.round(first * (all / Math.max(1, first)) ** (place / (points - 1))),
  );
  return [...new Set(counts)].filter((count) => count > 0);
}

/** So many values, evenly from among all, say where they lie. */
const sampleSize = 8192;

/** Values on their way through in iteration order. */
class Course {
  readonly running: RunningPoint[] = [];
  readonly #mean = new RunningMean();
  #count = 0;
  #minimum = Infinity;
  #maximum = -Infinity;
  #areWhole = true;
  #sample: number[] = [];
  /** Every so many values one is sampled. */
  #stride = 1;

  constructor(private readonly counts: readonly number[]) {}

  get count(): number {
    return this.#count;
  }

  get areWhole(): boolean {
    return this.#areWhole;
  }

  get sample(): readonly number[] {
    return this.#sample;
  }

  get extent(): HistogramExtent {
    return { minimum: this.#minimum, maximum: this.#maximum };
  }

  addAll(values: Float64Array): void {
    let next = this.counts[this.running.length] ?? Infinity;
    for (const value of values) {
      if (this.#count % this.#stride === 0) this.#take(value);
      this.#count += 1;
      if (value < this.#minimum) this.#minimum = value;
      if (value > this.#maximum) this.#maximum = value;
      if (this.#areWhole && Math.trunc(value) !== value) this.#areWhole = false;
      this.#mean.add(value);
      if (this.#count === next) {
        this.#note();
        next = this.counts[this.running.length] ?? Infinity;
      }
    }
  }

  #take(value: number): void {
    this.#sample.push(value);
    if (this.#sample.length < sampleSize) return;
    this.#sample = this.#sample.filter((_, place) => place % 2 === 0);
    this.#stride *= 2;
  }

  #note(): void {
    const { mean, margin } = this.#mean;
    const interval =
      margin === null || !Number.isFinite(margin)
        ? null
        : ([mean! - margin, mean! + margin] as const);
    this.running.push({ count: this.#count, mean: mean!, interval });
  }
}
