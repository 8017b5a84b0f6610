import { AverageOfBlocks, blockLength } from '../statistics/averaging.js';
import type { ValueBlock } from './value-blocks.js';

/** A block of pairs, which all who pair runs may share: it is filled and read at once. */
export interface PairBlock {
  /** Where each pair is among the values of its run's block. */
  readonly controlRows: Uint16Array;
  readonly runRows: Uint16Array;
  /** Of one measure. */
  readonly control: Float64Array;
  readonly run: Float64Array;
  readonly difference: Float64Array;
}

export function newPairBlock(): PairBlock {
  return {
    controlRows: new Uint16Array(blockLength),
    runRows: new Uint16Array(blockLength),
    control: new Float64Array(blockLength),
    run: new Float64Array(blockLength),
    difference: new Float64Array(blockLength),
  };
}

/** Of one measure, over the pairs: the averages of both runs, and that of the differences. */
export interface PairedAverages {
  readonly control: AverageOfBlocks;
  readonly run: AverageOfBlocks;
  /** Run less control. */
  readonly difference: AverageOfBlocks;
}

/**
 * Two runs, iteration by iteration: a pair is an iteration for which both have a value, from code at the same
 * place of those that they accept. It holds a few numbers for each measure.
 */
export class PairedRuns {
  readonly measures: readonly PairedAverages[];
  readonly #block: PairBlock;
  #pairs = 0;
  #leftOut = 0;

  /** @param measures how many there are */
  constructor(measures: number, block: PairBlock) {
    this.#block = block;
    this.measures = Array.from({ length: measures }, () => ({
      control: new AverageOfBlocks(),
      run: new AverageOfBlocks(),
      difference: new AverageOfBlocks(),
    }));
  }

  get pairs(): number {
    return this.#pairs;
  }

  /** How many iterations have a value and are in no pair. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** Adds both runs' values of one block; undefined where a run has none. */
  addBlock(control: ValueBlock | undefined, run: ValueBlock | undefined): void {
    if (control === undefined || run === undefined) {
      this.#leftOut += control?.count ?? run?.count ?? 0;
      return;
    }
    const count = this.#pair(control, run);
    const block = this.#block;
    for (const [place, averages] of this.measures.entries()) {
      const [left, right] = [control.columns[place]!, run.columns[place]!];
      for (let i = 0; i < count; i += 1) {
        const a = left[block.controlRows[i]!]!;
        const b = right[block.runRows[i]!]!;
        block.control[i] = a;
        block.run[i] = b;
        block.difference[i] = b - a;
      }
      averages.control.addBlock(block.control, count);
      averages.run.addBlock(block.run, count);
      averages.difference.addBlock(block.difference, count);
    }
  }

  /** Notes the rows of each pair. */
  #pair(control: ValueBlock, run: ValueBlock): number {
    let pairs = 0;
    let common = 0;
    for (let i = 0, j = 0; i < control.count && j < run.count;) {
      const ahead = control.iterationIds[i]! - run.iterationIds[j]!;
      if (ahead === 0) {
        common += 1;
        if (control.codes[i] === run.codes[j]) {
          this.#block.controlRows[pairs] = i;
          this.#block.runRows[pairs] = j;
          pairs += 1;
        }
      }
      if (ahead <= 0) i += 1;
      if (ahead >= 0) j += 1;
    }
    this.#pairs += pairs;
    this.#leftOut += control.count + run.count - common - pairs;
    return pairs;
  }
}
