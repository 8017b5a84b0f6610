import { InvalidInputError } from './errors.js';
import { parseInteger, Repetitions, type Run } from './run.js';

declare const brand: unique symbol;

/** Which repetition of its run: an integer from 0 to repetitions − 1. */
export type IterationId = number & { readonly [brand]: 'IterationId' };

export const IterationId = {
  maximum: Repetitions.maximum - 1,
  /** @throws InvalidInputError unless `value` is an integer from 0 to {@link IterationId.maximum} */
  parse: (value: unknown): IterationId =>
    parseInteger(value, 'iteration id', 0, IterationId.maximum) as IterationId,
} as const;

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
} as const;

/** What step 1 hands on: the run, and what of it is still to be done. */
export interface RunPlan {
  readonly run: Run;
  /** Disjoint, ascending, maximal; empty when the run is complete. */
  readonly missing: readonly IterationRange[];
}

/** The smallest range that covers all of these, which ascend; undefined when there are none. */
export function hullOf(ranges: readonly IterationRange[]): IterationRange | undefined {
  const [first] = ranges;
  const last = ranges.at(-1);
  if (first === undefined || last === undefined) return undefined;
  return { first: first.first, count: last.first + last.count - first.first };
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
 * The run's fixed blocks, in order: block k holds the iterations from k · `size` on, `size` of them
 * but for the last. Which block an iteration is in depends on `size` alone, so a block that is
 * delivered again covers the same iterations.
 * @throws InvalidInputError unless `size` is an integer from 1 to {@link Repetitions.maximum}
 */
export function* alignedBlocks(
  repetitions: Repetitions,
  size: number,
): Generator<IterationRange, void> {
  parseInteger(size, 'block size', 1, Repetitions.maximum);
  for (let first = 0; first < repetitions; first += size) {
    yield { first: first as IterationId, count: Math.min(size, repetitions - first) };
  }
}

/**
 * The smallest block size with which a run needs no more than `maximumBlocks` blocks, so that a list
 * of them fits a payload of fixed size whatever the number of repetitions.
 * @throws InvalidInputError unless `maximumBlocks` is an integer from 1 to {@link Repetitions.maximum}
 */
export function blockSizeFor(repetitions: Repetitions, maximumBlocks: number): number {
  parseInteger(maximumBlocks, 'maximum blocks', 1, Repetitions.maximum);
  return Math.ceil(repetitions / maximumBlocks);
}
