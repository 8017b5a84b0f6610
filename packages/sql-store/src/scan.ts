import { RunNotFoundError, type RunId } from '@stepcompute/core';
import type { ValueColumns } from '@stepcompute/core/adapters';
import type { DataSource } from 'typeorm';
import { dialectOf } from './dialect.js';
import { execute } from './execute.js';
import { patiently } from './patiently.js';
import { runSchema } from './schema.js';

/** Neighbouring values in one row of texts, in base64: a row for each value takes three times as long. */
interface Row {
  readonly count: number;
  readonly first: number;
  readonly last: number;
  readonly values: string;
  /** Null where they were not asked for. */
  readonly ids: string | null;
  readonly codes: string | null;
}

/** So many iterations share a row, which is 39 KB long with all columns: the Data API's hold 64 KB. */
const rowLength = 2048;

const texts = (send: string): string =>
  `encode(string_agg(${send}, ''::bytea ORDER BY iteration_id), 'base64')`;
const noText = 'NULL::text';
const idTexts = texts('int4send(iteration_id)');
const codeTexts = texts('int2send(coalesce(code, 0::smallint))');

/**
 * The values of a page, which begins with the first one from $2 on. Each row looks for its own in the
 * index: with one range for all of them, PostgreSQL sorts the rest of the run for each page while it
 * has no statistics of it. `ORDER BY` in an aggregate is what it promises to add up in.
 */
function pageStatement(ids: string, codes: string, pageLength: number): string {
  // Written out, since PostgreSQL takes a series for 1,000 rows, and compiles a statement so dear.
  const offsets = Array.from({ length: pageLength / rowLength }, (_, row) => row * rowLength);
  return `
    WITH start AS (
      SELECT min(iteration_id) / ${rowLength} * ${rowLength} AS first
      FROM stepcompute_value WHERE run_id = $1 AND iteration_id >= $2
    )
    SELECT page.*
    FROM start,
      unnest(ARRAY[${offsets.join(', ')}]) AS row_offset,
      LATERAL (
        SELECT count(*)::integer AS count, min(iteration_id) AS first, max(iteration_id) AS last,
          ${texts('float8send(value)')} AS values, ${ids} AS ids, ${codes} AS codes
        FROM stepcompute_value
        WHERE run_id = $1 AND iteration_id >= $2
          AND iteration_id >= start.first + row_offset
          AND iteration_id < start.first + row_offset + ${rowLength}
      ) AS page
    WHERE page.count > 0 ORDER BY page.first`;
}

/**
 * The run's values from an iteration on, by columns. No statement reads more than a page; values that
 * are written meanwhile may be among them or not.
 * @throws RunNotFoundError
 */
export async function* scanValues(
  dataSource: DataSource,
  id: RunId,
  from: number,
): AsyncGenerator<ValueColumns, void> {
  const accepted = await patiently(dataSource, () => readAccepted(dataSource, id));
  const codes = accepted === 1 ? noText : codeTexts;
  const { valuesPerScan: pageLength } = dialectOf(dataSource);
  const read = (ids: string, next: number): Promise<readonly Row[]> =>
    patiently(dataSource, async () => {
      const { records } = await execute(dataSource, pageStatement(ids, codes, pageLength), [
        id,
        next,
      ]);
      return records as Row[];
    });
  // Most runs have no gaps: then the first id and the last say all of them.
  let hasGaps = false;
  for (let next = from; ;) {
    let rows = await read(hasGaps ? idTexts : noText, next);
    const found = !rows.every(isContiguous);
    if (found && !hasGaps) rows = await read(idTexts, next);
    hasGaps = found;
    for (const row of rows) yield columnsOf(row);
    const [first] = rows;
    if (first === undefined) return;
    next = Math.floor(first.first / rowLength) * rowLength + pageLength;
  }
}

function isContiguous({ first, last, count }: Row): boolean {
  return last - first + 1 === count;
}

function columnsOf({ count, first, values, ids, codes }: Row): ValueColumns {
  const doubles = viewOf(values);
  const integers = ids === null ? undefined : viewOf(ids);
  const smallintegers = codes === null ? undefined : viewOf(codes);
  return {
    values: Float64Array.from({ length: count }, (_, index) => doubles.getFloat64(8 * index)),
    iterationIds: Int32Array.from(
      { length: count },
      (_, index) => integers?.getInt32(4 * index) ?? first + index,
    ),
    ...(smallintegers && {
      codes: Int16Array.from({ length: count }, (_, index) => smallintegers.getInt16(2 * index)),
    }),
  };
}

/** PostgreSQL sends numbers in network order, as a DataView has them by default. */
function viewOf(base64: string): DataView {
  const { buffer, byteOffset, byteLength } = Buffer.from(base64, 'base64');
  return new DataView(buffer, byteOffset, byteLength);
}

/**
 * How many fingerprints the run accepts.
 * @throws RunNotFoundError
 */
async function readAccepted(dataSource: DataSource, id: RunId): Promise<number> {
  const run = await dataSource
    .getRepository(runSchema)
    .findOne({ select: { id: true, simulation: true }, where: { id } });
  if (run === null) throw new RunNotFoundError(id);
  return run.simulation.length;
}
