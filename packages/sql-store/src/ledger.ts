import { RunNotFoundError, Tolerance, type Ledger, type RunId } from '@stepcompute/core';
import { ledgerOf } from '@stepcompute/core/adapters';
import type { DataSource } from 'typeorm';
import { execute } from './execute.js';

/** How many failures of the run $1 stand: those of iterations without a value. */
export const standingFailures = `
  SELECT count(*)::integer
  FROM stepcompute_failure f JOIN stepcompute_run ON id = $1 AND iteration_id < repetitions
  WHERE run_id = $1 AND NOT EXISTS (
    SELECT FROM stepcompute_value v WHERE v.run_id = $1 AND v.iteration_id = f.iteration_id
  )`;

const ledgerStatement = `
  SELECT repetitions AS requested, tolerance, (
      SELECT count(*)::integer FROM stepcompute_value
      WHERE run_id = $1 AND iteration_id < repetitions
    ) AS completed,
    (${standingFailures}) AS failed
  FROM stepcompute_run WHERE id = $1`;

interface AccountRow {
  readonly requested: number;
  readonly tolerance: Tolerance;
  readonly completed: number;
  readonly failed: number;
}

/** The run's account in one snapshot, with how many failures it tolerates. */
export async function readAccount(
  dataSource: DataSource,
  id: RunId,
): Promise<{ readonly ledger: Ledger; readonly tolerated: number }> {
  const { records } = await execute(dataSource, ledgerStatement, [id]);
  const [row] = records as AccountRow[];
  if (row === undefined) throw new RunNotFoundError(id);
  const { requested, tolerance, completed, failed } = row;
  return {
    ledger: ledgerOf({ requested, completed, failed }),
    tolerated: Tolerance.failures(tolerance, requested),
  };
}
