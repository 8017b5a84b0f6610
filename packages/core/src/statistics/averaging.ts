import { InvalidInputError } from '../errors/invalid-input-error.js';
import { AverageOverflowError } from '../run/run-errors.js';
import { completeAverage, type Average } from './average.js';

/** How averages are taken, for their record; a change of any bit changes it. See docs/averaging.md. */
export const averagingMethod = 'blocks/1';

/** So many iterations make a block; which one an iteration is in depends on its id alone. */
export const blockLength = 4096;

/** Up to here doubles hold every whole number. */
const largestExact = 2 ** 53;

/**
 * The average of blocks that are given in order, each with its values in ascending iteration order. It holds
 * a few numbers alone. Each block is summed in two passes, and the blocks are merged: docs/averaging.md says
 * exactly how.
 */
export class AverageOfBlocks {
  #count = 0;
  #sum = 0;
  #minimum = Infinity;
  #maximum = -Infinity;
  #isWhole = true;
  /** The first block's mean, from which all others are measured. */
  #origin = 0;
  /** Σ (value − origin), and what rounding has lost of it. */
  #shift = 0;
  #lost = 0;
  /** Σ (value − mean)². */
  #squares = 0;

  /** How many values there were. */
  get count(): number {
    return this.#count;
  }

  /**
   * @param values finite numbers, and whatever else behind them
   * @param count how many of them are the block's; of none, there is no block
   */
  addBlock(values: Float64Array, count: number): void {
    if (count === 0) return;
    let sum = 0;
    for (let i = 0; i < count; i += 1) {
      const value = values[i]!;
      sum += value;
      if (value < this.#minimum) this.#minimum = value;
      if (value > this.#maximum) this.#maximum = value;
      if (this.#isWhole && Math.trunc(value) !== value) this.#isWhole = false;
    }
    const mean = sum / count;
    let deviations = 0;
    let squares = 0;
    for (let i = 0; i < count; i += 1) {
      const deviation = values[i]! - mean;
      deviations += deviation;
      squares += deviation * deviation;
    }
    if (this.#count === 0) this.#origin = mean;
    // Far from zero, means that are close to each other lose nothing in their difference.
    const distance = mean - this.#origin;
    if (this.#count > 0) {
      const delta = distance + deviations / count - (this.#shift + this.#lost) / this.#count;
      this.#squares += delta * delta * ((this.#count * count) / (this.#count + count));
    }
    this.#squares += Math.max(0, squares - (deviations * deviations) / count);
    this.#addToShift(count * distance);
    this.#addToShift(deviations);
    this.#sum += sum;
    this.#count += count;
  }

  /**
   * @throws InvalidInputError when there was no value
   * @throws AverageOverflowError when Σ values or Σ (value − mean)² leaves the range of a double
   */
  average(): Average {
    const count = this.#count;
    const [minimum, maximum] = [this.#minimum, this.#maximum];
    if (count === 0) throw new InvalidInputError('values', 'at least one finite number', []);
    // Equal values have no spread, though rounding may have squared one of theirs.
    const squares = minimum === maximum ? 0 : this.#squares;
    if (!Number.isFinite(this.#sum) || !Number.isFinite(squares)) throw new AverageOverflowError();
    const isExact = this.#isWhole && count * Math.max(-minimum, maximum) <= largestExact;
    const mean = isExact ? this.#sum / count : this.#origin + (this.#shift + this.#lost) / count;
    return completeAverage({
      method: averagingMethod,
      count,
      // The last bit may round out of the values' range, and a tiny negative sum to -0.
      mean: Math.min(maximum, Math.max(minimum, mean)) + 0,
      standardDeviation: count === 1 ? null : Math.sqrt(squares / (count - 1)),
      minimum,
      maximum,
    });
  }

  /**
   * Source: A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen",
   * Zeitschrift für Angewandte Mathematik und Mechanik 54, 1974.
   */
  #addToShift(term: number): void {
    const shift = this.#shift;
    this.#shift = shift + term;
    this.#lost +=
      Math.abs(shift) >= Math.abs(term) ? shift - this.#shift + term : term - this.#shift + shift;
  }
}

/**
 * Averages values in ascending iteration order, and holds no more than a block of them.
 * @example
 * const averaging = new Averaging();
 * for await (const { iterationIds, values } of store.scan(id)) averaging.addAll(iterationIds, values);
 * averaging.average();
 */
export class Averaging {
  readonly #blockLength: number;
  readonly #held: Float64Array;
  readonly #blocks = new AverageOfBlocks();
  #heldCount = 0;
  #block = -1;

  /** @param length how many iterations make a block; another number gives other bits */
  constructor(length = blockLength) {
    this.#blockLength = length;
    this.#held = new Float64Array(length);
  }

  /** How many values there were. */
  get count(): number {
    return this.#blocks.count + this.#heldCount;
  }

  /**
   * @param iterationId above those before it
   * @param value a finite number
   */
  add(iterationId: number, value: number): void {
    this.#enter(Math.floor(iterationId / this.#blockLength));
    this.#held[this.#heldCount++] = value;
  }

  /** Adds a value for each iteration. */
  addAll(iterationIds: ArrayLike<number>, values: ArrayLike<number>): void {
    for (let i = 0; i < iterationIds.length;) {
      const block = Math.floor(iterationIds[i]! / this.#blockLength);
      this.#enter(block);
      const next = (block + 1) * this.#blockLength;
      let count = this.#heldCount;
      for (; i < iterationIds.length && iterationIds[i]! < next; i += 1) {
        this.#held[count++] = values[i]!;
      }
      this.#heldCount = count;
    }
  }

  /**
   * @throws InvalidInputError when there was no value
   * @throws AverageOverflowError when Σ values or Σ (value − mean)² leaves the range of a double
   */
  average(): Average {
    this.#merge();
    return this.#blocks.average();
  }

  #enter(block: number): void {
    if (block === this.#block) return;
    this.#merge();
    this.#block = block;
  }

  #merge(): void {
    this.#blocks.addBlock(this.#held, this.#heldCount);
    this.#heldCount = 0;
  }
}

/**
 * The average of values, as that of a run whose iterations have them in this order.
 * @param values finite numbers, at least one
 * @throws InvalidInputError when there is none, or one is not a finite number
 * @throws AverageOverflowError when Σ values or Σ (value − mean)² leaves the range of a double
 * @example
 * averageOf([1, 2, 6]).mean; // 3
 */
export function averageOf(values: Iterable<number>): Average {
  const averaging = new Averaging();
  for (const value of values) {
    const position = averaging.count;
    if (!Number.isFinite(value)) {
      throw new InvalidInputError(`value ${position}`, 'a finite number', value);
    }
    averaging.add(position, value);
  }
  return averaging.average();
}
