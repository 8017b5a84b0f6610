import {
  averagesByName,
  Fingerprint,
  isStepComputeError,
  messageOf,
  PersistenceError,
  reportOf,
  RunParameters,
  warningOf,
  type Average,
  type IterationFailure,
  type Ledger,
  type Run,
  type RunId,
  type RunResult,
  type Stores,
} from '@stepcompute/core';
import { averageOfRun, describeVersions, type AverageFigures } from '@stepcompute/core/adapters';
import {
  analysisOf,
  failedChecks,
  reportWith,
  rowsOfChecks,
  type AskedAnalysis,
} from '../analysis.js';
import { refuseOtherMeasures } from '../checks.js';
import { declareCommand, flag, leftOut, without } from '../command.js';
import type { Context } from '../context.js';
import { withStores } from '../databases.js';
import { MismatchError, NothingToVerifyError, refuseNotOne, ReportedError } from '../errors.js';
import {
  refuseOtherControl,
  runsOfExperiment,
  scenarioRuns,
  tellOfExperiment,
  type AskedOfExperiment,
} from '../experiments.js';
import {
  formatCount,
  formatDuration,
  formatNumber,
  formatResult,
  rowsOfPrecision,
} from '../format.js';
import { drawHistogram, refuseOtherMeasure } from '../histogram.js';
import {
  analysisOptions,
  controlOption,
  databaseOption,
  experimentOption,
  histogramOption,
  jsonOption,
  onOption,
  runArgument,
  verboseOption,
} from '../options.js';
import { showReading, valuesIn } from '../reading.js';

export const showCommand = declareCommand({
  name: 'show',
  description: 'show a run, or an experiment: what was asked, what is stored, its averages',
  arguments: { id: leftOut(runArgument) },
  options: {
    experiment: experimentOption('the experiment to be shown, in place of a run'),
    control: controlOption,
    verify: without(
      flag(
        '--verify',
        'average the stored values again, and compare with the stored average to the bit',
      ),
      'experiment',
    ),
    histogram: without(histogramOption, 'experiment'),
    ...analysisOptions,
    db: databaseOption(),
    on: onOption(),
    json: jsonOption('print a JSON object'),
    verbose: verboseOption,
  },
  help: `
Examples:
  $ stepcompute show 3
  $ stepcompute show 3 --histogram delta
  $ stepcompute show --experiment strikes --control low
  $ stepcompute show 3 --quantiles 0.05,0.5,0.95 --json
  $ stepcompute show 3 --verify   # exits with 6 if values were altered after the run was averaged`,
  action: ({ id, experiment, db, on, ...asked }, context) => {
    refuseNotOne(id, experiment);
    return withStores({ db, on }, context.interruption, (stores) =>
      id === undefined
        ? showExperiment(experiment!, asked, stores, context)
        : showRun(id, asked, stores, context),
    );
  },
});

interface AskedOfRun extends AskedAnalysis {
  readonly verify: boolean;
  readonly histogram: string | undefined;
}

async function showRun(
  id: RunId,
  { verify, histogram, ...asked }: AskedOfRun,
  stores: Stores,
  { terminal }: Context,
): Promise<void> {
  const run = await stores.runs.get(id);
  refuseOtherMeasure(run.measures, histogram);
  refuseOtherMeasures(asked.checks, run.measures);
  const ledger = await stores.failures.ledger(id);
  const history = await stores.averages.history(id);
  const average = history.at(-1);
  const averages = average && averagesByName(run.measures, average);
  if (verify) {
    await showReading(stores, terminal, valuesIn([run]), (counted) =>
      verifyAverage(run, averages, counted),
    );
  }
  const analysis = await analysisOf(asked, { run, ledger, averages }, stores, terminal);
  const failed = failedChecks([analysis]);
  const report = {
    ...reportWith(reportOf({ run, ledger, averages }), asked, analysis),
    elapsedMs: elapsedOf(run),
    startedAt: run.startedAt,
    finishedAt: run.finishedAt ?? null,
    history: history.map(({ count, mean }) => ({ count, average: mean })),
    ...(verify && { verified: true }),
  };
  if (terminal.wantsJson) {
    if (failed !== undefined) throw new ReportedError(failed, report);
    terminal.print(JSON.stringify(report));
    return;
  }
  const rows = {
    before: [
      ...runRows(run, ledger, await lowestFailure(stores, id)),
      ...(average === undefined ? [] : [['averaged', formatCount(average.count)]]),
    ],
    after: [
      ...rowsOfPrecision(run, averages),
      ...earlierRows(history),
      ...(verify ? [['verified', verifiedText(average)]] : []),
      ...rowsOfChecks(analysis.checks),
    ],
  };
  terminal.print(formatResult(rows, averages ?? {}, terminal.screen, analysis.quantiles));
  const measure = histogram ?? (terminal.screen.isTerminal ? run.measures[0] : undefined);
  if (averages !== undefined && measure !== undefined) {
    const result = { run, averages };
    terminal.print(`\n${await drawHistogram(result, measure, stores, terminal)}`);
  }
  const warning = averages && warningOf({ run, ledger, averages });
  if (warning !== undefined) terminal.warn(warning);
  if (asked.quantiles.length > 0 && run.status !== 'completed') {
    terminal.warn(`run ${id} is ${run.status}: it has no quantiles before it is completed`);
  }
  if (failed !== undefined) throw failed;
}

async function showExperiment(
  name: string,
  asked: AskedOfExperiment,
  stores: Stores,
  context: Context,
): Promise<void> {
  const { runs, others } = await runsOfExperiment(stores, name);
  refuseOtherMeasures(asked.checks, runs[0]!.measures);
  const scenarios = await scenarioRuns(stores, runs);
  refuseOtherControl(
    asked.control,
    scenarios.map(({ scenario }) => scenario),
  );
  if (others > 0) {
    context.terminal.note(`${others} runs of this name are of experiments with other keys`);
  }
  await tellOfExperiment(name, scenarios, asked, stores, context);
}

function verifiedText(average: Average | undefined): string {
  return average?.method === null
    ? 'yes, to nine digits: an earlier version averaged it in another way'
    : 'yes, to the bit';
}

/** The figures of an average that are independent of each other. */
type Figure = Exclude<keyof AverageFigures, 'method'>;

const figures = Object.keys({
  count: true,
  mean: true,
  standardDeviation: true,
  minimum: true,
  maximum: true,
} satisfies Record<Figure, true>) as Figure[];

/**
 * Averages the stored values again.
 * @throws NothingToVerifyError when the run has no average, or was extended since and is not complete
 * @throws MismatchError when the stored average is not the one that the values come to
 */
async function verifyAverage(
  run: Run,
  stored: RunResult['averages'] | undefined,
  stores: Pick<Stores, 'values' | 'failures'>,
): Promise<void> {
  const { id, status, measures } = run;
  if (status !== 'completed' || stored === undefined) {
    const lack = stored === undefined ? 'has no average' : 'has no average of all its repetitions';
    throw new NothingToVerifyError(`run ${id} ${lack} yet: there is nothing to verify`);
  }
  const again = await averageOfRun(stores, run).catch((cause: unknown) => {
    throw isRefusal(cause)
      ? new MismatchError(
          `run ${id} has an average, but its values can no longer be averaged: ${messageOf(cause)}`,
          { cause },
        )
      : cause;
  });
  for (const [measure, average] of Object.entries(averagesByName(measures, again))) {
    const kept = stored[measure];
    const isSame =
      average.method === kept?.method
        ? Object.is
        : (a: number | null, b: number | null) => areClose(a, b, average);
    const differing = figures.find(
      (figure) => kept === undefined || !isSame(average[figure], kept[figure]),
    );
    if (differing === undefined) continue;
    const of = measures.length === 1 ? '' : ` of ${measure}`;
    throw new MismatchError(
      `run ${id}'s values do not come to its stored average: the ${differing}${of} stored is ` +
        `${kept?.[differing]}, and that of the values is ${average[differing]}`,
    );
  }
}

/** As close as averages are that were taken in different ways: nine digits of the values' greatest. */
function areClose(a: number | null, b: number | null, { minimum, maximum }: Average): boolean {
  if (a === null || b === null) return a === b;
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(minimum), Math.abs(maximum));
}

/** Tells a store's refusal to average the values that it holds from a fault of the store. */
function isRefusal(error: unknown): boolean {
  return (
    isStepComputeError(error) &&
    (error.code === 'INCOMPLETE_RUN' ||
      error.code === 'AVERAGE_OVERFLOW' ||
      (error instanceof PersistenceError && error.cause === undefined && !error.retryable))
  );
}

async function lowestFailure(
  { failures }: Stores,
  id: RunId,
): Promise<IterationFailure | undefined> {
  for await (const [lowest] of failures.read(id)) return lowest;
  return undefined;
}

function runRows(run: Run, ledger: Ledger, lowest: IterationFailure | undefined): string[][] {
  const elapsed = elapsedOf(run);
  return [
    ['run', String(run.id)],
    ['status', run.status],
    ...(run.label === undefined ? [] : [['label', run.label]]),
    ...(run.experiment === undefined ? [] : [['experiment', run.experiment]]),
    ...(run.scenario === undefined ? [] : [['scenario', run.scenario]]),
    ['simulation', run.generatorName],
    ...run.simulation.map((accepted, code) => [
      code === 0 ? 'code' : `accepted code ${code}`,
      Fingerprint.describeOrigin(accepted),
    ]),
    ['parameters', RunParameters.text(run.parameters)],
    ['seed', String(run.seed)],
    ['delay', formatDuration(run.delayMs)],
    ['tolerance', run.tolerance],
    ['begun with', describeVersions(run.versions)],
    ['started', run.startedAt.toISOString()],
    ['elapsed', elapsed === null ? '–' : formatDuration(elapsed)],
    ['requested', formatCount(ledger.requested)],
    ['completed', formatCount(ledger.completed)],
    ['failed', formatCount(ledger.failed)],
    ['missing', formatCount(ledger.missing)],
    ...(ledger.changed === undefined ? [] : [['of accepted code', formatCount(ledger.changed)]]),
    ...(lowest === undefined
      ? []
      : [['failure', `iteration ${lowest.iterationId}: ${lowest.message}`]]),
  ];
}

/** The averages before the one that counts. */
function earlierRows(history: readonly Average[]): string[][] {
  return history
    .slice(0, -1)
    .map(({ count, mean, standardError }) => [
      'earlier average',
      `${formatNumber(mean, standardError)} over ${formatCount(count)}`,
    ]);
}

function elapsedOf(run: Run): number | null {
  return run.finishedAt === undefined ? null : run.finishedAt.getTime() - run.startedAt.getTime();
}
