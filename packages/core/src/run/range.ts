import { InvalidInputError } from '../errors/invalid-input-error.js';
import { IterationId, parseInteger, Repetitions } from './numbers.js';

/** A contiguous piece of a run's iterations: `first`, `first` + 1, … `first` + `count` − 1. */
export interface IterationRange {
  readonly first: IterationId;
  /** At least 1. */
  readonly count: number;
}

export const IterationRange = {
  /**
   * @param value an object with integers `first` and `count`
   * @throws InvalidInputError when it isn't one, or reaches past the last iteration that any run can have
   */
  parse: (value: unknown): IterationRange => {
    if (typeof value !== 'object' || value === null) {
      throw new InvalidInputError('range', 'an object {first, count}', value);
    }
    const { first, count } = value as { first?: unknown; count?: unknown };
    const parsedFirst = IterationId.parse(first);
    return {
      first: parsedFirst,
      count: parseInteger(count, 'range count', 1, Repetitions.maximum - parsedFirst),
    };
  },
  /** All iterations of a run. */
  whole: (repetitions: Repetitions): IterationRange => ({
    first: 0 as IterationId,
    count: repetitions,
  }),
  /** From `first` to just before `end`; undefined when nothing lies between. */
  between: (first: number, end: number): IterationRange | undefined =>
    first < end ? { first: first as IterationId, count: end - first } : undefined,
} as const;

/** The smallest range that covers all of these, which ascend; undefined when there are none. */
export function hullOf(ranges: readonly IterationRange[]): IterationRange | undefined {
  const [first] = ranges;
  const last = ranges.at(-1);
  if (first === undefined || last === undefined) return undefined;
  return IterationRange.between(first.first, last.first + last.count);
}

/** How many iterations the ranges hold. */
export function countOf(ranges: readonly IterationRange[]): number {
  return ranges.reduce((total, { count }) => total + count, 0);
}

/** The ids of the ranges' iterations, one by one, in the ranges' order; holds nothing in memory. */
export function* iterationsOf(ranges: Iterable<IterationRange>): Generator<IterationId, void> {
  for (const { first, count } of ranges) {
    for (let id: number = first; id < first + count; id += 1) {
      yield id as IterationId;
    }
  }
}

/**
 * The parts of `ranges` that lie in none of `taken`, in linear time.
 * @param ranges disjoint and ascending
 * @param taken disjoint and ascending
 * @returns disjoint and ascending; maximal when `ranges` are
 */
export function without(
  ranges: Iterable<IterationRange>,
  taken: readonly IterationRange[],
): IterationRange[] {
  const left: IterationRange[] = [];
  let next = 0;
  for (const { first, count } of ranges) {
    const end = first + count;
    let from: number = first;
    for (let one = taken[next]; one !== undefined && one.first < end; one = taken[next]) {
      const before = IterationRange.between(from, one.first);
      if (before !== undefined) left.push(before);
      from = Math.max(from, one.first + one.count);
      // It may reach into the next range.
      if (from > end) break;
      next += 1;
    }
    const rest = IterationRange.between(from, end);
    if (rest !== undefined) left.push(rest);
  }
  return left;
}
