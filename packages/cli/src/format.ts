import { InvalidInputError, type Average, type RunResult, type Stores } from '@stepcompute/core';
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

/**
 * Rows of text: a bordered table on a terminal, tab-separated lines elsewhere. A tab, a line break or
 * another control character in a cell, which would end it or reach the terminal, becomes a space.
 */
export function formatTable(
  rows: readonly (readonly string[])[],
  isTerminal: boolean,
  head: readonly string[] = [],
): string {
  const lines = rows.map((row) =>
    row.map((cell) => cell.replaceAll(/\s*[\p{Cc}\p{Zl}\p{Zp}]+\s*/gu, ' ')),
  );
  if (!isTerminal) {
    return [...(head.length > 0 ? [head] : []), ...lines].map((row) => row.join('\t')).join('\n');
  }
  const table = new Table({ head: [...head], style: { head: [], border: [], compact: true } });
  table.push(...lines);
  return table.toString();
}

/** An average's figures, as they are called in a table. */
const figures: readonly (readonly [string, (average: Average) => string])[] = [
  ['average', ({ mean }) => formatNumber(mean)],
  [
    '95 % interval',
    ({ confidenceInterval: interval }) =>
      interval === null ? '–' : `${formatNumber(interval[0])} to ${formatNumber(interval[1])}`,
  ],
  ['standard deviation', ({ standardDeviation }) => formatNumber(standardDeviation)],
  ['standard error', ({ standardError }) => formatNumber(standardError)],
  ['minimum', ({ minimum }) => formatNumber(minimum)],
  ['maximum', ({ maximum }) => formatNumber(maximum)],
];

/** A run's own rows, before the figures of its measures. */
export function rowsOfRun({ run, ledger, average }: RunResult): string[][] {
  return [
    ['run', String(run.id)],
    ['seed', String(run.seed)],
    ['values', formatCount(average.count)],
    ...(ledger.failed === 0 ? [] : [['failed', formatCount(ledger.failed)]]),
  ];
}

/** A run in tables: its rows, around the figures of its measures. */
export function formatResult(
  rows: { readonly before: readonly string[][]; readonly after: readonly string[][] },
  averages: RunResult['averages'],
  isTerminal: boolean,
): string {
  const [first, ...others] = Object.entries(averages);
  if (first === undefined || others.length > 0) {
    // Several measures share a table, with a row each.
    const table = formatTable([...rows.before, ...rows.after], isTerminal);
    if (first === undefined) return table;
    const head = ['measure', ...figures.map(([label]) => label)];
    const measures = [first, ...others].map(([name, average]) => [
      name,
      ...figures.map(([, textOf]) => textOf(average)),
    ]);
    return `${table}\n${formatTable(measures, isTerminal, head)}`;
  }
  const [name, average] = first;
  return formatTable(
    [
      ...rows.before,
      ...(name === 'value' ? [] : [['measure', name]]),
      ...figures.map(([label, textOf]) => [label, textOf(average)]),
      ...rows.after,
    ],
    isTerminal,
  );
}

const bins = 20;
const plotWidth = 64;
const plotHeight = 10;

/**
 * Checks the name of the measure that a histogram is asked for.
 * @throws InvalidInputError when there is no such measure
 */
export function refuseOtherMeasure(measures: readonly string[], name: string | undefined): void {
  if (name === undefined || measures.includes(name)) return;
  const expected = measures.length === 1 ? measures[0]! : `one of ${measures.join(', ')}`;
  throw new InvalidInputError('histogram', expected, name);
}

/**
 * All stored values of one of the run's measures as a histogram, a batch at a time. Reads them again where
 * some lie beyond those that the average is of, as after an extension that did not come to its end.
 * @returns nothing when they are all the same
 */
export async function drawHistogram(
  { run: { id, measures }, averages }: Pick<RunResult, 'run' | 'averages'>,
  measure: string,
  { values }: Pick<Stores, 'values'>,
): Promise<string> {
  const place = measures.indexOf(measure);
  let { minimum = 0, maximum = 0 } = averages[measure] ?? {};
  let counts: number[];
  let areWithin: boolean;
  do {
    counts = new Array<number>(bins).fill(0);
    areWithin = true;
    const [lowest, highest] = [minimum, maximum];
    // Half the width first: the difference itself may leave the range of a double.
    const binWidth = 2 * ((highest / 2 - lowest / 2) / bins);
    for await (const { values: first, more = [] } of values.scan(id)) {
      for (const value of place === 0 ? first : (more[place - 1] ?? [])) {
        if (value < lowest || value > highest) {
          areWithin = false;
          minimum = Math.min(minimum, value);
          maximum = Math.max(maximum, value);
        } else if (areWithin && binWidth > 0) {
          const bin = Math.min(bins - 1, Math.floor((value - lowest) / binWidth));
          counts[bin]! += 1;
        }
      }
    }
  } while (!areWithin);
  if (minimum === maximum) return '';
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
