import type { MapRun } from './map-run.js';

/** How far a run of states has come, which is where a redrive goes on. */
export interface Progress {
  /** The state that is entered and not left. */
  current?: CurrentState;
  /** The last state's output, once that is left. */
  end?: { readonly output: unknown };
}

interface CurrentState {
  readonly name: string;
  readonly input: unknown;
  /** Where the state is a Map, and has begun with its items. */
  map?: MapProgress;
}

export interface MapProgress {
  /** Of an inline Map: its iterations by index, as far as they have been started. */
  readonly iterations: (IterationProgress | undefined)[];
  /** Of a Distributed Map. */
  run?: MapRun;
}

export interface IterationProgress extends Progress {
  hasSucceeded?: boolean;
}
