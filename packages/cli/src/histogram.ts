import { InvalidInputError, type RunResult, type Stores } from '@stepcompute/core';
import {
  HistogramCounts,
  histogramScale,
  withoutTails,
  type HistogramExtent,
  type Histogram,
  type HistogramScale,
} from '@stepcompute/core/adapters';
import { barOf } from './bar.js';
import { formatCount, formatNumber } from './format.js';
import { showReading } from './reading.js';
import type { Screen } from './screen.js';
import { cutText } from './table.js';
import type { Terminal } from './terminal.js';

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
  stores: Pick<Stores, 'values'>,
  terminal: Terminal,
): Promise<string> {
  const place = measures.indexOf(measure);
  const { minimum = 0, maximum = 0 } = averages[measure] ?? {};
  const histogram = await showReading(stores, terminal, undefined, ({ values }) => {
    async function* read(): AsyncGenerator<Iterable<number>, void> {
      for await (const { values: first, more = [] } of values.scan(id)) {
        yield place === 0 ? first : (more[place - 1] ?? []);
      }
    }
    return countValues(read, { minimum, maximum });
  });
  return formatHistogram(measure, histogram, terminal.screen);
}

/** So many values, the first that are read, say what a tail is. */
const sampleSize = 4096;

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
  known: HistogramExtent,
): Promise<Histogram> {
  const sample = await sampleOf(read());
  const areWhole = sample.every(Number.isInteger);
  const counted = await countWithin(
    read(),
    histogramScale(withoutTails(sample, known), areWhole, mostBins),
  );
  const { counts, below, above } = counted;
  const outside = below.count + above.count;
  const all = counts.reduce((sum, count) => sum + count, outside);
  if (outside <= longestTails * all) return counted;
  const extent = {
    minimum: Math.min(known.minimum, below.count > 0 ? below.farthest : Infinity),
    maximum: Math.max(known.maximum, above.count > 0 ? above.farthest : -Infinity),
  };
  return countWithin(read(), histogramScale(extent, areWhole, mostBins));
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

const mostBins = 21;

async function countWithin(
  batches: AsyncIterable<Iterable<number>>,
  scale: HistogramScale,
): Promise<Histogram> {
  const counts = new HistogramCounts(scale);
  for await (const batch of batches) counts.addAll(batch);
  return counts.histogram();
}

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

/** With more, an exponent is easier to read. */
const mostDecimals = 9;
const mostDigits = 15;

/** A bin's lower edge, exactly; all of a scale have as many decimals. */
function edgeText({ digit, exponent, first, bins }: HistogramScale, bin: number): string {
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
