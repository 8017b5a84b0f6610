import {
  RunNotFoundError,
  type Ledger,
  type Repetitions,
  type Run,
  type RunId,
} from '@stepcompute/core';
import { ledgerOf } from '@stepcompute/core/adapters';
import type { DataSource } from 'typeorm';
import { execute } from './execute.js';
import { tablesOf, type Tables } from './tables.js';

/** How many failures of the run $1 stand: those of iterations without a value. */
export const standingFailures = ({ failure, run, value }: Tables): string => `
  SELECT count(*)::text
  FROM ${failure} f JOIN ${run} ON id = $1 AND iteration_id < repetitions
  WHERE run_id = $1 AND NOT EXISTS (
    SELECT FROM ${value} v WHERE v.run_id = $1 AND v.iteration_id = f.iteration_id
  )`;

/** So many iterations are counted by one statement, so that its time does not grow with the run. */
const iterationsPerCount = 4_000_000;

/** @param changed `0` reads nothing but the index, where the code of values does not matter */
const countStatement = ({ value }: Tables, changed: 'count(code)' | '0'): string => `
  SELECT count(*)::text AS completed, ${changed}::text AS changed FROM ${value}
  WHERE run_id = $1 AND iteration_id >= $2 AND iteration_id < $3`;

/**
 * The run's ledger, counted by ranges: what was seen of completed, then of failed iterations. In the other order
 * a failure that got its value in between would count twice, and hide one that is missing.
 * @throws RunNotFoundError
 */
export async function readLedger(dataSource: DataSource, id: RunId): Promise<Ledger> {
  const tables = tablesOf(dataSource);
  const [run] = (
    await execute(
      dataSource,
      `SELECT repetitions::text, simulation FROM ${tables.run} WHERE id = $1 AND deleted_at IS NULL`,
      [id],
    )
  ).records as { repetitions: string; simulation: string }[];
  if (run === undefined) throw new RunNotFoundError(id);
  const requested = Number(run.repetitions);
  const isOneCode = (JSON.parse(run.simulation) as unknown[]).length === 1;
  let completed = 0;
  let changed = 0;
  for (let first = 0; first < requested; first += iterationsPerCount) {
    const end = Math.min(first + iterationsPerCount, requested);
    const statement = countStatement(tables, isOneCode ? '0' : 'count(code)');
    const { records } = await execute(dataSource, statement, [id, first, end]);
    const [counts] = records as { completed: string; changed: string }[];
    completed += Number(counts?.completed);
    changed += Number(counts?.changed);
  }
  const standing = `${standingFailures(tables)} AND f.iteration_id < $2`;
  const { records } = await execute(dataSource, standing, [id, requested]);
  const [{ count }] = records as [{ count: string }];
  return ledgerOf({ requested, completed, failed: Number(count), changed });
}

/** @throws RunNotFoundError */
export async function readRun(
  dataSource: DataSource,
  id: RunId,
): Promise<Pick<Run, 'id' | 'repetitions' | 'measures'>> {
  const { records } = await execute(
    dataSource,
    `SELECT repetitions::text, measures FROM ${tablesOf(dataSource).run}
     WHERE id = $1 AND deleted_at IS NULL`,
    [id],
  );
  const [run] = records as { repetitions: string; measures: string }[];
  if (run === undefined) throw new RunNotFoundError(id);
  return {
    id,
    repetitions: Number(run.repetitions) as Repetitions,
    measures: JSON.parse(run.measures) as Run['measures'],
  };
}
