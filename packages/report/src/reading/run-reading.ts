import {
  averagesByName,
  quantilesOf,
  reachedPrecision,
  type Average,
  type Ledger,
  type Quantile,
  type ReachedPrecision,
  type Run,
  type Stores,
} from '@stepcompute/core';
import { groupedFailures, type GroupedFailures } from './failure-groups.js';
import { HeldValues } from './held-values.js';
import { shapesOf, type Detail, type MeasureShape, type RunningPoint } from './measure-shapes.js';

/** A run's record, its account and its averages. */
export interface RunSummary {
  readonly run: Run;
  readonly ledger: Ledger;
  /** By the names of its measures; undefined while there is none. */
  readonly averages: Readonly<Record<string, Average>> | undefined;
  /** Undefined of a run without a goal, and while there is no average. */
  readonly precision: ReachedPrecision | undefined;
}

/** All that a page shows of a run. */
export interface RunReading extends RunSummary {
  readonly detail: Detail;
  /** The averages that it had before. */
  readonly earlier: readonly Average[];
  readonly failures: GroupedFailures;
  readonly measures: readonly MeasureReading[];
}

export interface MeasureReading extends MeasureShape {
  readonly name: string;
  readonly average: Average | undefined;
  /** Of a completed run alone. */
  readonly quantiles: readonly Quantile[];
}

const probabilities = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

export async function readSummary(stores: Stores, run: Run): Promise<RunSummary> {
  const average = (await stores.averages.history(run.id)).at(-1);
  const ledger = await stores.failures.ledger(run.id);
  const averages = average && averagesByName(run.measures, average);
  return { run, ledger, averages, precision: averages && reachedPrecision(run, averages) };
}

/**
 * Reads a run's values once, as far as they are held ({@link HeldValues}), and takes all that a page shows
 * from them. A run that has gone on meanwhile is read anew.
 */
export async function readRun(stores: Stores, run: Run, detail: Detail): Promise<RunReading> {
  const summary = await readSummary(stores, run);
  try {
    return await readFrom(stores, summary, detail);
  } catch (error) {
    const ledger = await stores.failures.ledger(run.id);
    if (ledger.completed === summary.ledger.completed) throw error;
    return readRun(stores, await stores.runs.get(run.id), detail);
  }
}

async function readFrom(stores: Stores, summary: RunSummary, detail: Detail): Promise<RunReading> {
  const { run, averages, ledger } = summary;
  const values = new HeldValues(stores.values);
  const size = { measures: run.measures.length, stored: ledger.completed };
  const shapes = await shapesOf(run.id, size, values, detail);
  const isComplete = run.status === 'completed' && averages !== undefined;
  const quantiles = isComplete
    ? await quantilesOf({ ...stores, values }, run, probabilities)
    : undefined;
  return {
    ...summary,
    detail,
    earlier: (await stores.averages.history(run.id)).slice(0, -1),
    failures: await groupedFailures(stores, run.id),
    measures: run.measures.map((name, place) => {
      const { running, ...shape } = shapes[place]!;
      const average = averages?.[name];
      return {
        name,
        average,
        quantiles: quantiles?.[name] ?? [],
        ...shape,
        running: average === undefined ? running : endingWith(average, running),
      };
    }),
  };
}

/** The course with the average at its end, which is exact to more digits, where both are of as many values. */
function endingWith(
  { count, mean, confidenceInterval }: Average,
  running: readonly RunningPoint[],
): readonly RunningPoint[] {
  if (running.at(-1)?.count !== count) return running;
  return [...running.slice(0, -1), { count, mean, interval: confidenceInterval }];
}
