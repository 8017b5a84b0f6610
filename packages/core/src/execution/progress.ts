import { studentTQuantile } from '../statistics/student-t.js';
import type { Progress } from '../ports/orchestrator.js';
import type { Ledger } from '../run/ledger.js';
import type { Run } from '../run/run.js';

/**
 * A mean that is kept up to date while values arrive, in any order: for watching a run, never for
 * its result, since its bits depend on the order.
 * Source: B. Welford, "Note on a method for calculating corrected sums of squares and products", 1962.
 */
export class RunningMean {
  #count = 0;
  #mean = 0;
  #squaredDeviations = 0;

  add(value: number): void {
    this.#count += 1;
    const difference = value - this.#mean;
    this.#mean += difference / this.#count;
    this.#squaredDeviations += difference * (value - this.#mean);
  }

  /** Null before the first value. */
  get mean(): number | null {
    return this.#count === 0 ? null : this.#mean;
  }

  /** Half the width of the mean's 95 % interval so far; null before the second value. */
  get margin(): number | null {
    if (this.#count < 2) return null;
    const variance = this.#squaredDeviations / (this.#count - 1);
    return studentTQuantile(0.975, this.#count - 1) * Math.sqrt(variance / this.#count);
  }
}

/** A run's account at some moment of an execution, and the execution's own part in it. */
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
