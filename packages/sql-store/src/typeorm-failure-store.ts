import {
  Repetitions,
  type FailureStore,
  type IterationFailure,
  type Ledger,
  type RunId,
} from '@stepcompute/core';
import type { IterationRange } from '@stepcompute/core/adapters';
import type { DataSource } from 'typeorm';
import { readAccount, standingFailures } from './account.js';
import { dialectOf, piecesOf } from './dialect.js';
import { execute } from './execute.js';
import { patiently } from './patiently.js';

/** Failures in the table `stepcompute_failure`. */
export class TypeOrmFailureStore implements FailureStore {
  constructor(private readonly dataSource: DataSource) {}

  record(id: RunId, failures: readonly IterationFailure[]): Promise<number> {
    // One statement can't write a row twice: the later failure counts.
    const latest = new Map(failures.map((failure) => [failure.iterationId, failure]));
    return patiently(this.dataSource, async () => {
      const rows = Array.from(latest.values(), (failure) => ({
        iteration_id: failure.iterationId,
        error_name: wellFormed(failure.errorName),
        message: wellFormed(failure.message),
        attempts: failure.attempts,
      }));
      for (const piece of piecesOf(rows, dialectOf(this.dataSource).textsPerStatement)) {
        await execute(
          this.dataSource,
          `INSERT INTO stepcompute_failure (run_id, iteration_id, error_name, message, attempts)
           SELECT $1::integer, iteration_id, error_name, message, attempts
           FROM json_to_recordset($2::json) AS failure
             (iteration_id integer, error_name text, message text, attempts integer)
           ORDER BY iteration_id
           ON CONFLICT ON CONSTRAINT stepcompute_failure_pk DO UPDATE
             SET error_name = EXCLUDED.error_name, message = EXCLUDED.message,
               attempts = EXCLUDED.attempts, failed_at = now()`,
          [id, JSON.stringify(piece)],
        );
      }
      const { records } = await execute(
        this.dataSource,
        `SELECT (${standingFailures}) AS standing`,
        [id],
      );
      return (records as { standing: number }[])[0]?.standing ?? 0;
    });
  }

  async *read(id: RunId): AsyncGenerator<readonly IterationFailure[], void> {
    const { textsPerStatement: pageSize } = dialectOf(this.dataSource);
    let last = -1;
    for (;;) {
      const { records } = await patiently(this.dataSource, () =>
        execute(
          this.dataSource,
          `SELECT iteration_id AS "iterationId", error_name AS "errorName", message, attempts
           FROM stepcompute_failure f
           WHERE run_id = $1 AND iteration_id > $2 AND NOT EXISTS (
             SELECT FROM stepcompute_value v WHERE v.run_id = $1 AND v.iteration_id = f.iteration_id
           )
           ORDER BY iteration_id LIMIT ${pageSize}`,
          [id, last],
        ),
      );
      const page = records as IterationFailure[];
      const lowest = page.at(-1);
      if (lowest === undefined) return;
      yield page;
      if (page.length < pageSize) return;
      last = lowest.iterationId;
    }
  }

  clear(id: RunId, within?: IterationRange): Promise<void> {
    return patiently(this.dataSource, async () => {
      const { first, count } = within ?? { first: 0, count: Repetitions.maximum };
      await execute(
        this.dataSource,
        `DELETE FROM stepcompute_failure
         WHERE run_id = $1 AND iteration_id >= $2 AND iteration_id <= $3`,
        [id, first, first + count - 1],
      );
    });
  }

  ledger(id: RunId): Promise<Ledger> {
    return patiently(this.dataSource, async () => (await readAccount(this.dataSource, id)).ledger);
  }
}

/** PostgreSQL's text holds every character but NUL and half a surrogate pair; a message may hold any. */
function wellFormed(text: string): string {
  return text.replaceAll(/\0|\p{Surrogate}/gu, '\u{fffd}');
}
