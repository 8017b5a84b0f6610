import {
  RunNotFoundError,
  Tolerance,
  type Ledger,
  type Repetitions,
  type RunId,
} from '@stepcompute/core';
import { ledgerOf } from '@stepcompute/core/adapters';
import type { DataSource } from 'typeorm';
import { execute } from './execute.js';
import { runSchema } from './schema.js';

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
    ) AS completed, CASE WHEN jsonb_array_length(simulation::jsonb) = 1 THEN 0 ELSE (
      SELECT count(code)::integer FROM stepcompute_value
      WHERE run_id = $1 AND iteration_id < repetitions
    ) END AS changed,
    (${standingFailures}) AS failed
  FROM stepcompute_run WHERE id = $1`;

interface LedgerRow {
  readonly requested: number;
  readonly tolerance: Tolerance;
  readonly completed: number;
  readonly changed: number;
  readonly failed: number;
}

/**
 * The run's ledger from one snapshot, with how many failures it tolerates.
 * @throws RunNotFoundError
 */
export async function readLedger(
  dataSource: DataSource,
  id: RunId,
): Promise<{ readonly ledger: Ledger; readonly tolerated: number }> {
  const { records } = await execute(dataSource, ledgerStatement, [id]);
  const [row] = records as LedgerRow[];
  if (row === undefined) throw new RunNotFoundError(id);
  const { tolerance, ...counts } = row;
  return {
    ledger: ledgerOf(counts),
    tolerated: Tolerance.failures(tolerance, counts.requested),
  };
}

/** @throws RunNotFoundError */
export async function readRepetitions(dataSource: DataSource, id: RunId): Promise<Repetitions> {
  const run = await dataSource
    .getRepository(runSchema)
    .findOne({ select: { id: true, repetitions: true }, where: { id } });
  if (run === null) throw new RunNotFoundError(id);
  return run.repetitions;
}

/**
 * How many fingerprints the run accepts.
 * @throws RunNotFoundError
 */
export async function readAccepted(dataSource: DataSource, id: RunId): Promise<number> {
  const run = await dataSource
    .getRepository(runSchema)
    .findOne({ select: { id: true, simulation: true }, where: { id } });
  if (run === null) throw new RunNotFoundError(id);
  return run.simulation.length;
}
