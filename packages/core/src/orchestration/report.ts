import type { Average } from '../averaging/average.js';
import type { Ledger } from '../run/ledger.js';
import type { ParsedRequest } from '../run/request.js';
import type { Run } from '../run/run.js';

/** A run, its account and its average as one flat object of JSON's types, for machines. */
export interface RunReport extends Omit<
  Run,
  'id' | 'generatorName' | 'idempotencyKey' | 'request' | 'startedAt' | 'finishedAt'
> {
  /** As it was first asked. */
  readonly request: Omit<ParsedRequest, 'idempotencyKey'>;
  readonly runId: number;
  readonly generator: string;
  readonly completed: number;
  readonly failed: number;
  readonly missing: number;
  /** How many of the values came from a changed simulation that was accepted. */
  readonly changed: number;
  /** How many values the average was taken over; null, like all that follows, while there is none. */
  readonly count: number | null;
  /** The mean. */
  readonly average: number | null;
  /** Null, too, for a single value; so are the two after it. */
  readonly standardDeviation: number | null;
  readonly standardError: number | null;
  /** The 95 % interval of the mean. */
  readonly confidenceInterval: readonly [number, number] | null;
  readonly min: number | null;
  readonly max: number | null;
  /** A caution about the average. */
  readonly warning: string | null;
}

/**
 * Warns of an average that was not taken over all of the run's iterations, or no longer is, or is over
 * the values of more than one simulation; undefined when there is nothing to warn of.
 */
export function warningOf(ledger: Ledger, average: Average): string | undefined {
  const { requested, completed, changed = 0 } = ledger;
  const { count } = average;
  const warnings: string[] = [];
  if (count !== requested) {
    const over = `the average is over ${count} of ${requested} values`;
    warnings.push(
      count < completed
        ? `${over}, and ${completed} are stored by now: resume the run to average it again`
        : `${over}: if what made the others fail depends on what they would have been, it is biased`,
    );
  }
  if (changed > 0) {
    warnings.push(
      `${changed} of ${completed} values came from a changed simulation, which was accepted`,
    );
  }
  return warnings.length === 0 ? undefined : warnings.join('; ');
}

export function reportOf(run: Run, ledger: Ledger, average: Average | undefined): RunReport {
  // Every field of a run that is not left out or renamed here is in the report.
  const { id, generatorName, idempotencyKey, request, startedAt, finishedAt, ...fields } = run;
  const { idempotencyKey: key, ...asked } = request;
  return {
    runId: id,
    ...fields,
    request: asked,
    generator: generatorName,
    completed: ledger.completed,
    failed: ledger.failed,
    missing: ledger.missing,
    changed: ledger.changed ?? 0,
    count: average?.count ?? null,
    average: average?.mean ?? null,
    standardDeviation: average?.standardDeviation ?? null,
    standardError: average?.standardError ?? null,
    confidenceInterval: average?.confidenceInterval ?? null,
    min: average?.minimum ?? null,
    max: average?.maximum ?? null,
    warning: (average && warningOf(ledger, average)) ?? null,
  };
}
