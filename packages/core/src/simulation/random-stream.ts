import { InvalidInputError } from '../errors/invalid-input-error.js';
import type { IterationId, Seed } from '../run/numbers.js';

/** Taken once: where globals are looked up anew each time, as under Jest, they cost more than the arithmetic. */
const { floor, imul } = Math;

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;
const rounds = 10;

/** The low 32 bits of a non-negative safe integer, as a signed integer. */
function lowWord(value: number): number {
  return value | 0;
}

/** The bits above the low 32 of a non-negative safe integer. */
function highWord(value: number): number {
  return floor(value / 2 ** 32) | 0;
}

/** The high 32 bits of an unsigned 32 × 32 bit product, from 16-bit halves; `Math.imul` gives the low ones. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (imul(aHigh, bLow) + (imul(aLow, bLow) >>> 16)) >>> 0;
  const carried = (imul(aLow, bHigh) + (middle & 0xffff)) >>> 0;
  return (imul(aHigh, bHigh) + (middle >>> 16) + (carried >>> 16)) >>> 0;
}

/**
 * The Philox4x32-10 bijection: four counter words and two key words to four random words.
 * Source: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 * @param words the counter, replaced by the result; each element holds the 32 bits of one word
 */
export function philox4x32(words: Int32Array, key0: number, key1: number): void {
  let c0 = words[0]!;
  let c1 = words[1]!;
  let c2 = words[2]!;
  let c3 = words[3]!;
  let k0 = key0 | 0;
  let k1 = key1 | 0;
  for (let round = 0; round < rounds; round += 1) {
    const high0 = multiplyHigh(multiplier0, c0);
    const low0 = imul(multiplier0, c0);
    const high1 = multiplyHigh(multiplier1, c2);
    const low1 = imul(multiplier1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + weyl0) | 0;
    k1 = (k1 + weyl1) | 0;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/** The block at which each use of random numbers begins: so far apart that no two share a number. */
export const FirstBlock = {
  /** An iteration's own numbers, its generator's. */
  generator: 0,
  /** How long an iteration waits before it is tried again. */
  backoff: 2 ** 48,
  /** The seeds of scenarios that are to be independent of each other. */
  scenario: 2 ** 49,
} as const;

/** Of so many integers, the bias of a single uniform is below 2^−21. */
const largestBiased = 2 ** 32;

/** One block at a time passes through here, so that a stream costs no array of its own. */
const block = new Int32Array(4);

/**
 * One iteration's random numbers, as a generator draws them.
 *
 * `word`, `uniform` and `integer` are portable to the bit, in any language. `normal` and
 * `exponential` rest on transcendental functions, whose last bit ECMAScript leaves to the engine:
 * they promise their bits for one JavaScript engine version only.
 */
export interface Random {
  /** The stream's next 32 bits, as an unsigned integer. */
  word(): number;
  /** Uniform in [0, 1), a multiple of 2^−53; takes two words. */
  uniform(): number;
  /**
   * A uniform integer in [lowest, highest], both included; takes one `uniform`, or more where there are
   * more than 2^32 integers. Of k integers, none is likelier than another by more than k / 2^53.
   * @throws InvalidInputError unless both are safe integers, in this order, at most 2^53 − 1 apart
   */
  integer(lowest: number, highest: number): number;
  /**
   * A normal variate; takes two uniforms u, v: mean + deviation · √(−2 ln(1 − u)) · cos(2πv).
   * Source: G. Box, M. Muller, "A note on the generation of random normal deviates", 1958.
   * @throws InvalidInputError unless `mean` is finite and `standardDeviation` finite and not negative
   */
  normal(mean?: number, standardDeviation?: number): number;
  /**
   * An exponential variate with mean 1 / rate; takes one uniform u: −ln(1 − u) / rate.
   * @throws InvalidInputError unless `rate` is finite and positive
   */
  exponential(rate?: number): number;
}

/**
 * The random numbers that a seed and an iteration's id yield: they depend on nothing else, never on
 * scheduling, batching or retries, and any iteration's can be computed without the others'.
 * @example
 * new RandomStream(Seed.parse(42), IterationId.parse(0)).integer(0, 1000); // 613
 */
export class RandomStream implements Random {
  readonly #key0: number;
  readonly #key1: number;
  readonly #iteration: number;
  #nextBlock: number;
  /** The current block's words as signed 32-bit integers, the cheapest numbers an object can hold. */
  #word0 = 0;
  #word1 = 0;
  #word2 = 0;
  #word3 = 0;
  #position = 4;

  /** @param firstBlock a multiple of 2^48, one of {@link FirstBlock} */
  constructor(seed: Seed, iterationId: IterationId, firstBlock: number = FirstBlock.generator) {
    this.#key0 = lowWord(seed);
    this.#key1 = highWord(seed);
    this.#iteration = iterationId;
    this.#nextBlock = firstBlock;
  }

  word(): number {
    switch (this.#position++) {
      case 1:
        return this.#word1 >>> 0;
      case 2:
        return this.#word2 >>> 0;
      case 3:
        return this.#word3 >>> 0;
      default:
        this.#drawBlock();
        this.#position = 1;
        return this.#word0 >>> 0;
    }
  }

  #drawBlock(): void {
    block[0] = lowWord(this.#nextBlock);
    block[1] = highWord(this.#nextBlock);
    block[2] = lowWord(this.#iteration);
    block[3] = highWord(this.#iteration);
    philox4x32(block, this.#key0, this.#key1);
    this.#nextBlock += 1;
    this.#word0 = block[0];
    this.#word1 = block[1];
    this.#word2 = block[2];
    this.#word3 = block[3];
  }

  uniform(): number {
    const a = this.word();
    const b = this.word();
    return ((a >>> 5) * 67_108_864 + (b >>> 6)) / 9_007_199_254_740_992;
  }

  integer(lowest: number, highest: number): number {
    const span = highest - lowest;
    if (
      !Number.isSafeInteger(lowest) ||
      !Number.isSafeInteger(highest) ||
      !(span >= 0 && span <= Number.MAX_SAFE_INTEGER)
    ) {
      const expected = 'two safe integers in ascending order, at most 2^53 − 1 apart';
      const received = `${String(lowest)}, ${String(highest)}`;
      throw new InvalidInputError('integer(lowest, highest)', expected, received);
    }
    const count = span + 1;
    return count > largestBiased
      ? lowest + this.#integerBelow(count)
      : lowest + floor(this.uniform() * count);
  }

  /** Without a bias, which so many would show: numbers that are left over are drawn again. */
  #integerBelow(count: number): number {
    const share = floor(2 ** 53 / count);
    for (;;) {
      const bits = this.uniform() * 2 ** 53;
      // The remainder is exact, where a quotient would be rounded.
      if (bits < share * count) return (bits - (bits % share)) / share;
    }
  }

  normal(mean = 0, standardDeviation = 1): number {
    if (!Number.isFinite(mean)) throw new InvalidInputError('mean', 'a finite number', mean);
    if (!(standardDeviation >= 0 && standardDeviation < Infinity)) {
      const expected = 'a finite number of 0 or more';
      throw new InvalidInputError('standard deviation', expected, standardDeviation);
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return mean + standardDeviation * radius * Math.cos(2 * Math.PI * this.uniform());
  }

  exponential(rate = 1): number {
    if (!(rate > 0 && rate < Infinity)) {
      throw new InvalidInputError('rate', 'a finite number above 0', rate);
    }
    return (0 - Math.log(1 - this.uniform())) / rate; // never -0
  }
}
