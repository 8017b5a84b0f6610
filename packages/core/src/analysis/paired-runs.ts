import { AverageOfBlocks, blockLength } from '../statistics/averaging.js';
import type { ValueBlock } from './value-blocks.js';

// A block of pairs, which all who pair runs share: it is filled and read before anything else happens.
const controlRows = new Uint16Array(blockLength);
const runRows = new Uint16Array(blockLength);
const ofControl = new Float64Array(blockLength);
const ofRun = new Float64Array(blockLength);
const differences = new Float64Array(blockLength);

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
  #pairs = 0;
  #leftOut = 0;

  /** @param measures how many there are */
  constructor(measures: number) {
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
    for (const [place, averages] of this.measures.entries()) {
      const [left, right] = [control.columns[place]!, run.columns[place]!];
      for (let i = 0; i < count; i += 1) {
        const a = left[controlRows[i]!]!;
        const b = right[runRows[i]!]!;
        ofControl[i] = a;
        ofRun[i] = b;
        differences[i] = b - a;
      }
      averages.control.addBlock(ofControl, count);
      averages.run.addBlock(ofRun, count);
      averages.difference.addBlock(differences, count);
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
          controlRows[pairs] = i;
          runRows[pairs] = j;
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
