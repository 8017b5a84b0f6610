import { InvalidInputError } from '../errors/invalid-input-error.js';
import { binomialProbabilities } from './binomial.js';

/** The value below which a share of a measure's values lies: docs/statistics.md says how it is taken. */
export interface Quantile {
  /** The share, 0 … 1. */
  readonly probability: number;
  /** By linear interpolation between neighbouring values: R's type 7 and numpy's default. */
  readonly value: number;
  /**
   * An interval of the distribution's quantile, whatever the distribution: two of the values. It is one of
   * 95 % unless another was asked for. Null where too few values lie on one side, as for the probabilities 0
   * and 1.
   */
  readonly confidenceInterval: readonly [lower: number, upper: number] | null;
}

const mostProbabilities = 1000;

/** @throws InvalidInputError unless there are 1 to 1,000 different numbers from 0 to 1 */
export function parseProbabilities(value: unknown): readonly number[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > mostProbabilities) {
    const expected = `an array of 1 to ${mostProbabilities} numbers from 0 to 1`;
    throw new InvalidInputError('quantiles', expected, value);
  }
  // By position: a hole is refused.
  const probabilities = Array.from(value, (probability: unknown) => {
    if (typeof probability === 'number' && probability >= 0 && probability <= 1) {
      return probability + 0; // -0 becomes 0
    }
    throw new InvalidInputError('a quantile', 'a number from 0 to 1', probability);
  });
  const repeated = probabilities.find((each, index) => probabilities.indexOf(each) < index);
  if (repeated === undefined) return probabilities;
  throw new InvalidInputError('quantiles', 'numbers that differ from each other', repeated);
}

/** Where a quantile and its interval are among sorted values, counted from 0. */
export interface QuantileRanks {
  readonly probability: number;
  /** The quantile lies so far between the values of these ranks, 0 … 1. */
  readonly below: number;
  readonly above: number;
  readonly weight: number;
  /** Of the interval's ends. */
  readonly interval: readonly [lower: number, upper: number] | null;
}

/**
 * @param count how many values there are, at least 1
 * @param confidence that of the interval, between 0 and 1; default 0.95
 */
export function quantileRanks(
  probability: number,
  count: number,
  confidence = 0.95,
): QuantileRanks {
  const position = (count - 1) * probability;
  const below = Math.floor(position);
  const above = Math.min(below + 1, count - 1);
  return {
    probability,
    below,
    above,
    weight: position - below,
    interval: intervalRanks(probability, count, (1 - confidence) / 2),
  };
}

/**
 * The ranks of the values that have the quantile of their distribution between them, but for a probability
 * of at most `outside` on either side. Of n values, as many as a binomial variate lie below it: the lower
 * rank is the highest that this variate is at most at with that probability, the upper the lowest that it is
 * above with it. Source: David & Nagaraja, Order Statistics, 2003, section 7.1.
 */
function intervalRanks(
  probability: number,
  count: number,
  outside: number,
): readonly [number, number] | null {
  const lower =
    firstOf(count, (k) => binomialProbabilities(k, count, probability).atMost > outside) - 1;
  const upper = firstOf(count, (k) => binomialProbabilities(k, count, probability).more <= outside);
  return lower < 0 || upper >= count ? null : [lower, upper];
}

/** The first number from 0 on that it holds for, if it holds for all that follow; `end` when for none before. */
function firstOf(end: number, holds: (k: number) => boolean): number {
  let [low, high] = [0, end];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The quantile among values of which those with its ranks are known.
 * @param valueAt the value with a rank
 */
export function quantileAt(ranks: QuantileRanks, valueAt: (rank: number) => number): Quantile {
  const { probability, below, above, weight, interval } = ranks;
  return {
    probability,
    value: between(valueAt(below), valueAt(above), weight),
    confidenceInterval: interval === null ? null : [valueAt(interval[0]), valueAt(interval[1])],
  };
}

/** As numpy interpolates, to the last bit; it overflows where low and high lie more than 1.8 · 10^308 apart. */
function between(low: number, high: number, weight: number): number {
  const distance = high - low;
  if (distance === Infinity) return low * (1 - weight) + high * weight;
  return weight < 0.5 ? low + distance * weight : high - distance * (1 - weight);
}
