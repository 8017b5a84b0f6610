import {
  averagesByName,
  compareRuns,
  InvalidInputError,
  isStepComputeError,
  reachedPrecision,
  reportOf,
  warningOf,
  type ComparedRuns,
  type Ledger,
  type Run,
  type RunComparison,
  type RunId,
  type RunResult,
  type Stores,
} from '@stepcompute/core';
import { isRetryable } from '@stepcompute/core/adapters';
import {
  analysisOf,
  failedChecks,
  reportWith,
  rowsOfChecks,
  type Analysis,
  type AskedAnalysis,
} from './analysis.js';
import type { Context } from './context.js';
import { ExperimentNotFoundError, ReportedError } from './errors.js';
import { figures, formatCount, formatInterval, formatNumber, quantileFigures } from './format.js';
import { showReading, valuesIn } from './reading.js';
import type { Screen } from './screen.js';
import type { Terminal } from './terminal.js';
import { formatTable } from './table.js';

/** An experiment's analysis, as it is asked for beside its scenarios' averages. */
export interface AskedOfExperiment extends AskedAnalysis {
  /** The scenario that all others are compared with. */
  readonly control: string | undefined;
}

/** A scenario's run, as its stores have it. */
export interface ScenarioRun {
  readonly scenario: string;
  readonly run: Run;
  readonly ledger: Ledger;
  /** Undefined while it has none. */
  readonly averages: RunResult['averages'] | undefined;
}

/**
 * The runs of an experiment in the order in which they were begun. Of several of one name, those of the
 * newest.
 * @throws ExperimentNotFoundError
 */
export async function runsOfExperiment(
  { runs }: Pick<Stores, 'runs'>,
  experiment: string,
): Promise<{ readonly runs: readonly Run[]; readonly others: number }> {
  const all = await allOfExperiment({ runs }, experiment);
  const { experimentKey: key } = all.at(-1)!;
  const own = all.filter(({ experimentKey }) => experimentKey === key);
  return { runs: own, others: all.length - own.length };
}

/**
 * All runs of experiments of this name, the oldest first.
 * @throws ExperimentNotFoundError
 */
export async function allOfExperiment(
  { runs }: Pick<Stores, 'runs'>,
  experiment: string,
): Promise<readonly Run[]> {
  const all = await runs.list({ experiment });
  if (all.length === 0) throw new ExperimentNotFoundError(experiment);
  return all.toReversed();
}

/** The runs as the stores have them, each under its scenario's name. */
export async function scenarioRuns(
  { failures, averages }: Pick<Stores, 'failures' | 'averages'>,
  runs: readonly Run[],
): Promise<readonly ScenarioRun[]> {
  const found: ScenarioRun[] = [];
  for (const run of runs) {
    const average = (await averages.history(run.id)).at(-1);
    found.push({
      scenario: run.scenario ?? String(run.id),
      run,
      ledger: await failures.ledger(run.id),
      averages: average && averagesByName(run.measures, average),
    });
  }
  return found;
}

/** @throws InvalidInputError when the control is none of the scenarios */
export function refuseOtherControl(
  control: string | undefined,
  scenarios: readonly string[],
): void {
  if (control === undefined || scenarios.includes(control)) return;
  const some = scenarios.slice(0, 10).join(', ');
  throw new InvalidInputError('--control', `one of the scenarios: ${some}`, control);
}

/**
 * Prints what an experiment has come to: each scenario's figures, and its differences from the control.
 * @param failed what its scenarios have failed with, where it was run
 * @throws ReportedError with all of it, when scenarios have failed, or a check does not hold
 */
export async function tellOfExperiment(
  experiment: string,
  scenarios: readonly ScenarioRun[],
  asked: AskedOfExperiment,
  stores: Stores,
  { terminal, elapsedMs }: Context,
  failed?: ReportedError,
): Promise<void> {
  const analyses: Analysis[] = [];
  for (const scenario of scenarios)
    analyses.push(await analysisOf(asked, scenario, stores, terminal));
  const { compared, lack, refusal } = await comparedWith(
    asked.control,
    scenarios,
    stores,
    terminal,
  );
  const error =
    failed?.cause ??
    refusal ??
    failedChecks(scenarios.map(({ scenario: of }, index) => ({ of, ...analyses[index]! })));
  const notes = failed?.notes ?? [];
  for (const { scenario, run, ledger, averages } of scenarios) {
    const warning = averages && warningOf({ run, ledger, averages });
    if (warning !== undefined) terminal.warn(`${scenario}: ${warning}`);
  }
  if (lack !== undefined) terminal.warn(`nothing is compared with ${asked.control}: ${lack}`);
  if (terminal.wantsJson) {
    const report = {
      experiment,
      key: scenarios[0]?.run.experimentKey ?? null,
      control: asked.control ?? null,
      scenarios: scenarios.map((each, index) => ({
        scenario: each.scenario,
        ...reportWith(reportOf(each), asked, analyses[index]!),
      })),
      ...(asked.control !== undefined && {
        comparisons: compared?.comparisons ?? [],
        rankings: compared?.rankings ?? {},
      }),
      elapsedMs: elapsedMs(),
    };
    if (error !== undefined) throw new ReportedError(error, report, notes);
    terminal.print(JSON.stringify(report));
    return;
  }
  const tables = [scenarioTable(scenarios, analyses, terminal.screen)];
  if (compared !== undefined) {
    const names = new Map(scenarios.map(({ run, scenario }) => [run.id, scenario]));
    tables.push(comparisonTable(compared.comparisons, names, terminal.screen));
  }
  const checks = scenarios.flatMap(({ scenario }, index) =>
    rowsOfChecks(analyses[index]!.checks).map(([label = '', text = '']) => [label, scenario, text]),
  );
  if (checks.length > 0) tables.push(formatTable(checks, terminal.screen));
  terminal.print(tables.join(terminal.screen.isTerminal ? '\n\n' : '\n'));
  await terminal.flush();
  if (error !== undefined) throw new ReportedError(error, {}, notes);
}

interface Compared {
  readonly compared?: ComparedRuns;
  /** Why there is nothing to compare. */
  readonly lack?: string;
  /** The error of runs that can't be compared. */
  readonly refusal?: unknown;
}

/** Of the scenarios that are completed; nothing without a control. */
async function comparedWith(
  control: string | undefined,
  scenarios: readonly ScenarioRun[],
  stores: Stores,
  terminal: Terminal,
): Promise<Compared> {
  if (control === undefined) return {};
  const completed = scenarios.filter(({ run }) => run.status === 'completed');
  const controlled = completed.find(({ scenario }) => scenario === control);
  if (controlled === undefined) return { lack: 'it is not completed' };
  if (completed.length < 2) return { lack: 'no other scenario is completed' };
  const runs = completed.map(({ run }) => run);
  try {
    const compared = await showReading(stores, terminal, valuesIn(runs), (counted) =>
      compareRuns(
        counted,
        runs.map(({ id }) => id),
        { control: controlled.run.id },
      ),
    );
    return { compared };
  } catch (error) {
    if (!isStepComputeError(error) || isRetryable(error)) throw error;
    return { refusal: error };
  }
}

/** Columns of the scenarios' table that a narrow terminal does without, the first of them first. */
const spareFigures = ['standard error', 'minimum', 'maximum', 'standard deviation'];
const spareOfRuns = ['status', 'run', 'values'];

/** A row for each scenario, those of a measure together. */
function scenarioTable(
  scenarios: readonly ScenarioRun[],
  analyses: readonly Analysis[],
  screen: Screen,
): string {
  const measures = scenarios[0]?.run.measures ?? [];
  const hasGoal = scenarios.some(({ run }) => run.precision !== undefined);
  const figuresOf = (place: number) => [...figures, ...quantileFigures(analyses[place]!.quantiles)];
  const labels = scenarios
    .map((_, place) => figuresOf(place).map(([label]) => label))
    .reduce((a, b) => (b.length > a.length ? b : a), []);
  const rows = measures.flatMap((measure) =>
    scenarios.map(({ scenario, run, ledger, averages }, place) => {
      const average = averages?.[measure];
      const known = average && figuresOf(place).map(([, textOf]) => textOf(average, measure));
      return [
        ...(measures.length > 1 ? [measure] : []),
        scenario,
        String(run.id),
        run.status,
        formatCount(ledger.completed),
        ...labels.map((_, index) => known?.[index] ?? '–'),
        ...(hasGoal ? precisionTexts(run, averages, measure) : []),
      ];
    }),
  );
  const head = [
    ...(measures.length > 1 ? ['measure'] : []),
    ...['scenario', 'run', 'status', 'values', ...labels],
    ...(hasGoal ? ['precision', 'asked for', 'look'] : []),
  ];
  const areCompleted = scenarios.every(({ run }) => run.status === 'completed');
  const intervals = labels.filter((label) => label.startsWith('interval of quantile'));
  const ofRuns = spareOfRuns.filter((label) => label !== 'status' || areCompleted);
  const spare = [...spareFigures, ...intervals, ...ofRuns];
  return formatTable(rows, screen, head, spare);
}

/** How precise the goal's measure is by now. */
function precisionTexts(
  run: Run,
  averages: ScenarioRun['averages'],
  measure: string,
): readonly string[] {
  const reached = averages && reachedPrecision(run, averages);
  if (reached?.measure !== measure) return ['–', '–', '–'];
  const { halfWidth, wanted, look, looks } = reached;
  return [`±${formatNumber(halfWidth)}`, `±${formatNumber(wanted)}`, `${look} of ${looks}`];
}

/**
 * A row for each comparison: the difference, and with what certainty there is one.
 * @param names the runs', where they have names
 */
export function comparisonTable(
  comparisons: readonly RunComparison[],
  names: ReadonlyMap<RunId, string>,
  screen: Screen,
): string {
  const isNamed = (id: RunId): string => names.get(id) ?? `run ${id}`;
  const measures = new Set(comparisons.map(({ measure }) => measure));
  const rows = comparisons.map((each) => [
    ...(measures.size > 1 ? [each.measure] : []),
    isNamed(each.run),
    isNamed(each.control),
    formatNumber(each.difference),
    formatInterval(each.simultaneousInterval),
    formatNumber(each.varianceRatio),
    each.pairs === null ? '–' : formatCount(each.pairs),
    verdictOf(each),
  ]);
  const head = ['run', 'control', 'difference', 'simultaneous 95 %'];
  head.push('variance ratio', 'pairs', 'verdict');
  // The control goes without saying where it is one.
  const areOfOne = new Set(comparisons.map(({ control }) => control)).size === 1;
  const spare = ['pairs', ...(areOfOne ? ['control'] : []), 'variance ratio'];
  return formatTable(rows, screen, measures.size > 1 ? ['measure', ...head] : head, spare);
}

function verdictOf({ difference, isDistinguishable }: RunComparison): string {
  if (!isDistinguishable) return 'not distinguishable';
  return difference > 0 ? 'higher' : 'lower';
}
