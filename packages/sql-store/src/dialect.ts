import type { DataSource } from 'typeorm';
import { binaryArray, type ElementType } from './binary-array.js';

/** A column of rows that travel with a statement. */
export interface Column<Row> {
  readonly name: string;
  readonly type: ElementType;
  readonly of: (row: Row) => number;
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
   */
  readonly tableOf: <Row>(
    name: string,
    columns: readonly Column<Row>[],
    rows: readonly Row[],
    placeholder: number,
  ) => Table;
  /** The most failures that one statement writes or answers with. */
  readonly textsPerStatement: number;
  /** The most runs that one statement answers with. */
  readonly runsPerStatement: number;
  /** The most values that one statement of a scan answers with. */
  readonly valuesPerScan: number;
  /** How long a store waits for a database that is out of reach, in milliseconds. */
  readonly patienceMs: number;
}

/**
 * The most rows of numbers that one statement takes, or answers with one by one. The Data API takes
 * 4 MiB and answers with 1 MiB at most; such a row costs under 80 bytes either way.
 */
export const rowsPerStatement = 10_000;

export const wire: Dialect = {
  tableOf: (name, columns, rows, placeholder) => {
    const arrays = columns.map(({ type }, index) => `$${placeholder + index}::${type.name}[]`);
    return {
      item: `unnest(${arrays.join(', ')}) AS ${name} (${columns.map((column) => column.name).join(', ')})`,
      parameters: columns.map(({ type, of }) => binaryArray(type, rows, of)),
    };
  },
  textsPerStatement: 10_000,
  runsPerStatement: 1000,
  valuesPerScan: 65_536,
  // A server that was killed is back in seconds; nobody should have to wait long for one that is gone.
  patienceMs: 30_000,
};

/**
 * The Data API takes no arrays, and answers with 1 MiB at most. A failure costs under 16 KiB, as long
 * as core keeps messages to 2,000 characters; a run under 64 KB, its parameters being 16 KiB of it.
 */
export const dataApi: Dialect = {
  tableOf: (name, columns, rows, placeholder) => {
    const types = columns.map((column) => `${column.name} ${column.type.name}`);
    return {
      item: `json_to_recordset($${placeholder}::json) AS ${name} (${types.join(', ')})`,
      parameters: [
        JSON.stringify(
          rows.map((row) =>
            Object.fromEntries(columns.map((column) => [column.name, column.of(row)])),
          ),
        ),
      ],
    };
  },
  textsPerStatement: 50,
  runsPerStatement: 15,
  valuesPerScan: 40_960,
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
