import {
  type Repetitions,
  RunNotFoundError,
  type FailureStore,
  type IterationId,
  type IterationFailure,
  type Ledger,
  type Placed,
  type RunId,
} from '@stepcompute/core';
import { parseFailure, refuseOutside } from '@stepcompute/core/adapters';
import type { DataSource } from 'typeorm';
import { dialectOf, piecesOf } from './dialect.js';
import { execute } from './execute.js';
import { readLedger, readRun, standingFailures } from './ledger.js';
import { patiently } from './patiently.js';
import { tablesOf } from './tables.js';

/** Failures in the table `stepcompute_failure`. */
export class TypeOrmFailureStore implements FailureStore, Placed {
  constructor(private readonly dataSource: DataSource) {}

  get place(): object {
    return this.dataSource;
  }

  record(id: RunId, failures: readonly IterationFailure[]): Promise<number> {
    return patiently(this.dataSource, async () => {
      const tables = tablesOf(this.dataSource);
      const rows = latestInOrder(failures);
      const last = rows.at(-1)?.iterationId ?? -1;
      for (const piece of piecesOf(rows, dialectOf(this.dataSource).textsPerStatement)) {
        await execute(
          this.dataSource,
          `INSERT INTO ${tables.failure} (run_id, iteration_id, error_name, message, attempts)
           SELECT run.id, failure."iterationId", failure."errorName", failure.message, failure.attempts
           FROM ${tables.run} run, json_to_recordset($3::json) AS failure
             ("iterationId" integer, "errorName" text, message text, attempts integer)
           WHERE run.id = $1 AND run.deleted_at IS NULL AND run.repetitions > $2
           ORDER BY failure."iterationId"
           ON CONFLICT ON CONSTRAINT stepcompute_failure_pk DO UPDATE
             SET error_name = EXCLUDED.error_name, message = EXCLUDED.message,
               attempts = EXCLUDED.attempts, failed_at = now()`,
          [id, last, JSON.stringify(piece)],
        );
      }
      const { records } = await execute(
        this.dataSource,
        `SELECT repetitions::text, (${standingFailures(tables)}) AS standing FROM ${tables.run}
         WHERE id = $1 AND deleted_at IS NULL`,
        [id],
      );
      const [run] = records as { repetitions: string; standing: string }[];
      if (run === undefined) throw new RunNotFoundError(id);
      refuseOutside({ id, repetitions: Number(run.repetitions) as Repetitions }, last);
      return Number(run.standing);
    });
  }

  async *read(id: RunId): AsyncGenerator<readonly IterationFailure[], void> {
    const { textsPerStatement: pageSize } = dialectOf(this.dataSource);
    await patiently(this.dataSource, () => readRun(this.dataSource, id));
    const { failure, value } = tablesOf(this.dataSource);
    let last = -1;
    for (;;) {
      const { records } = await patiently(this.dataSource, () =>
        execute(
          this.dataSource,
          `SELECT iteration_id::text AS "iterationId", error_name AS "errorName", message,
             attempts::text
           FROM ${failure} f
           WHERE run_id = $1 AND iteration_id > $2 AND NOT EXISTS (
             SELECT FROM ${value} v WHERE v.run_id = $1 AND v.iteration_id = f.iteration_id
           )
           ORDER BY f.iteration_id LIMIT ${pageSize}`,
          [id, last],
        ),
      );
      const page = (records as Record<keyof IterationFailure, string>[]).map(failureOf);
      const highest = page.at(-1);
      if (highest === undefined) return;
      yield page;
      if (page.length < pageSize) return;
      last = highest.iterationId;
    }
  }

  clear(id: RunId): Promise<void> {
    return patiently(this.dataSource, async () => {
      await readRun(this.dataSource, id);
      const { failure } = tablesOf(this.dataSource);
      await execute(this.dataSource, `DELETE FROM ${failure} WHERE run_id = $1`, [id]);
    });
  }

  ledger(id: RunId): Promise<Ledger> {
    return patiently(this.dataSource, () => readLedger(this.dataSource, id));
  }
}

function failureOf(row: Record<keyof IterationFailure, string>): IterationFailure {
  const iterationId = Number(row.iterationId) as IterationId;
  return { ...row, iterationId, attempts: Number(row.attempts) };
}

/**
 * The last failure of each iteration, since one statement can't write a row twice, ascending by
 * iteration: one order for all, so that writers of the same iterations never deadlock.
 */
function latestInOrder(failures: readonly IterationFailure[]): readonly IterationFailure[] {
  const latest = new Map(
    failures.map((failure) => [failure.iterationId, parseFailure(failure)] as const),
  );
  return [...latest.values()].sort((a, b) => a.iterationId - b.iterationId);
}
