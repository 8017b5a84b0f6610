import pLimit from 'p-limit';
import { Places, type Ahead } from './ahead.js';
import type { HistoryWriter } from './history.js';
import type { MapRunEnd } from './map-run.js';
import type { IterationProgress, MapProgress } from './progress.js';

/** AWS runs no more iterations of an inline Map at a time. */
const mostInline = 40;

export interface InlineMap {
  readonly name: string;
  readonly inputs: readonly unknown[];
  /** 0 is AWS’s word for no limit of one's own. */
  readonly maxConcurrency: number;
  readonly previousEvent: number;
  readonly progress: MapProgress;
  readonly history: HistoryWriter;
  readonly ahead: Ahead;
  readonly newIteration: (
    index: number,
    previousEvent: number,
    progress: IterationProgress,
    signal: AbortSignal,
    ahead: Ahead,
  ) => Iteration;
}

export interface Iteration {
  readonly run: (input: unknown) => Promise<unknown>;
  readonly lastEvent: number;
}

/** Runs a Map's items within the execution's own history, but for those that have succeeded before. */
export async function runInline(map: InlineMap, whole: AbortSignal): Promise<MapRunEnd> {
  const { name, inputs, maxConcurrency, previousEvent, progress, history, ahead, newIteration } =
    map;
  const { iterations } = progress;
  const atOnce = maxConcurrency === 0 ? mostInline : Math.min(maxConcurrency, mostInline);
  const limit = pLimit(atOnce);
  const places = new Places(ahead, atOnce);
  const stop = new AbortController();
  const signal = AbortSignal.any([whole, stop.signal]);
  const isStopped = (): boolean => signal.aborted;
  let lastEvent = previousEvent;
  let failure: Error | undefined;
  const iterate = async (input: unknown, index: number, branch: Ahead): Promise<unknown> => {
    if (isStopped()) return undefined;
    const known = iterations[index];
    if (known?.hasSucceeded === true) return known.end?.output;
    const own: IterationProgress = known ?? {};
    iterations[index] = own;
    const details = { name, index };
    const first =
      known === undefined
        ? history.add(previousEvent, 'MapIterationStarted', {
            mapIterationStartedEventDetails: details,
          })
        : previousEvent;
    const iteration = newIteration(index, first, own, signal, branch);
    try {
      const output = await iteration.run(input);
      if (history.isOpen) own.hasSucceeded = true;
      lastEvent = history.add(iteration.lastEvent, 'MapIterationSucceeded', {
        mapIterationSucceededEventDetails: details,
      });
      return output;
    } catch (error) {
      // The first to fail ends the others, whose end is no failure of theirs.
      const hasFailed = !isStopped();
      stop.abort();
      const end = hasFailed ? 'Failed' : 'Aborted';
      const id = history.add(iteration.lastEvent, `MapIteration${end}`, {
        [`mapIteration${end}EventDetails`]: details,
      });
      if (hasFailed) lastEvent = id;
      throw error;
    }
  };
  // All have ended when the Map has, whichever failed first.
  const outputs = await Promise.all(
    inputs.map((input, index) =>
      limit(() => places.run((branch) => iterate(input, index, branch))).catch((error: unknown) => {
        failure ??= error as Error;
      }),
    ),
  );
  places.join();
  return { outputs, lastEvent, failure };
}
