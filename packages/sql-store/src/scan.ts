import { PersistenceError, RunNotFoundError, type RunId } from '@stepcompute/core';
import type { ValueColumns } from '@stepcompute/core/adapters';
import type { DataSource } from 'typeorm';
import { dataApi, dialectOf } from './dialect.js';
import { execute } from './execute.js';
import { patiently } from './patiently.js';
import { tablesOf } from './tables.js';

/** Neighbouring values in one row of texts, in base64: a row for each value takes three times as long. */
interface Row {
  readonly count: string;
  readonly first: string;
  readonly last: string;
  /** Of all measures, an iteration after the other. */
  readonly values: string;
  /** Null where they were not asked for. */
  readonly ids: string | null;
  readonly codes: string | null;
}

/** So many iterations share a row at most. */
const longestRow = 2048;
/** So long is a row with all columns at most, in bytes: the Data API's hold 64 KB, and 20 of them 1 MiB. */
const rowBytes = 39_000;
/** A byte in base64, with its share of the end of a line. */
const textPerByte = (4 / 3) * (1 + 1 / 76);

/** So many iterations of a run with so many measures share a row. */
function rowLengthOf(measures: number): number {
  const idAndCode = 4 + 2;
  return Math.min(longestRow, Math.floor(rowBytes / (textPerByte * (8 * measures + idAndCode))));
}

/** How many iterations of a run with so many measures come with one call of the RDS Data API. */
export function iterationsPerDataApiCall(measures: number): number {
  return dataApi.rowsPerScan * rowLengthOf(measures);
}

const texts = (send: string): string =>
  `encode(string_agg(${send}, ''::bytea ORDER BY iteration_id), 'base64')`;
const noText = 'NULL::text';
const idTexts = texts('int4send(iteration_id)');
const codeTexts = texts('int2send(coalesce(code, 0::smallint))');

/** How a run is scanned. */
interface Scan {
  readonly measures: number;
  readonly rowLength: number;
  readonly rowsPerPage: number;
  /** The values' column, and the one that a run may do without. */
  readonly values: string;
  readonly codes: string;
}

/**
 * The values of a page, which begins with the first one from $2 on. Each row looks for its own in the
 * index: with one range for all of them, PostgreSQL sorts the rest of the run for each page while it
 * has no statistics of it. `ORDER BY` in an aggregate is what it promises to add up in.
 */
function pageStatement(
  table: string,
  ids: string,
  { rowLength, rowsPerPage, values, codes }: Scan,
): string {
  // Written out, since PostgreSQL takes a series for 1,000 rows, and compiles a statement so dear.
  const offsets = Array.from({ length: rowsPerPage }, (_, row) => row * rowLength);
  return `
    WITH start AS (
      SELECT min(iteration_id) / ${rowLength} * ${rowLength} AS first
      FROM ${table} WHERE run_id = $1 AND iteration_id >= $2
    )
    SELECT page.*
    FROM start,
      unnest(ARRAY[${offsets.join(', ')}]) AS row_offset,
      LATERAL (
        SELECT count(*)::text AS count, min(iteration_id)::text AS first, max(iteration_id)::text AS last,
          ${values} AS values, ${ids} AS ids, ${codes} AS codes
        FROM ${table}
        WHERE run_id = $1 AND iteration_id >= $2
          AND iteration_id >= start.first + row_offset
          AND iteration_id < start.first + row_offset + ${rowLength}
      ) AS page
    WHERE page.count <> '0' ORDER BY row_offset`;
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
  const scan = await patiently(dataSource, () => scanOf(dataSource, id));
  const { measures, rowLength, rowsPerPage } = scan;
  const read = (ids: string, next: number): Promise<readonly Row[]> =>
    patiently(dataSource, async () => {
      const { records } = await execute(
        dataSource,
        pageStatement(tablesOf(dataSource).value, ids, scan),
        [id, next],
      );
      return records as Row[];
    });
  // Most runs have no gaps: then the first id and the last say all of them.
  let hasGaps = false;
  for (let next = from; ;) {
    let rows = await read(hasGaps ? idTexts : noText, next);
    const found = !rows.every(isContiguous);
    if (found && !hasGaps) rows = await read(idTexts, next);
    hasGaps = found;
    for (const row of rows) yield columnsOf(row, measures);
    const [first] = rows;
    if (first === undefined) return;
    next = (Math.floor(Number(first.first) / rowLength) + rowsPerPage) * rowLength;
  }
}

function isContiguous({ first, last, count }: Row): boolean {
  return Number(last) - Number(first) + 1 === Number(count);
}

function columnsOf(row: Row, measures: number): ValueColumns {
  const { values, ids, codes } = row;
  const [count, first] = [Number(row.count), Number(row.first)];
  const numbers = viewOf(values);
  if (numbers.byteLength !== 8 * count * measures) {
    throw new PersistenceError(
      `some of the ${count} iterations from ${first} on have not ${measures} numbers, one for each measure: ` +
        'the table has been altered',
      { retryable: false },
    );
  }
  const integers = ids === null ? undefined : viewOf(ids);
  const smallintegers = codes === null ? undefined : viewOf(codes);
  const iterationIds = new Int32Array(count);
  const columns = Array.from({ length: measures }, () => new Float64Array(count));
  for (let index = 0; index < count; index += 1) {
    iterationIds[index] = integers?.getInt32(4 * index) ?? first + index;
    for (let place = 0; place < measures; place += 1) {
      columns[place]![index] = numbers.getFloat64(8 * (index * measures + place));
    }
  }
  const [column, ...more] = columns as [Float64Array, ...Float64Array[]];
  return {
    iterationIds,
    values: column,
    ...(more.length > 0 && { more }),
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

/** @throws RunNotFoundError */
async function scanOf(dataSource: DataSource, id: RunId): Promise<Scan> {
  const { records } = await execute(
    dataSource,
    `SELECT json_array_length(simulation::json)::text AS codes,
       json_array_length(measures::json)::text AS measures
     FROM ${tablesOf(dataSource).run} WHERE id = $1 AND deleted_at IS NULL`,
    [id],
  );
  const [run] = records as { codes: string; measures: string }[];
  if (run === undefined) throw new RunNotFoundError(id);
  const measures = Number(run.measures);
  const further = Array.from({ length: measures - 1 }, (_, place) => `more[${place + 1}]`);
  const numbers = ['value', ...further].map((number) => `float8send(${number})`);
  return {
    measures,
    rowLength: rowLengthOf(measures),
    rowsPerPage: dialectOf(dataSource).rowsPerScan,
    values: texts(numbers.join(' || ')),
    codes: run.codes === '1' ? noText : codeTexts,
  };
}
