import type { Average } from '../average.js';
import type { RunId } from '../run.js';
import type { Stores } from '../stores.js';

/** Step 3: averages a complete run, stores the average once, and marks the run completed. */
export class AggregateAndStoreValue {
  constructor(private readonly stores: Pick<Stores, 'runs' | 'values' | 'averages'>) {}

  /**
   * Idempotent: a repetition finds the same values, hence the same average.
   * @throws RunNotFoundError
   * @throws IncompleteRunError when an iteration has no value; no average is stored
   * @throws AverageOverflowError
   */
  async execute(id: RunId): Promise<Average> {
    const average = await this.stores.values.average(id);
    await this.stores.averages.save(id, average);
    await this.stores.runs.finish(id, 'completed');
    return average;
  }
}
