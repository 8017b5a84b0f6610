import {
  compareRuns,
  IncomparableRunsError,
  InvalidInputError,
  type ComparedRuns,
  type Run,
  type Stores,
} from '@stepcompute/core';
import { readSummary, type RunSummary } from './run-reading.js';

/** All that a page shows of an experiment, but for its scenarios' own parts. */
export interface ExperimentReading {
  readonly scenarios: readonly RunSummary[];
  /** Those that are shown, of all scenarios: the first ones of many. */
  readonly measures: readonly string[];
  readonly measureCount: number;
  /** The control's name; undefined where none was asked for. */
  readonly control: string | undefined;
  /** Undefined without a control, and while fewer than two scenarios with it are completed. */
  readonly compared: ComparedRuns | undefined;
  /** Why they can't be compared, as when one is of another simulation. */
  readonly refusal: string | undefined;
  readonly grid: Grid | undefined;
}

/** So many rows has the table of scenarios with their measures, so that a page stays small. */
const mostRows = 500;

/** Scenarios that are told apart by one or two of their parameters. */
export interface Grid {
  readonly parameters: readonly [string] | readonly [string, string];
  /** The parameters of each scenario, in their order. */
  readonly places: readonly (readonly GridValue[])[];
}

export type GridValue = number | string | boolean;

/**
 * Reads the runs of an experiment's scenarios.
 * @throws InvalidInputError when the control is none of them
 */
export async function readExperiment(
  stores: Stores,
  runs: readonly Run[],
  control: string | undefined,
): Promise<ExperimentReading> {
  const names = runs.map(scenarioOf);
  if (control !== undefined && !names.includes(control)) {
    const some = names.slice(0, 10).join(', ');
    throw new InvalidInputError('control', `one of the scenarios: ${some}`, control);
  }
  const scenarios: RunSummary[] = [];
  for (const run of runs) scenarios.push(await readSummary(stores, run));
  const completed = runs.filter(({ status }) => status === 'completed');
  const controlled = completed.find((run) => scenarioOf(run) === control);
  const compared =
    controlled === undefined || completed.length < 2
      ? {}
      : await comparedOrRefused(stores, completed, controlled);
  const measures = [...new Set(runs.flatMap(({ measures: own }) => own))];
  const most = Math.max(1, Math.floor(mostRows / runs.length));
  return {
    scenarios,
    measures: measures.slice(0, most),
    measureCount: measures.length,
    control,
    compared: undefined,
    refusal: undefined,
    ...compared,
    grid: gridOf(runs),
  };
}

async function comparedOrRefused(
  stores: Stores,
  runs: readonly Run[],
  control: Run,
): Promise<Partial<Pick<ExperimentReading, 'compared' | 'refusal'>>> {
  const ids = runs.map(({ id }) => id);
  try {
    return { compared: await compareRuns(stores, ids, { control: control.id }) };
  } catch (error) {
    if (!(error instanceof IncomparableRunsError)) throw error;
    return { refusal: error.message };
  }
}

export function scenarioOf({ scenario, id }: Run): string {
  return scenario ?? `run ${id}`;
}

/** Undefined unless one or two parameters vary, each place is one scenario's alone, and most have one. */
export function gridOf(runs: readonly Pick<Run, 'parameters'>[]): Grid | undefined {
  const names = [...new Set(runs.flatMap(({ parameters }) => Object.keys(parameters)))];
  const textOf = ({ parameters }: Pick<Run, 'parameters'>, name: string): string =>
    Object.hasOwn(parameters, name) ? JSON.stringify(parameters[name]) : '';
  const varying = names.filter((name) => new Set(runs.map((run) => textOf(run, name))).size > 1);
  const [first, second] = varying;
  if (first === undefined || varying.length > 2) return undefined;
  const parameters = second === undefined ? ([first] as const) : ([first, second] as const);
  const places = runs.flatMap((run) => {
    const place = parameters.map((name) => run.parameters[name]);
    return areGridValues(place) ? [place] : [];
  });
  if (places.length < runs.length) return undefined;
  if (new Set(places.map((place) => JSON.stringify(place))).size < runs.length) return undefined;
  if (second === undefined) {
    // A line goes through numbers.
    return places.every(([value]) => typeof value === 'number')
      ? { parameters, places }
      : undefined;
  }
  const sizes = parameters.map((_, axis) => new Set(places.map((place) => place[axis])).size);
  return 2 * runs.length > sizes[0]! * sizes[1]! ? { parameters, places } : undefined;
}

function areGridValues(values: readonly unknown[]): values is readonly GridValue[] {
  return values.every((value) => ['number', 'string', 'boolean'].includes(typeof value));
}
