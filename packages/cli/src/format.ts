import type { Average, Run, Stores } from '@stepcompute/core';
import Table from 'cli-table3';
import ms from 'ms';
import plot from 'simple-ascii-chart';

/** Seven significant digits: enough to look at; `--json` has them all. */
export function formatNumber(value: number | null): string {
  return value === null ? '–' : String(Number(value.toPrecision(7)));
}

export function formatCount(value: number): string {
  return value.toLocaleString('en-US');
}

export function formatDuration(milliseconds: number): string {
  return ms(Math.round(milliseconds));
}

/** Rows of text: a bordered table on a terminal, tab-separated lines elsewhere. */
export function formatTable(
  rows: readonly (readonly string[])[],
  isTerminal: boolean,
  head: readonly string[] = [],
): string {
  if (!isTerminal) {
    return [...(head.length > 0 ? [head] : []), ...rows].map((row) => row.join('\t')).join('\n');
  }
  const table = new Table({ head: [...head], style: { head: [], border: [], compact: true } });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}

/** Label and text of what there is to say about an average. */
export function averageRows(average: Average): [string, string][] {
  const { confidenceInterval: interval } = average;
  return [
    ['average', formatNumber(average.mean)],
    [
      '95 % interval',
      interval === null ? '–' : `${formatNumber(interval[0])} to ${formatNumber(interval[1])}`,
    ],
    ['standard deviation', formatNumber(average.standardDeviation)],
    ['standard error', formatNumber(average.standardError)],
    ['minimum', formatNumber(average.minimum)],
    ['maximum', formatNumber(average.maximum)],
  ];
}

const bins = 20;
const plotWidth = 64;
const plotHeight = 10;

/** The run's values as a histogram; reads them once, a batch at a time. */
export async function drawHistogram(
  { id }: Run,
  { minimum, maximum }: Average,
  { values }: Pick<Stores, 'values'>,
): Promise<string> {
  if (minimum === maximum) return '';
  // Half the width first: the difference itself may leave the range of a double.
  const binWidth = 2 * ((maximum / 2 - minimum / 2) / bins);
  const counts = new Array<number>(bins).fill(0);
  for await (const batch of values.read(id)) {
    for (const { value } of batch) {
      const bin = Math.min(bins - 1, Math.floor((value - minimum) / binWidth));
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
  }
  const points = counts.map((count, bin): [number, number] => [bin, count]);
  return plot(points, {
    mode: 'bar',
    width: plotWidth,
    height: plotHeight,
    yRange: [0, Math.max(...counts)],
    customXAxisTicks: [0, bins - 1],
    formatter: (tick, { axis }) =>
      axis === 'y' ? formatCount(tick) : formatNumber(tick === 0 ? minimum : maximum),
  });
}

/** A JSON array in pieces, an element a line. */
export async function* formatArray<T>(
  batches: AsyncIterable<readonly T[]>,
  elementOf: (item: T) => object,
): AsyncGenerator<string, void> {
  let separator = '[\n';
  for await (const batch of batches) {
    yield separator + batch.map((item) => JSON.stringify(elementOf(item))).join(',\n');
    separator = ',\n';
  }
  yield separator === '[\n' ? '[]\n' : '\n]\n';
}
