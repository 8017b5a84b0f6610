import type { Average } from '../statistics/average.js';
import { reachedPrecision, type ReachedPrecision } from '../statistics/reached-precision.js';
import type { Precision } from '../run/precision.js';
import type { ParsedRequest } from '../run/request.js';
import type { RunResult } from '../ports/orchestrator.js';
import type { Run } from '../run/run.js';

/** One measure's figures, under the names of JSON. */
export interface MeasureReport {
  /** How many values the average was taken over. */
  readonly count: number;
  /** The mean. */
  readonly average: number;
  /** Null for a single value; so are the two after it. */
  readonly standardDeviation: number | null;
  readonly standardError: number | null;
  /** The 95 % interval of the mean. */
  readonly confidenceInterval: readonly [number, number] | null;
  readonly min: number;
  readonly max: number;
}

/** The same of a run's first measure; all null while there is no average. */
type FirstMeasureReport = {
  readonly [Figure in keyof MeasureReport]: MeasureReport[Figure] | null;
};

/** A goal with its defaults, and what is reached of it; that is null while there is no average. */
export interface PrecisionReport extends Omit<Precision, 'halfWidth' | 'measure'> {
  /** The half width that is asked for, a number or a share of the mean. */
  readonly goal: string;
  readonly measure: string;
  /** The repetitions of the first look. */
  readonly minimum: number;
  readonly reached: Omit<ReachedPrecision, 'measure' | 'confidence'> | null;
}

/** A run, its account and its average as one flat object of JSON's types, for machines. */
export interface RunReport
  extends
    Omit<
      Run,
      | 'id'
      | 'generatorName'
      | 'idempotencyKey'
      | 'request'
      | 'measures'
      | 'precision'
      | 'startedAt'
      | 'finishedAt'
    >,
    FirstMeasureReport {
  /** As it was first asked. */
  readonly request: Omit<ParsedRequest, 'idempotencyKey'>;
  readonly runId: number;
  readonly generator: string;
  readonly completed: number;
  readonly failed: number;
  readonly missing: number;
  /** How many of the values came from a changed simulation that was accepted. */
  readonly changed: number;
  /** By their names, in their order; each null while there is no average. */
  readonly measures: Readonly<Record<string, MeasureReport | null>>;
  /** The run's goal, and how precise it is by now; null of a run without one. */
  readonly precision: PrecisionReport | null;
  /** A caution about the average. */
  readonly warning: string | null;
}

/**
 * Warns of an average that was not taken over all of the run's iterations, or no longer is, or is over the
 * values of more than one simulation, or is less precise than was asked for; undefined when there is nothing
 * to warn of.
 */
export function warningOf({
  run,
  ledger,
  averages,
}: Pick<RunResult, 'run' | 'ledger' | 'averages'>): string | undefined {
  const { requested, completed, missing, changed = 0 } = ledger;
  const count = averages[run.measures[0]!]?.count ?? 0;
  const warnings: string[] = [];
  if (count !== requested) {
    const over = `the average is over ${count} of ${requested} values`;
    warnings.push(
      count < completed || missing > 0
        ? `${over}, and ${completed} are stored by now: resume the run to average it again`
        : `${over}: if what made the others fail depends on what they would have been, it is biased`,
    );
  }
  if (changed > 0) {
    warnings.push(
      `${changed} of ${completed} values came from a changed simulation, which was accepted`,
    );
  }
  const reached = reachedPrecision(run, averages);
  if (reached?.isReached === false && run.status === 'completed') {
    const { measure, halfWidth, wanted } = reached;
    const known =
      halfWidth === null
        ? `the mean of ${measure} rests on so few values that its precision can’t be told`
        : `the mean of ${measure} is known to ±${rounded(halfWidth)}, not to ±${rounded(wanted)}`;
    warnings.push(
      `${known}: the run has its ${requested} repetitions, the most that it was to have`,
    );
  }
  return warnings.length === 0 ? undefined : warnings.join('; ');
}

function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** @param result of a run; without averages, of one that has none yet */
export function reportOf({
  run,
  ledger,
  averages,
}: Pick<RunResult, 'run' | 'ledger'> & {
  readonly averages?: RunResult['averages'] | undefined;
}): RunReport {
  // Every field of a run that is not left out or renamed here is in the report.
  const { id, generatorName, idempotencyKey, request, measures, startedAt, finishedAt, ...others } =
    run;
  const { precision, ...fields } = others;
  const { idempotencyKey: key, ...asked } = request;
  const average = averages?.[measures[0]!];
  const reports = measures.map((name) => {
    const each = averages?.[name];
    return [name, each === undefined ? null : measureReportOf(each)] as const;
  });
  return {
    runId: id,
    ...fields,
    request: asked,
    generator: generatorName,
    completed: ledger.completed,
    failed: ledger.failed,
    missing: ledger.missing,
    changed: ledger.changed ?? 0,
    ...(average === undefined ? noFigures : measureReportOf(average)),
    measures: Object.fromEntries(reports),
    precision: precision === undefined ? null : precisionReportOf(run, precision, averages),
    warning: (averages && warningOf({ run, ledger, averages })) ?? null,
  };
}

function precisionReportOf(
  run: Run,
  { halfWidth: goal, measure, ...precision }: Precision,
  averages: RunResult['averages'] | undefined,
): PrecisionReport {
  const reached = averages && reachedPrecision(run, averages);
  return {
    goal,
    ...precision,
    measure: measure ?? run.measures[0]!,
    minimum: run.request.repetitions,
    reached: reached === undefined ? null : withoutGoal(reached),
  };
}

function withoutGoal({
  measure,
  confidence,
  ...reached
}: ReachedPrecision): PrecisionReport['reached'] {
  return reached;
}

const noFigures: FirstMeasureReport = {
  count: null,
  average: null,
  standardDeviation: null,
  standardError: null,
  confidenceInterval: null,
  min: null,
  max: null,
};

function measureReportOf(average: Average): MeasureReport {
  const { count, mean, standardDeviation, standardError, confidenceInterval } = average;
  const { minimum: min, maximum: max } = average;
  return { count, average: mean, standardDeviation, standardError, confidenceInterval, min, max };
}
