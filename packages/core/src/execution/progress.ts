import type { Progress } from '../ports/orchestrator.js';
import type { Ledger } from '../run/ledger.js';
import type { Run } from '../run/run.js';
import type { RunningMean } from './running-mean.js';

/** A run's account at some moment of an execution, and what the execution has added to it. */
export interface ProgressAccount {
  readonly run: Run;
  readonly ledger: Pick<Ledger, 'completed' | 'failed' | 'missing'>;
  /** How many values this execution has stored. */
  readonly stored: number;
  readonly elapsedMs: number;
  /** Of the values that this execution has stored; undefined where they do not come by. */
  readonly mean?: RunningMean | undefined;
}

/** Rate and time left follow from the account alone. */
export function progressOf({ run, ledger, stored, elapsedMs, mean }: ProgressAccount): Progress {
  const { completed, failed, missing } = ledger;
  const ratePerSecond = stored === 0 || elapsedMs === 0 ? 0 : (stored / elapsedMs) * 1000;
  return {
    run,
    total: run.repetitions,
    completed,
    failed,
    elapsedMs,
    ratePerSecond,
    remainingMs: missing === 0 ? 0 : ratePerSecond === 0 ? null : (missing / ratePerSecond) * 1000,
    runningMean: mean?.mean ?? null,
    runningMargin: mean?.margin ?? null,
  };
}
