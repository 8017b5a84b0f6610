import { InvalidInputError, RunId, type Run, type Stores } from '@stepcompute/core';
import { refuseUnknown } from '@stepcompute/core/adapters';
import { readExperiment } from './reading/experiment-reading.js';
import type { Detail } from './reading/measure-shapes.js';
import { readRun, type RunReading } from './reading/run-reading.js';
import { experimentPage } from './templates/experiment.js';
import { openPlots } from './templates/plots.js';
import { runPage } from './templates/run.js';

export interface ReportOptions {
  /** The command's option for where the runs are, such as `--db runs`: commands on the page have it. Default: none. */
  readonly place?: string | undefined;
}

export interface ExperimentReportOptions extends ReportOptions {
  /** The scenario that all others are compared with. Default: none. */
  readonly control?: string | undefined;
}

/**
 * A page for a run: one file of HTML that loads nothing, with its figures, plots and the tables behind them.
 * Of a run that is not completed it shows what there is. The values are read once, if 128 MiB hold them.
 * @throws InvalidInputError when the id is none, or an option is unknown
 * @throws RunNotFoundError
 * @throws PersistenceError
 * @example
 * await writeFile('report.html', await runReport(stores, 3));
 */
export async function runReport(
  stores: Stores,
  id: number,
  options: ReportOptions = {},
): Promise<string> {
  const { place } = refuseUnknown(options, 'options', { place: true });
  const run = await stores.runs.get(RunId.parse(id));
  const reading = await readRun(stores, run, detailOf(run.measures.length));
  return runPage(reading, { plots: openPlots(reading.detail), place });
}

/** So many measures are drawn in parts of scenarios, so that a page stays small. */
const mostDrawn = 50;

/**
 * A page for an experiment: one file of HTML that loads nothing, with its scenarios side by side and a part for
 * each of the first, up to 50 measures in all. Their values are read once, and those of all once more where they
 * are compared with a control.
 * @param runs those of its scenarios, in any order, as their store lists them
 * @throws InvalidInputError when the runs are not of one experiment, or the control is none of its scenarios
 * @throws PersistenceError
 * @example
 * const runs = await stores.runs.list({ experiment: 'strikes' });
 * const page = await experimentReport(stores, runs, { control: 'low' });
 */
export async function experimentReport(
  stores: Stores,
  runs: readonly Run[],
  options: ExperimentReportOptions = {},
): Promise<string> {
  const { control, place } = refuseUnknown(options, 'options', { control: true, place: true });
  const [first] = runs;
  const { experiment: name, experimentKey: key } = first ?? {};
  const isOfAnother = (run: Run): boolean => run.experiment !== name || run.experimentKey !== key;
  if (name === undefined || runs.some(isOfAnother)) {
    const names = [...new Set(runs.map(({ experiment }) => experiment ?? null))];
    throw new InvalidInputError('runs', 'those of one experiment, with one key', names);
  }
  const ordered = runs.toSorted((a, b) => a.id - b.id);
  const experiment = await readExperiment(stores, ordered, control);
  const shown = shownInParts(ordered);
  const detail = detailOf(shown.reduce((sum, { measures }) => sum + measures.length, 0));
  const scenarios: RunReading[] = [];
  for (const run of shown) scenarios.push(await readRun(stores, run, detail));
  return experimentPage(name, experiment, scenarios, { plots: openPlots(detail), place });
}

/** The scenarios that have a part of their own. */
function shownInParts(runs: readonly Run[]): readonly Run[] {
  let measures = 0;
  return runs.filter((run, place) => {
    measures += run.measures.length;
    return place === 0 || measures <= mostDrawn;
  });
}

/**
 * How many values the page of an experiment takes to read, if they are all there.
 * @param runs those of its scenarios
 */
export function valuesToRead(runs: readonly Run[], options: ExperimentReportOptions = {}): number {
  const valuesOf = (some: readonly Run[]): number =>
    some.reduce((sum, { repetitions }) => sum + repetitions, 0);
  return valuesOf(shownInParts(runs)) + (options.control === undefined ? 0 : valuesOf(runs));
}

const fine: Detail = { bins: 50, wholes: 101, areFine: true, points: 200, rows: 40 };
const coarse: Detail = { bins: 21, wholes: 21, areFine: false, points: 24, rows: 5 };

/** Less where there are many plots, so that a page stays small. */
function detailOf(measures: number): Detail {
  return measures <= 12 ? fine : coarse;
}
