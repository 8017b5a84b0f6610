import { InvalidInputError, type RunResult, type Stores } from '@stepcompute/core';
import { formatCount, formatNumber } from './format.js';
import type { Screen } from './screen.js';
import { cutText } from './table.js';

/**
 * Checks the name of the measure that a histogram is asked for.
 * @throws InvalidInputError when there is no such measure
 */
export function refuseOtherMeasure(measures: readonly string[], name: string | undefined): void {
  if (name === undefined || measures.includes(name)) return;
  const expected = measures.length === 1 ? measures[0]! : `one of ${measures.join(', ')}`;
  throw new InvalidInputError('histogram', expected, name);
}

/** All stored values of one of the run's measures as a histogram, read a batch at a time. */
export async function drawHistogram(
  { run: { id, measures }, averages }: Pick<RunResult, 'run' | 'averages'>,
  measure: string,
  { values }: Pick<Stores, 'values'>,
  screen: Pick<Screen, 'columns' | 'hasUnicode'>,
): Promise<string> {
  const place = measures.indexOf(measure);
  async function* read(): AsyncGenerator<Iterable<number>, void> {
    for await (const { values: first, more = [] } of values.scan(id)) {
      yield place === 0 ? first : (more[place - 1] ?? []);
    }
  }
  const { minimum = 0, maximum = 0 } = averages[measure] ?? {};
  return formatHistogram(measure, await countValues(read, { minimum, maximum }), screen);
}

/** The edges of bins: multiples of a step, which is `digit` times 10 to the power of `exponent`. */
interface Scale {
  /** 1, 2 or 5. */
  readonly digit: number;
  readonly exponent: number;
  /** The lowest edge, in steps. */
  readonly first: number;
  readonly bins: number;
}

/** How many values are in each bin: from its edge up to the next one, which it does not hold. */
export interface Histogram {
  readonly scale: Scale;
  readonly counts: readonly number[];
  /** The values below the first edge, and those from the last one on; none is drawn. */
  readonly below: Tail;
  readonly above: Tail;
}

interface Tail {
  readonly count: number;
  /** The one that lies farthest out; meaningless where there is none. */
  readonly farthest: number;
}

interface Extent {
  readonly minimum: number;
  readonly maximum: number;
}

/** So many values, the first that are read, say what a tail is. */
const sampleSize = 4096;

/** Of a sample, so much at either end is a tail. */
const tailShare = 0.005;

/** More than this share of the values outside, and the sample was none: all are drawn. */
const longestTails = 0.02;

/**
 * Counts values exactly. It reads a sample, then all, and once more where more lie outside than a tail
 * may hold.
 * @param read reads all the values, from the beginning each time
 * @param known the extremes, as far as they are known. Values beyond them are counted too
 */
export async function countValues(
  read: () => AsyncIterable<Iterable<number>>,
  known: Extent,
): Promise<Histogram> {
  const sample = await sampleOf(read());
  const areWhole = sample.every(Number.isInteger);
  const counted = await countWithin(read(), scaleOf(withoutTails(sample, known), areWhole));
  const { counts, below, above } = counted;
  const outside = below.count + above.count;
  const all = counts.reduce((sum, count) => sum + count, outside);
  if (outside <= longestTails * all) return counted;
  const extent = {
    minimum: Math.min(known.minimum, below.count > 0 ? below.farthest : Infinity),
    maximum: Math.max(known.maximum, above.count > 0 ? above.farthest : -Infinity),
  };
  return countWithin(read(), scaleOf(extent, areWhole));
}

async function sampleOf(batches: AsyncIterable<Iterable<number>>): Promise<number[]> {
  const sample: number[] = [];
  for await (const batch of batches) {
    for (const value of batch) {
      sample.push(value);
      if (sample.length === sampleSize) return sample;
    }
  }
  return sample;
}

/** The extent but for tails that are longer than all the rest. */
function withoutTails(sample: readonly number[], { minimum, maximum }: Extent): Extent {
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

const mostBins = 21;

/** Beyond so many digits, two doubles need not have two numbers between them. */
const mostDigits = 15;

/** Smaller powers of ten are no normal doubles: their multiples are not evenly apart. */
const smallestExponent = -307;

const digits = [1, 2, 5] as const;

/**
 * Even, round edges around an extent: steps of 1, 2 or 5 times a power of ten, the shortest that take at
 * most 21 bins.
 * @param areWhole the values are whole numbers: so are the edges
 */
function scaleOf({ minimum, maximum }: Extent, areWhole: boolean): Scale {
  const largest = Math.max(Math.abs(minimum), Math.abs(maximum));
  const magnitude = largest === 0 ? 0 : Math.floor(Math.log10(largest));
  const range = maximum / 2 - minimum / 2;
  // No step of a hundredth of the range takes as few bins.
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
function stepOf(value: number, step: Pick<Scale, 'digit' | 'exponent'>): number {
  // The quotient may be off by one either way.
  let steps = Math.floor(value / edge(1, step));
  while (edge(steps, step) > value) steps -= 1;
  while (edge(steps + 1, step) <= value) steps += 1;
  return steps;
}

/** The double nearest to the edge as it is written. */
function edge(steps: number, { digit, exponent }: Pick<Scale, 'digit' | 'exponent'>): number {
  return Number(`${steps * digit}e${exponent}`);
}

async function countWithin(
  batches: AsyncIterable<Iterable<number>>,
  scale: Scale,
): Promise<Histogram> {
  const edges = Float64Array.from({ length: scale.bins + 1 }, (_, bin) =>
    edge(scale.first + bin, scale),
  );
  const counts = new Array<number>(scale.bins).fill(0);
  const below = { count: 0, farthest: Infinity };
  const above = { count: 0, farthest: -Infinity };
  for await (const batch of batches) {
    for (const value of batch) {
      if (value < edges[0]!) {
        below.count += 1;
        below.farthest = Math.min(below.farthest, value);
      } else if (value >= edges[scale.bins]!) {
        above.count += 1;
        above.farthest = Math.max(above.farthest, value);
      } else {
        counts[lastNotAbove(edges, value)]! += 1;
      }
    }
  }
  return { scale, counts, below, above };
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

/** The parts of a bar: whole columns, and before its end a part of one. The last is a whole one. */
const parts = { unicode: '▏▎▍▌▋▊▉█', ascii: ':#' } as const;

/** Longer bars tell no more. */
const longestBar = 80;

/** So much of a measure's name leaves room for bars. */
const longestName = 12;

/**
 * A line for each bin: its lower edge, its count, and a bar as long as the count is large. A bin with a
 * value has a bar.
 */
export function formatHistogram(
  measure: string,
  { scale, counts, below, above }: Histogram,
  { columns, hasUnicode }: Pick<Screen, 'columns' | 'hasUnicode'>,
): string {
  const largest = Math.max(...counts);
  const rows = counts.map((count, bin) => [edgeText(scale, bin), formatCount(count)] as const);
  // Names and numbers are ASCII.
  const name = `${cutText(measure, longestName)} from`;
  const edgeWidth = Math.max(name.length, ...rows.map(([text]) => text.length));
  const countWidth = Math.max('values'.length, ...rows.map(([, count]) => count.length));
  const line = (text: string, count: string): string =>
    `${text.padStart(edgeWidth)}  ${count.padStart(countWidth)}`;
  const room = Math.min(longestBar, Math.max(1, columns - line('', '').length - 2));
  const lines = [
    line(name, 'values'),
    ...rows.map(([text, count], bin) => {
      const bar = barOf(counts[bin]! / largest, room, hasUnicode);
      return `${line(text, count)}  ${bar}`.trimEnd();
    }),
  ];
  for (const [{ count, farthest }, side] of [
    [below, 'below'],
    [above, 'above'],
  ] as const) {
    const lie = count === 1 ? 'lies' : 'lie';
    if (count > 0) lines.push(`${formatCount(count)} ${lie} ${side}, to ${formatNumber(farthest)}`);
  }
  return lines.join('\n');
}

/** A bar as long as its share of the room; a share that is not 0 has one. */
export function barOf(share: number, room: number, hasUnicode: boolean): string {
  if (!(share > 0)) return '';
  const glyphs = hasUnicode ? parts.unicode : parts.ascii;
  const units = Math.max(1, Math.round(share * room * glyphs.length));
  const whole = Math.floor(units / glyphs.length);
  return glyphs.at(-1)!.repeat(whole) + (glyphs[(units % glyphs.length) - 1] ?? '');
}

/** With more, an exponent is easier to read. */
const mostDecimals = 9;

/** A bin's lower edge, exactly; all of a scale have as many decimals. */
function edgeText({ digit, exponent, first, bins }: Scale, bin: number): string {
  const digitsOf = (steps: number): string => String(Math.abs(steps) * digit);
  const steps = first + bin;
  const sign = steps < 0 ? '-' : '';
  const text = digitsOf(steps);
  const longest = Math.max(digitsOf(first).length, digitsOf(first + bins - 1).length);
  if (exponent >= 0 && longest + exponent <= mostDigits) {
    return sign + (steps === 0 ? '0' : text + '0'.repeat(exponent));
  }
  if (exponent < 0 && exponent >= -mostDecimals) {
    const padded = text.padStart(1 - exponent, '0');
    return `${sign}${padded.slice(0, exponent)}.${padded.slice(exponent)}`;
  }
  if (steps === 0) return '0';
  const mantissa = text.length === 1 ? text : `${text[0]}.${text.slice(1)}`;
  return `${sign}${mantissa}e${exponent + text.length - 1}`;
}
