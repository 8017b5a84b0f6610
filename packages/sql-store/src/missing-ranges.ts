import type { RunId } from '@stepcompute/core';
import { countOf, IterationRange, without } from '@stepcompute/core/adapters';
import type { DataSource } from 'typeorm';
import { integers } from './binary-array.js';
import { dialectOf, rowsPerStatement, type Column, type Dialect } from './dialect.js';
import { execute } from './execute.js';
import { tablesOf } from './tables.js';

const rangeColumns: readonly Column<IterationRange>[] = [
  { name: 'first', type: integers, of: ({ first }) => first },
  { name: 'count', type: integers, of: ({ count }) => count },
];

export interface MissingLimits {
  /** The most ranges that one statement looks into. */
  readonly ranges: number;
  /** The most values that one statement finds. */
  readonly values: number;
}

/**
 * An island costs at most 12 bytes for each of its values (`999999999+1` and a space), so these values
 * make an answer of under half of the 1 MiB that the Data API allows. PostgreSQL sorts as many within
 * its default work_mem of 4 MB, and not twice as many.
 */
const defaultLimits: MissingLimits = { ranges: rowsPerStatement, values: 40_000 };

/** So many values, 60,000 bytes at most, go into a row: the Data API's hold 64 KB. */
const valuesPerRow = 5_000;

/**
 * The parts of the ranges that have no value. Each statement finds the values that are there, as
 * islands, and the next one goes on behind them. Time grows with the values and with the ranges.
 *
 * PostgreSQL may read, and sort, all values of the ranges that it is given before it takes the first of
 * them: it does so when it has no statistics of the run yet. Therefore a statement reaches no further
 * than to as many iterations as it may find values, and twice as far each time that it did not find so many.
 * @param ranges within the run, disjoint and ascending
 */
export async function missingRanges(
  dataSource: DataSource,
  id: RunId,
  ranges: readonly IterationRange[],
  dialect: Dialect = dialectOf(dataSource),
  limits: MissingLimits = defaultLimits,
): Promise<readonly IterationRange[]> {
  const islands: IterationRange[] = [];
  let reach = limits.values;
  /** The first range, and the first iteration, that is still to be looked at. */
  let next = 0;
  let from = 0;
  while (next < ranges.length) {
    const asked = piece(ranges, next, from, { ranges: limits.ranges, iterations: reach });
    const found = await findIslands(dataSource, dialect, id, asked, limits.values);
    for (const island of found) islands.push(island);
    const isCut = countOf(found) >= limits.values;
    from = endOf((isCut ? found : asked).at(-1));
    reach = isCut ? limits.values : 2 * reach;
    while (next < ranges.length && endOf(ranges[next]) <= from) next += 1;
  }
  return without(ranges, islands);
}

/** The ranges from the given one and the given iteration on, as far as the limits allow. */
function piece(
  ranges: readonly IterationRange[],
  next: number,
  from: number,
  limits: { readonly ranges: number; readonly iterations: number },
): IterationRange[] {
  const taken: IterationRange[] = [];
  let left = limits.iterations;
  for (const { first, count } of ranges.slice(next, next + limits.ranges)) {
    const start = Math.max(first, from);
    const range = IterationRange.between(start, Math.min(first + count, start + left));
    if (range === undefined) break;
    taken.push(range);
    left -= range.count;
  }
  return taken;
}

/** The values there are in the ranges, the lowest ones first and so many at most: ascending, maximal ranges of them. */
async function findIslands(
  dataSource: DataSource,
  dialect: Dialect,
  id: RunId,
  ranges: readonly IterationRange[],
  mostValues: number,
): Promise<IterationRange[]> {
  const { item, parameters } = dialect.tableOf('range', rangeColumns, ranges, 2);
  const { records } = await execute(
    dataSource,
    `SELECT string_agg(first || '+' || count, ' ' ORDER BY first) AS islands
     FROM (
       SELECT min(iteration_id) AS first, count(*) AS count, min(number) / ${valuesPerRow} AS part
       FROM (
         SELECT iteration_id, row_number() OVER (ORDER BY iteration_id) AS number
         FROM (
           SELECT iteration_id
           FROM ${item}, LATERAL (
             SELECT iteration_id FROM ${tablesOf(dataSource).value}
             WHERE run_id = $1 AND iteration_id >= range.first
               AND iteration_id < range.first + range.count
             ORDER BY iteration_id LIMIT ${mostValues}
           ) AS present
           ORDER BY iteration_id LIMIT ${mostValues}
         ) AS lowest
       ) AS numbered
       GROUP BY iteration_id - number
     ) AS island
     GROUP BY part ORDER BY part`,
    [id, ...parameters],
  );
  return (records as { islands: string }[]).flatMap(({ islands }) =>
    islands.split(' ').map(parseIsland),
  );
}

function parseIsland(text: string): IterationRange {
  const plus = text.indexOf('+');
  return {
    first: Number(text.slice(0, plus)),
    count: Number(text.slice(plus + 1)),
  } as IterationRange;
}

function endOf(range: IterationRange | undefined): number {
  return range === undefined ? Infinity : range.first + range.count;
}
