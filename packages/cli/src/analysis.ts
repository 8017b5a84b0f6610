import {
  quantilesOf,
  reportOf,
  type MeasureReport,
  type Quantile,
  type RunReport,
  type RunResult,
  type Stores,
} from '@stepcompute/core';
import { intervalOf } from '@stepcompute/core/adapters';
import { evaluateCheck, probabilitiesOf, type Check, type CheckResult } from './checks.js';
import { CheckFailedError } from './errors.js';
import { formatInterval, formatNumber } from './format.js';
import { showReading } from './reading.js';
import type { Terminal } from './terminal.js';

/** An analysis of a run's values, as it is asked for beside their averages. */
export interface AskedAnalysis {
  /** Probabilities. */
  readonly quantiles: readonly number[];
  readonly checks: readonly Check[];
}

export interface Analysis {
  /** Those asked for, by the measures' names; of a run that has its average alone. */
  readonly quantiles: Readonly<Record<string, readonly Quantile[]>>;
  readonly checks: readonly CheckResult[];
}

/** So many quantiles are found together: core takes no more. */
const mostAtOnce = 1000;

type Averaged = Pick<RunResult, 'run' | 'ledger'> & {
  readonly averages?: RunResult['averages'] | undefined;
};

/** Analyses a run's values. Of a run that is not completed there is nothing to say, and no check holds. */
export async function analysisOf(
  { quantiles, checks }: AskedAnalysis,
  result: Averaged,
  stores: Pick<Stores, 'values' | 'failures'>,
  terminal: Terminal,
): Promise<Analysis> {
  const { run, averages } = result;
  const isComplete = run.status === 'completed' && averages !== undefined;
  const known = isComplete ? result : { ...result, averages: undefined };
  const { measures } = reportOf(known);
  const checked = run.measures.flatMap((measure) => probabilitiesOf(checks, measure));
  const find = async (
    probabilities: readonly number[],
    confidence?: number,
  ): Promise<Analysis['quantiles']> => {
    const found: Record<string, readonly Quantile[]> = {};
    const distinct = isComplete ? [...new Set(probabilities)] : [];
    for (let first = 0; first < distinct.length; first += mostAtOnce) {
      const some = distinct.slice(first, first + mostAtOnce);
      const more = await showReading(stores, terminal, undefined, (counted) =>
        quantilesOf(counted, run, some, { confidence }),
      );
      for (const [measure, each] of Object.entries(more)) {
        found[measure] = [...(found[measure] ?? []), ...each];
      }
    }
    return found;
  };
  const all = await find([...quantiles, ...checked]);
  // By the confidence of their intervals; those asked for have 95 %.
  const others = new Map([[0.95, all]]);
  for (const { figure, confidence } of checks) {
    if (typeof figure !== 'object' || confidence === undefined) continue;
    others.set(confidence, others.get(confidence) ?? (await find(checked, confidence)));
  }
  const quantileOf = (
    found: Analysis['quantiles'] | undefined,
    measure: string,
    wanted: number,
  ): Quantile => found![measure]!.find(({ probability }) => probability === wanted)!;
  return {
    quantiles: Object.fromEntries(
      Object.entries(all).map(([measure, each]) => [
        measure,
        quantiles.map((wanted) => each.find(({ probability }) => probability === wanted)!),
      ]),
    ),
    checks: checks.map((check) =>
      evaluateCheck(check, {
        measures,
        quantile: (measure, probability) => quantileOf(all, measure, probability).value,
        interval: (measure, figure, confidence) =>
          typeof figure === 'object'
            ? quantileOf(others.get(confidence), measure, figure.probability).confidenceInterval
            : intervalOfMean(measures[measure]!, confidence),
      }),
    ),
  };
}

/** Student's, as that of 95 % in the report is. */
function intervalOfMean(
  { average, standardError, count }: MeasureReport,
  confidence: number,
): readonly [number, number] | null {
  const mean = { difference: average, standardError, degreesOfFreedom: count - 1 };
  return intervalOf(mean, confidence);
}

/** The report with what was asked for, and with nothing that was not. */
export function reportWith(
  report: RunReport,
  asked: AskedAnalysis,
  { quantiles, checks }: Analysis,
): object {
  const measures = Object.entries(report.measures).map(([name, measure]): [string, unknown] => [
    name,
    measure && asked.quantiles.length > 0
      ? { ...measure, quantiles: quantiles[name] ?? null }
      : measure,
  ]);
  return {
    ...report,
    measures: Object.fromEntries(measures),
    ...(asked.checks.length > 0 && { checks }),
  };
}

/** How the checks came out, for people. */
export function rowsOfChecks(checks: readonly CheckResult[]): string[][] {
  return checks.map(({ check, holds, actual, reason }) => [
    'check',
    `${holds ? 'holds' : 'fails'}: ${check} (${reason ?? actualText(actual)})`,
  ]);
}

function actualText(actual: CheckResult['actual']): string {
  if (actual === null || typeof actual === 'number') return formatNumber(actual);
  return formatInterval(actual);
}

/**
 * The error of checks that do not hold; undefined when all do.
 * @param results with `of`, a name of what the checks are about, where there are several
 */
export function failedChecks(
  results: readonly { readonly of?: string | undefined; readonly checks: readonly CheckResult[] }[],
): CheckFailedError | undefined {
  const all = results.flatMap(({ of, checks }) => checks.map((check) => ({ of, ...check })));
  const failed = all.filter(({ holds }) => !holds);
  if (failed.length === 0) return undefined;
  const told = failed.slice(0, mostTold).map(({ of, check, actual, reason }) => {
    const about = of === undefined ? '' : `${of}: `;
    return `${about}${check} (${reason ?? actualText(actual)})`;
  });
  const more = failed.length > mostTold ? `; and ${failed.length - mostTold} more` : '';
  return new CheckFailedError(
    `${failed.length} of ${all.length} checks failed: ${told.join('; ')}${more}`,
  );
}

const mostTold = 3;
