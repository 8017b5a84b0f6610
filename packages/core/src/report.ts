import type { Average } from './average.js';
import type { Ledger, Run, RunStatus } from './run.js';

/** A run, its account and its average as one flat object of JSON's types, for machines. */
export interface RunReport {
  readonly runId: number;
  readonly seed: number;
  readonly repetitions: number;
  readonly generator: string;
  readonly delayMs: number;
  readonly status: RunStatus;
  readonly completed: number;
  readonly failed: number;
  readonly missing: number;
  /** The mean; null, like all that follows, while there is no average. */
  readonly average: number | null;
  /** Null, too, for a single value; so are the two after it. */
  readonly standardDeviation: number | null;
  readonly standardError: number | null;
  /** The 95 % interval of the mean. */
  readonly confidenceInterval: readonly [number, number] | null;
  readonly min: number | null;
  readonly max: number | null;
}

export function reportOf(run: Run, ledger: Ledger, average: Average | undefined): RunReport {
  return {
    runId: run.id,
    seed: run.seed,
    repetitions: run.repetitions,
    generator: run.generatorName,
    delayMs: run.delayMs,
    status: run.status,
    completed: ledger.completed,
    failed: ledger.failed,
    missing: ledger.missing,
    average: average?.mean ?? null,
    standardDeviation: average?.standardDeviation ?? null,
    standardError: average?.standardError ?? null,
    confidenceInterval: average?.confidenceInterval ?? null,
    min: average?.minimum ?? null,
    max: average?.maximum ?? null,
  };
}
