import type { DataSource } from 'typeorm';
import { binaryArray, binaryArrayOfAll, type ElementType } from './binary-array.js';

/** A column of rows that travel with a statement. */
export interface Column<Row> {
  readonly name: string;
  readonly type: ElementType;
  readonly of: (row: Row) => number;
}

/** A column of arrays of equal length. */
export interface ArrayColumn<Row> {
  readonly name: string;
  readonly type: ElementType;
  readonly length: number;
  readonly of: (row: Row) => readonly number[];
}

/** Rows as one statement takes them. */
interface Table {
  /** The FROM item that yields the rows. */
  readonly item: string;
  /** The parameters that `item` refers to, from the given placeholder on. */
  readonly parameters: readonly (string | Buffer)[];
}

/** Where PostgreSQL by wire and PostgreSQL by the RDS Data API differ. */
export interface Dialect {
  /**
   * @param name to be referred to by in the statement
   * @param placeholder the number of the first placeholder that is free
   * @param arrays one more column
   */
  readonly tableOf: <Row>(
    name: string,
    columns: readonly Column<Row>[],
    rows: readonly Row[],
    placeholder: number,
    arrays?: ArrayColumn<Row>,
  ) => Table;
  /** The most failures that one statement writes or answers with. */
  readonly textsPerStatement: number;
  /** The most runs that one statement answers with. */
  readonly runsPerStatement: number;
  /** The most rows that one statement of a scan answers with. */
  readonly rowsPerScan: number;
  /** How long a store waits for a database that is out of reach, in milliseconds. */
  readonly patienceMs: number;
}

/**
 * The most rows of numbers that one statement takes, or answers with one by one. The Data API takes
 * 4 MiB and answers with 1 MiB at most; such a row costs under 80 bytes either way.
 */
export const rowsPerStatement = 10_000;

/**
 * The same of rows with so many measures, of which each takes 25 bytes as the text of the longest
 * double: 10,000 up to 13 measures, 2,373 of 64.
 */
export function valuesPerStatement(measures: number): number {
  return Math.min(rowsPerStatement, Math.floor(4_000_000 / (110 + 25 * (measures - 1))));
}

export const wire: Dialect = {
  tableOf: (name, columns, rows, placeholder, arrays) => {
    const names = columns.map((column) => column.name).join(', ');
    const flat = columns.map(({ type }, index) => `$${placeholder + index}::${type.name}[]`);
    const unnested = `unnest(${flat.join(', ')})`;
    const parameters = columns.map(({ type, of }) => binaryArray(type, rows, of));
    if (arrays === undefined) return { item: `${unnested} AS ${name} (${names})`, parameters };
    // One array of all numbers, in slices: an array for each column of them takes longer.
    const { type, length } = arrays;
    const all = `($${placeholder + columns.length}::${type.name}[])`;
    const slice = `${all}[(place - 1) * ${length} + 1 : place * ${length}]`;
    return {
      item: `(
        SELECT ${names}, ${slice} AS ${arrays.name}
        FROM ${unnested} WITH ORDINALITY AS unnested (${names}, place)
      ) AS ${name}`,
      parameters: [...parameters, binaryArrayOfAll(type, rows, length, arrays.of)],
    };
  },
  textsPerStatement: 10_000,
  runsPerStatement: 1000,
  rowsPerScan: 32,
  // A server that was killed is back in seconds; nobody should have to wait long for one that is gone.
  patienceMs: 30_000,
};

/**
 * The Data API takes no arrays, and answers with 1 MiB at most. A failure costs under 16 KiB, as long
 * as core keeps messages to 2,000 characters; a run under 64 KB, its parameters being 16 KiB of it.
 */
export const dataApi: Dialect = {
  tableOf: (name, columns, rows, placeholder, arrays) => {
    const types = columns.map((column) => `${column.name} ${column.type.name}`);
    if (arrays !== undefined) types.push(`${arrays.name} ${arrays.type.name}[]`);
    const all = arrays === undefined ? columns : [...columns, arrays];
    return {
      item: `json_to_recordset($${placeholder}::json) AS ${name} (${types.join(', ')})`,
      parameters: [
        JSON.stringify(
          rows.map((row) => Object.fromEntries(all.map((column) => [column.name, column.of(row)]))),
        ),
      ],
    };
  },
  textsPerStatement: 50,
  runsPerStatement: 15,
  rowsPerScan: 20,
  // The session has its own.
  patienceMs: 0,
};

export function dialectOf({ options }: DataSource): Dialect {
  return options.type === 'aurora-postgres' ? dataApi : wire;
}

/** `rows` in pieces of at most `size`, in order. */
export function* piecesOf<T>(rows: readonly T[], size: number): Generator<readonly T[], void> {
  for (let first = 0; first < rows.length; first += size) yield rows.slice(first, first + size);
}
