import { parseInteger, Repetitions, type IterationId } from './numbers.js';
import type { IterationRange } from './range.js';
import type { Run } from './run.js';

/** The answer of step 1: the run, and what of it is still to be done. */
export interface RunPlan {
  readonly run: Run;
  /** Disjoint, ascending, maximal; empty when the run is complete. */
  readonly missing: readonly IterationRange[];
  /** The block that it is of, where a process was given one; left out of the plan of a whole run. */
  readonly block?: AssignedBlock | undefined;
}

/** A block as a process was given it, for an observer to tell of. */
export interface AssignedBlock extends IterationRange {
  /** The trace context of the run's request, by W3C Trace Context; left out where nobody traces it. */
  readonly traceparent?: string | undefined;
}

/**
 * The blocks of the plan's run in which something is missing, in order. Block k holds the iterations
 * from k · `size` on, `size` of them but for the last: which block an iteration is in depends on
 * `size` alone, so a block that is delivered again covers the same iterations.
 * @param size how many iterations a block holds
 * @throws InvalidInputError unless `size` is an integer from 1 to {@link Repetitions.maximum}
 * @example
 * for (const block of blocksOf(plan, 1000)) await queue.send({ runId: plan.run.id, ...block });
 */
export function* blocksOf(
  { run, missing }: RunPlan,
  size: number,
): Generator<IterationRange, void> {
  parseInteger(size, 'block size', 1, Repetitions.maximum);
  let next = 0;
  for (const { first, count } of missing) {
    for (let block = Math.max(next, Math.floor(first / size)); ; block += 1) {
      const start = block * size;
      if (start >= first + count) break;
      yield { first: start as IterationId, count: Math.min(size, run.repetitions - start) };
      next = block + 1;
    }
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
