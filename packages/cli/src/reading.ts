import type { IterationId, IterationValue, Run, RunId, Stores } from '@stepcompute/core';
import type { ValueColumns } from '@stepcompute/core/adapters';
import { openProgress } from './progress-display.js';
import type { Terminal } from './terminal.js';

/** Work that is over sooner, or reads fewer values, needs no display. */
const soonMs = 1000;
const fewest = 100_000;

/**
 * Shows people how many values have been read, during work that reads many.
 * @param total how many will be read; undefined where nobody knows beforehand
 * @param work with stores whose values are counted as they are read
 */
export async function showReading<S extends Pick<Stores, 'values'>, T>(
  stores: S,
  terminal: Terminal,
  total: number | undefined,
  work: (stores: S) => Promise<T>,
): Promise<T> {
  const display = openProgress(terminal);
  const startedMs = performance.now();
  let read = 0;
  const count = (values: number): void => {
    read += values;
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs < soonMs || read < fewest) return;
    const perMs = read / elapsedMs;
    const left = total === undefined || read > total ? undefined : total - read;
    display.update(
      {
        total: left === undefined ? undefined : total,
        completed: read,
        failed: 0,
        elapsedMs,
        ratePerSecond: 1000 * perMs,
        remainingMs: left === undefined ? null : left / perMs,
        runningMean: null,
        runningMargin: null,
      },
      'reading',
    );
  };
  try {
    return await work({ ...stores, values: new CountedValues(stores.values, count) });
  } finally {
    display.stop();
  }
}

/** How many values there are to be read in runs that are completed. */
export function valuesIn(runs: readonly Run[]): number {
  return runs.reduce((sum, { repetitions }) => sum + repetitions, 0);
}

type ValueStore = Stores['values'];

class CountedValues implements ValueStore {
  constructor(
    private readonly values: ValueStore,
    private readonly count: (values: number) => void,
  ) {}

  async *read(id: RunId, from?: IterationId): AsyncGenerator<readonly IterationValue[], void> {
    for await (const batch of this.values.read(id, from)) {
      this.count(batch.length);
      yield batch;
    }
  }

  async *scan(id: RunId, from?: IterationId): AsyncGenerator<ValueColumns, void> {
    for await (const columns of this.values.scan(id, from)) {
      this.count(columns.iterationIds.length);
      yield columns;
    }
  }

  write(...given: Parameters<ValueStore['write']>): Promise<void> {
    return this.values.write(...given);
  }

  missing(...given: Parameters<ValueStore['missing']>): ReturnType<ValueStore['missing']> {
    return this.values.missing(...given);
  }
}
