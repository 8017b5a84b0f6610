import {
  reachedPrecision,
  type Average,
  type Quantile,
  type Run,
  type RunResult,
} from '@stepcompute/core';
import { significantDigits } from '@stepcompute/core/adapters';
import type { Screen } from './screen.js';
import { formatTable } from './table.js';

/**
 * Enough to look at: seven significant digits, or as many as tell differences of a scale, and all of a whole
 * number. `--json` has them all.
 */
export function formatNumber(value: number | null, scale: number | null = null): string {
  if (value === null) return '–';
  if (Number.isSafeInteger(value)) return String(value);
  return String(Number(value.toPrecision(significantDigits(value, scale, 7))));
}

export function formatCount(value: number): string {
  return value.toLocaleString('en-US');
}

const unitsOfTime = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;

/** As people read it, in two units at most: `250ms`, `1.5s`, `42s`, `1m 30s`, `1d 12h`. */
export function formatDuration(milliseconds: number): string {
  const whole = Math.round(milliseconds);
  if (whole < 1000) return `${whole}ms`;
  const tenths = Math.round(whole / 100) / 10;
  if (tenths < 10) return `${tenths}s`;
  const seconds = Math.round(whole / 1000);
  const place = unitsOfTime.findIndex(([, size]) => seconds >= size);
  const smallest = unitsOfTime[Math.min(place + 1, unitsOfTime.length - 1)]![1];
  // Rounded before it is taken apart, so that no part is a whole of the next unit.
  let left = Math.round(seconds / smallest) * smallest;
  const texts: string[] = [];
  for (const [unit, size] of unitsOfTime) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) texts.push(`${formatCount(count)}${unit}`);
  }
  return texts.join(' ');
}

const unitsOfRate = [
  ['s', 1],
  ['min', 60],
  ['h', 3600],
  ['d', 86_400],
] as const;

/** In the unit of time in which there is one at least: `1,234/s`, `2.5/s`, `2/min`. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0) return '0/s';
  const [unit, seconds] =
    unitsOfRate.find(([, size]) => perSecond * size >= 0.95) ?? unitsOfRate.at(-1)!;
  const rate = perSecond * seconds;
  const text = rate >= 9.95 ? formatCount(Math.round(rate)) : String(Number(rate.toPrecision(2)));
  return `${text}/${unit}`;
}

type Figure = readonly [label: string, textOf: (average: Average, measure: string) => string];

/** An average's figures, as they are called in a table. */
export const figures: readonly Figure[] = [
  ['average', ({ mean, standardError }) => formatNumber(mean, standardError)],
  ['95 % interval', ({ confidenceInterval: interval }) => formatInterval(interval)],
  ['standard deviation', ({ standardDeviation }) => formatNumber(standardDeviation)],
  ['standard error', ({ standardError }) => formatNumber(standardError)],
  ['minimum', ({ minimum, standardDeviation }) => formatNumber(minimum, standardDeviation)],
  ['maximum', ({ maximum, standardDeviation }) => formatNumber(maximum, standardDeviation)],
];

export function formatInterval(interval: readonly [number, number] | null): string {
  if (interval === null) return '–';
  const [lower, upper] = interval;
  return `${formatNumber(lower, upper - lower)} to ${formatNumber(upper, upper - lower)}`;
}

/** Quantiles as figures of their measures, each with its 95 % interval after it. */
export function quantileFigures(
  quantiles: Readonly<Record<string, readonly Quantile[]>>,
): readonly Figure[] {
  const [some = []] = Object.values(quantiles);
  return some.flatMap(({ probability }, place): Figure[] => [
    [
      `quantile ${probability}`,
      ({ standardDeviation }, measure) =>
        formatNumber(quantiles[measure]![place]!.value, standardDeviation),
    ],
    [
      `interval of quantile ${probability}`,
      (_, measure) => formatInterval(quantiles[measure]![place]!.confidenceInterval),
    ],
  ]);
}

/** A run's own rows, before the figures of its measures. */
export function rowsOfRun({ run, ledger, average }: RunResult): string[][] {
  return [
    ['run', String(run.id)],
    ['seed', String(run.seed)],
    ['values', formatCount(average.count)],
    ...(ledger.failed === 0 ? [] : [['failed', formatCount(ledger.failed)]]),
  ];
}

/** How precise a run with a goal is by now. */
export function rowsOfPrecision(run: Run, averages: RunResult['averages'] | undefined): string[][] {
  const reached = averages && reachedPrecision(run, averages);
  if (reached === undefined) return [];
  const { measure, confidence, halfWidth, wanted, look, looks } = reached;
  const mean = run.measures.length === 1 ? '' : `, mean of ${measure}`;
  const { halfWidth: goal = '' } = run.precision ?? {};
  const share = goal.endsWith('%') ? `, ${goal} of the mean` : '';
  const percent = `${Number((100 * confidence).toPrecision(15))}%`;
  return [
    ['precision', halfWidth === null ? '–' : `±${formatNumber(halfWidth)} with ${percent}${mean}`],
    ['asked for', `±${formatNumber(wanted)}${share}`],
    ['look', `${look} of ${looks}`],
  ];
}

/** A run in tables: its rows, around the figures of its measures. */
export function formatResult(
  rows: { readonly before: readonly string[][]; readonly after: readonly string[][] },
  averages: RunResult['averages'],
  screen: Screen,
  quantiles: Readonly<Record<string, readonly Quantile[]>> = {},
): string {
  const all = [...figures, ...quantileFigures(quantiles)];
  const [first, ...others] = Object.entries(averages);
  if (first === undefined || others.length > 0) {
    // Several measures share a table, with a row each.
    const table = formatTable([...rows.before, ...rows.after], screen);
    if (first === undefined) return table;
    const head = ['measure', ...all.map(([label]) => label)];
    const measures = [first, ...others].map(([name, average]) => [
      name,
      ...all.map(([, textOf]) => textOf(average, name)),
    ]);
    return `${table}\n${screen.isTerminal ? '\n' : ''}${formatTable(measures, screen, head)}`;
  }
  const [name, average] = first;
  return formatTable(
    [
      ...rows.before,
      ...(name === 'value' ? [] : [['measure', name]]),
      ...all.map(([label, textOf]) => [label, textOf(average, name)]),
      ...rows.after,
    ],
    screen,
  );
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
