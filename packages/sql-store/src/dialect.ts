import type { IterationValue } from '@stepcompute/core';
import type { DataSource } from 'typeorm';
import { binaryArray, doubles, integers } from './binary-array.js';

/** A batch of values as one statement takes it. */
interface ValueBatch {
  /** The FROM item that yields the batch as (iteration_id, value). */
  readonly rows: string;
  /** What `rows` refers to, from the given placeholder on. */
  readonly parameters: readonly (string | Buffer)[];
}

/** Where PostgreSQL by wire and PostgreSQL by the RDS Data API differ. */
export interface Dialect {
  /** @param first the number of the batch's first placeholder */
  readonly batchOf: (values: readonly IterationValue[], first: number) => ValueBatch;
  /** The most values that one statement writes or answers with. */
  readonly valuesPerStatement: number;
  /** The most rows with texts (failures, runs) that one statement writes or answers with. */
  readonly textsPerStatement: number;
  /** How long a store waits for a database that is out of reach, in milliseconds. */
  readonly patienceMs: number;
}

const wire: Dialect = {
  batchOf: (values, first) => ({
    rows: `unnest($${first}::integer[], $${first + 1}::double precision[]) AS batch (iteration_id, value)`,
    parameters: [
      binaryArray(integers, values, ({ iterationId }) => iterationId),
      binaryArray(doubles, values, ({ value }) => value),
    ],
  }),
  valuesPerStatement: 10_000,
  textsPerStatement: 10_000,
  // A server that was killed is back in seconds; nobody should have to wait long for one that is gone.
  patienceMs: 30_000,
};

/**
 * The Data API takes no arrays, 4 MiB a request, and answers with 1 MiB at most. A value costs under
 * 80 bytes either way; a row of texts under 16 KiB, as long as core keeps messages to 2,000 characters
 * and names to 4,096.
 */
const dataApi: Dialect = {
  batchOf: (values, first) => ({
    rows: `json_to_recordset($${first}::json) AS batch (iteration_id integer, value double precision)`,
    parameters: [
      JSON.stringify(
        values.map(({ iterationId, value }) => ({ iteration_id: iterationId, value })),
      ),
    ],
  }),
  valuesPerStatement: 10_000,
  textsPerStatement: 50,
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
