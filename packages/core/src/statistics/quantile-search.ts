import { quantileAt, quantileRanks, type Quantile, type QuantileRanks } from './quantile.js';

/** So many leading bits tell values apart in the first pass: sign, exponent, and four bits of the fraction. */
const firstBits = 16;
/** So many further bits tell those of a group apart, in each pass that follows. */
const furtherBits = 12;
/** So few values of a group are gathered: they take no more memory than counts by the further bits. */
const fewValues = 2 ** (furtherBits - 1);

/** A double's upper half in an array of the halves of doubles. */
const upperHalf = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0;

/** The values whose ordered bits begin alike. */
interface Group {
  /** The rank of its least value. */
  readonly first: number;
  /** Its ranks that are wanted, ascending. */
  readonly wanted: readonly number[];
  /** All of its values, where they are few. */
  readonly values: Float64Array | undefined;
  /** How many there are with each further bits, where they are not. */
  readonly counts: Uint32Array;
  /** What it has been given in this pass. */
  count: number;
  minimum: number;
  maximum: number;
}

/**
 * Finds quantiles exactly, in several passes over the same values, whose memory does not grow with them.
 * The first pass counts them by their leading bits, in the order of doubles. Each pass that follows looks
 * at the groups that have a wanted rank: it gathers the values of a small one, and counts those of a large
 * one by further bits. A group whose values are all equal needs no further pass.
 *
 * It holds 65,536 counters and as many flags, and 16 KiB for each group with a wanted rank, of which a
 * probability has four at most. Millions of values usually take three passes, and none take more than five.
 * @example
 * const search = new QuantileSearch([0.05, 0.5]);
 * do for (const page of pages) search.addAll(page);
 * while (search.endPass());
 * search.quantiles();
 */
export class QuantileSearch {
  readonly #probabilities: readonly number[];
  /** The value of each rank that is known. */
  readonly #known = new Map<number, number>();
  /** The groups of this pass by the leading bits that theirs have in common, and how many those are. */
  #groups = new Map<number, Group>();
  #depth = 0;
  /** Known after the first pass. */
  #ranks: readonly QuantileRanks[] = [];
  /** 1 for the first bits that a value of some group has. */
  readonly #isWanted = new Uint8Array(2 ** firstBits);

  /**
   * @param probabilities from 0 to 1
   * @param confidence that of the intervals; default 0.95
   */
  constructor(
    probabilities: readonly number[],
    private readonly confidence?: number,
  ) {
    this.#probabilities = probabilities;
    this.#groups.set(0, newGroup(0, Infinity, [], firstBits));
  }

  /** The most memory that a search for so many quantiles holds, in bytes. */
  static bytesFor(probabilities: number): number {
    return 2 ** firstBits * 5 + 4 * probabilities * 2 ** furtherBits * 4;
  }

  /** @param values finite, in any order, −0 not among them */
  addAll(values: Float64Array): void {
    const halves = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
    if (this.#depth === 0) this.#addFirst(values, halves);
    else this.#addFurther(values, halves);
  }

  /** Ends a pass; true when another one is needed. */
  endPass(): boolean {
    const [depth, groups] = [this.#depth, this.#groups];
    this.#depth += depth === 0 ? firstBits : furtherBits;
    this.#groups = new Map();
    this.#isWanted.fill(0);
    if (depth === 0) {
      const root = groups.get(0)!;
      if (root.count === 0) return false;
      this.#ranks = this.#probabilities.map((each) =>
        quantileRanks(each, root.count, this.confidence),
      );
      groups.set(0, { ...root, wanted: this.#wantedRanks() });
    }
    for (const [prefix, group] of groups) {
      this.#divide(group, prefix);
      // Its memory is free for those that it was divided into.
      groups.delete(prefix);
    }
    return this.#groups.size > 0;
  }

  /** After the last pass, of at least one value. */
  quantiles(): readonly Quantile[] {
    return this.#ranks.map((ranks) => quantileAt(ranks, (rank) => this.#known.get(rank)!));
  }

  #wantedRanks(): number[] {
    const ranks = this.#ranks.flatMap(({ below, above, interval }) => [
      below,
      above,
      ...(interval ?? []),
    ]);
    return [...new Set(ranks)].sort((a, b) => a - b);
  }

  #addFirst(values: Float64Array, halves: Uint32Array): void {
    const root = this.#groups.get(0)!;
    for (let i = 0; i < values.length; i += 1) {
      const upper = halves[2 * i + upperHalf]!;
      addTo(root, values[i]!, (upper ^ ((upper >> 31) | 0x8000_0000)) >>> (32 - firstBits));
    }
  }

  #addFurther(values: Float64Array, halves: Uint32Array): void {
    const depth = this.#depth;
    for (let i = 0; i < values.length; i += 1) {
      const bits = halves[2 * i + upperHalf]!;
      // In the order of doubles: the bits of negative ones inverted, of others with the sign's bit set.
      const sign = bits >> 31;
      const upper = (bits ^ (sign | 0x8000_0000)) >>> 0;
      if (this.#isWanted[upper >>> (32 - firstBits)] === 0) continue;
      const lower = (halves[2 * i + 1 - upperHalf]! ^ sign) >>> 0;
      const group = this.#groups.get(leading(upper, lower, depth));
      if (group !== undefined) addTo(group, values[i]!, following(upper, lower, depth));
    }
  }

  /** Learns what it can of a group after a pass, and has the next one look at the parts of it that are wanted. */
  #divide({ first, wanted, values, counts, minimum, maximum }: Group, prefix: number): void {
    if (minimum === maximum) {
      for (const rank of wanted) this.#known.set(rank, minimum);
      return;
    }
    if (values !== undefined) {
      values.sort();
      for (const rank of wanted) this.#known.set(rank, values[rank - first]!);
      return;
    }
    let start = first;
    let next = 0;
    for (let bits = 0; next < wanted.length && bits < counts.length; bits += 1) {
      const end = start + counts[bits]!;
      const from = next;
      while (next < wanted.length && wanted[next]! < end) next += 1;
      if (next > from) this.#look(prefix, bits, start, end, wanted.slice(from, next));
      start = end;
    }
  }

  #look(prefix: number, bits: number, start: number, end: number, wanted: readonly number[]): void {
    if (this.#depth === 64) {
      const value = valueOf(prefix, bits);
      for (const rank of wanted) this.#known.set(rank, value);
      return;
    }
    const width = this.#depth === firstBits ? firstBits : furtherBits;
    const longer = prefix * 2 ** width + bits;
    this.#groups.set(longer, newGroup(start, end - start, wanted, furtherBits));
    this.#isWanted[Math.floor(longer / 2 ** (this.#depth - firstBits))] = 1;
  }
}

function newGroup(first: number, count: number, wanted: readonly number[], bits: number): Group {
  const areFew = count <= fewValues;
  return {
    first,
    wanted,
    values: areFew ? new Float64Array(count) : undefined,
    counts: new Uint32Array(areFew ? 0 : 2 ** bits),
    count: 0,
    minimum: Infinity,
    maximum: -Infinity,
  };
}

function addTo(group: Group, value: number, bits: number): void {
  if (group.values === undefined) group.counts[bits]! += 1;
  else group.values[group.count] = value;
  group.count += 1;
  if (value < group.minimum) group.minimum = value;
  if (value > group.maximum) group.maximum = value;
}

/** The first `depth` bits, of 16 to 52, as a whole number, which a double holds. */
function leading(upper: number, lower: number, depth: number): number {
  return depth <= 32
    ? upper >>> (32 - depth)
    : upper * 2 ** (depth - 32) + (lower >>> (64 - depth));
}

/** The twelve bits that follow these. */
function following(upper: number, lower: number, depth: number): number {
  const end = depth + furtherBits;
  const bits =
    end <= 32
      ? upper >>> (32 - end)
      : depth >= 32
        ? lower >>> (64 - end)
        : (upper << (end - 32)) | (lower >>> (64 - end));
  return bits & (2 ** furtherBits - 1);
}

/** The double whose ordered bits are these, all but the last twelve of them in the prefix. */
function valueOf(prefix: number, bits: number): number {
  const upper = Math.floor(prefix / 2 ** 20);
  const lower = (prefix % 2 ** 20) * 2 ** furtherBits + bits;
  const sign = ~upper >> 31;
  const halves = new Uint32Array(2);
  halves[upperHalf] = upper ^ (sign | 0x8000_0000);
  halves[1 - upperHalf] = lower ^ sign;
  return new Float64Array(halves.buffer)[0]!;
}
