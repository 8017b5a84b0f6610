import { averageOfRun } from '../analysis/average-of-run.js';
import { averagesByName, type RunAverage } from '../statistics/average.js';
import { nextLook } from '../statistics/reached-precision.js';
import type { Stores } from '../ports/stores.js';
import type { RunId } from '../run/numbers.js';
import type { Run } from '../run/run.js';

/**
 * Step 3: averages a run that is done, stores the average once, and marks the run completed; or has it go on
 * to its next look, when it is to become more precise.
 */
export class AggregateAndStoreValue {
  constructor(private readonly stores: Stores) {}

  /**
   * Idempotent: a repetition finds the same values, hence the same average.
   * @param look how many repetitions are to be averaged: of a run that has gone on since, the average is the
   *   one stored. Default: the run's
   * @throws RunNotFoundError
   * @throws IncompleteRunError when an iteration has no value, unless it failed and the run tolerates
   *   as many failures; no average is stored
   * @throws AverageOverflowError
   */
  async execute(id: RunId, look?: number): Promise<RunAverage> {
    const { runs, averages } = this.stores;
    // Before the average: if the run is extended meanwhile, this is not its end.
    const run = await runs.get(id);
    const taken = await this.#taken(run, look);
    if (taken !== undefined) return taken;
    const average = await averages.save(id, await averageOfRun(this.stores, run));
    const repetitions = nextLook(run, averagesByName(run.measures, average));
    if (repetitions === undefined) await runs.finish(run, 'completed');
    else await runs.reopen(id, { repetitions }, run);
    return average;
  }

  /** The average of a look that a run with a goal was taken beyond. */
  async #taken(run: Run, look: number = run.repetitions): Promise<RunAverage | undefined> {
    if (run.precision === undefined || look >= run.repetitions) return undefined;
    const history = await this.stores.averages.history(run.id);
    return history.filter(({ count }) => count <= look).at(-1);
  }
}
