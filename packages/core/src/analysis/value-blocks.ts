import { blockLength } from '../statistics/averaging.js';
import type { ValueColumns } from '../simulation/value.js';

/** The values of a block, by columns whose first `count` are its own. */
export interface ValueBlock {
  index: number;
  count: number;
  readonly iterationIds: Int32Array;
  /** A column for each measure. */
  readonly columns: readonly Float64Array[];
  readonly codes: Int16Array;
}

/**
 * The values of a scan by blocks of 4,096 iterations, aligned by id; those without a value are left out.
 * One block is held, and written anew for the next.
 */
export async function* valueBlocks(
  scan: AsyncIterable<ValueColumns>,
  measures: number,
): AsyncGenerator<ValueBlock, undefined> {
  const block: ValueBlock = {
    index: -1,
    count: 0,
    iterationIds: new Int32Array(blockLength),
    columns: Array.from({ length: measures }, () => new Float64Array(blockLength)),
    codes: new Int16Array(blockLength),
  };
  for await (const { iterationIds, values, more = [], codes } of scan) {
    for (let from = 0, to = 0; from < iterationIds.length; from = to) {
      const index = Math.floor(iterationIds[from]! / blockLength);
      const next = (index + 1) * blockLength;
      while (to < iterationIds.length && iterationIds[to]! < next) to += 1;
      if (index !== block.index) {
        if (block.count > 0) yield block;
        block.index = index;
        block.count = 0;
      }
      const at = block.count;
      block.iterationIds.set(iterationIds.subarray(from, to), at);
      for (const [place, column] of block.columns.entries()) {
        column.set((place === 0 ? values : more[place - 1]!).subarray(from, to), at);
      }
      if (codes === undefined) block.codes.fill(0, at, at + to - from);
      else block.codes.set(codes.subarray(from, to), at);
      block.count += to - from;
    }
  }
  if (block.count > 0) yield block;
  return undefined;
}
