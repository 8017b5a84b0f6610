/** The edges of bins: multiples of a step, which is `digit` times 10 to the power of `exponent`. */
export interface HistogramScale {
  /** 1, 2 or 5. */
  readonly digit: number;
  readonly exponent: number;
  /** The lowest edge, in steps. */
  readonly first: number;
  readonly bins: number;
}

/** How many values are in each bin: from its edge up to the next one, which it does not hold. */
export interface Histogram {
  readonly scale: HistogramScale;
  readonly counts: readonly number[];
  /** The values below the first edge, and those from the last one on; none is in a bin. */
  readonly below: HistogramTail;
  readonly above: HistogramTail;
}

export interface HistogramTail {
  readonly count: number;
  /** The one that lies farthest out; meaningless where there is none. */
  readonly farthest: number;
}

export interface HistogramExtent {
  readonly minimum: number;
  readonly maximum: number;
}

/** Of a sample, so much at either end is a tail. */
const tailShare = 0.005;

/**
 * The extent but for tails that are longer than all the rest.
 * @param sample of the values, in any order
 */
export function withoutTails(
  sample: ArrayLike<number>,
  { minimum, maximum }: HistogramExtent,
): HistogramExtent {
  const sorted = Float64Array.from(sample).sort();
  const tail = Math.round(tailShare * (sorted.length - 1));
  const low = sorted[tail] ?? minimum;
  const high = sorted[sorted.length - 1 - tail] ?? maximum;
  // Halves: a difference may leave the range of a double.
  const most = high / 2 - low / 2;
  if (!(most > 0)) return { minimum, maximum };
  return {
    minimum: low / 2 - minimum / 2 > most ? low : minimum,
    maximum: maximum / 2 - high / 2 > most ? high : maximum,
  };
}

/** Beyond so many digits, two doubles need not have two numbers between them. */
const mostDigits = 15;

/** Smaller powers of ten are no normal doubles: their multiples are not evenly apart. */
const smallestExponent = -307;

const digits = [1, 2, 5] as const;

/**
 * Even, round edges around an extent: steps of 1, 2 or 5 times a power of ten, the shortest that take at
 * most so many bins.
 * @param areWhole the values are whole numbers: so are the edges
 * @param mostBins at most 400
 */
export function histogramScale(
  { minimum, maximum }: HistogramExtent,
  areWhole: boolean,
  mostBins: number,
): HistogramScale {
  const largest = Math.max(Math.abs(minimum), Math.abs(maximum));
  const magnitude = largest === 0 ? 0 : Math.floor(Math.log10(largest));
  const range = maximum / 2 - minimum / 2;
  // No step below a hundredth of the range takes as few bins.
  const about = range > 0 ? Math.floor(Math.log10(range)) - 2 : magnitude - 6;
  const lowest = Math.max(magnitude + 1 - mostDigits, areWhole ? 0 : smallestExponent);
  for (let exponent = Math.max(lowest, about); ; exponent += 1) {
    for (const digit of digits) {
      const step = { digit, exponent };
      const first = stepOf(minimum, step);
      const bins = stepOf(maximum, step) - first + 1;
      if (bins <= mostBins) return { ...step, first, bins };
    }
  }
}

/** The last edge that is not above the value, in steps. */
function stepOf(value: number, step: Pick<HistogramScale, 'digit' | 'exponent'>): number {
  // The quotient may be off by one either way.
  let steps = Math.floor(value / edge(1, step));
  while (edge(steps, step) > value) steps -= 1;
  while (edge(steps + 1, step) <= value) steps += 1;
  return steps;
}

/** The double nearest to the edge as it is written. */
function edge(
  steps: number,
  { digit, exponent }: Pick<HistogramScale, 'digit' | 'exponent'>,
): number {
  return Number(`${steps * digit}e${exponent}`);
}

/** Counts values by the bins of a scale. */
export class HistogramCounts {
  readonly #edges: Float64Array;
  readonly #counts: number[];
  readonly #below = { count: 0, farthest: Infinity };
  readonly #above = { count: 0, farthest: -Infinity };

  constructor(private readonly scale: HistogramScale) {
    this.#edges = histogramEdges(scale);
    this.#counts = new Array<number>(scale.bins).fill(0);
  }

  /** @param values finite, in any order */
  addAll(values: Iterable<number>): void {
    const edges = this.#edges;
    const [below, above] = [this.#below, this.#above];
    const [least, end] = [edges[0]!, edges[this.scale.bins]!];
    for (const value of values) {
      if (value < least) {
        below.count += 1;
        below.farthest = Math.min(below.farthest, value);
      } else if (value >= end) {
        above.count += 1;
        above.farthest = Math.max(above.farthest, value);
      } else {
        this.#counts[lastNotAbove(edges, value)]! += 1;
      }
    }
  }

  histogram(): Histogram {
    return {
      scale: this.scale,
      counts: this.#counts,
      below: this.#below,
      above: this.#above,
    };
  }
}

/** The edges of all bins in ascending order, with the end of the last one. */
export function histogramEdges(scale: HistogramScale): Float64Array {
  return Float64Array.from({ length: scale.bins + 1 }, (_, bin) => edge(scale.first + bin, scale));
}

/** @param edges in ascending order, the first not above the value, the last above it */
function lastNotAbove(edges: Float64Array, value: number): number {
  let low = 0;
  let high = edges.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (edges[middle]! <= value) low = middle;
    else high = middle;
  }
  return low;
}
