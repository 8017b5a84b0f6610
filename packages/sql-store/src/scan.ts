import { RunNotFoundError, type RunId } from '@stepcompute/core';
import type { ValueColumns } from '@stepcompute/core/adapters';
import type { DataSource } from 'typeorm';
import { dialectOf } from './dialect.js';
import { execute } from './execute.js';
import { patiently } from './patiently.js';
import { runSchema } from './schema.js';

/** Neighbouring values of a page in one row of texts, in base64: a row for each value takes 2.5 times as long. */
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

/**
 * @param extra columns that only some pages need
 * @param pageLength how many values
 */
function pageStatement(extra: readonly string[], pageLength: number): string {
  return `
    SELECT count(*)::integer AS count, min(iteration_id) AS first, max(iteration_id) AS last,
      ${extra.join(', ')},
      encode(string_agg(float8send(value), ''::bytea ORDER BY iteration_id), 'base64') AS values
    FROM (
      SELECT iteration_id, value, code FROM stepcompute_value
      WHERE run_id = $1 AND iteration_id >= $2 ORDER BY iteration_id LIMIT ${pageLength}
    ) AS page
    GROUP BY iteration_id / ${rowLength} ORDER BY first`;
}

const idColumn = `encode(string_agg(int4send(iteration_id), ''::bytea ORDER BY iteration_id), 'base64') AS ids`;
const codeColumn = `encode(string_agg(int2send(coalesce(code, 0::smallint)), ''::bytea ORDER BY iteration_id), 'base64') AS codes`;

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
  const codes = await patiently(dataSource, () => readAccepted(dataSource, id));
  const code = codes === 1 ? 'NULL::text AS codes' : codeColumn;
  const { valuesPerScan } = dialectOf(dataSource);
  // Most runs have no gaps, and then the first and the last id say all of them.
  let ids = 'NULL::text AS ids';
  for (let next = from; ;) {
    const rows = (await patiently(dataSource, async () => {
      const { records } = await execute(dataSource, pageStatement([ids, code], valuesPerScan), [
        id,
        next,
      ]);
      return records as unknown;
    })) as readonly Row[];
    if (ids !== idColumn && rows.some(({ first, last, count }) => last - first + 1 !== count)) {
      ids = idColumn;
      continue;
    }
    for (const row of rows) yield columnsOf(row);
    const last = rows.at(-1);
    if (last === undefined) return;
    const total = rows.reduce((sum, { count }) => sum + count, 0);
    if (total < valuesPerScan) return;
    next = last.last + 1;
    if (rows.every(({ first, last, count }) => last - first + 1 === count))
      ids = 'NULL::text AS ids';
  }
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
