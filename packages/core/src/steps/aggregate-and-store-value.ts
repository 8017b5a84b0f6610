import type { Average } from '../averaging/average.js';
import type { Stores } from '../ports/stores.js';
import type { RunId } from '../run/numbers.js';

/** Step 3: averages a run that is done, stores the average once, and marks the run completed. */
export class AggregateAndStoreValue {
  constructor(private readonly stores: Pick<Stores, 'runs' | 'values' | 'averages'>) {}

  /**
   * Idempotent: a repetition finds the same values, hence the same average.
   * @throws RunNotFoundError
   * @throws IncompleteRunError when an iteration has no value, unless it failed and the run tolerates
   *   as many failures; no average is stored
   * @throws AverageOverflowError
   */
  async execute(id: RunId): Promise<Average> {
    // Before the average: if the run is extended meanwhile, this is not its end.
    const run = await this.stores.runs.get(id);
    const average = await this.stores.values.average(id);
    await this.stores.averages.save(id, average);
    await this.stores.runs.finish(run, 'completed');
    return average;
  }
}
