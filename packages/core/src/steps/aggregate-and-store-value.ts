import { averagesByName, type RunAverage } from '../statistics/average.js';
import { Averaging } from '../statistics/averaging.js';
import { nextLook } from '../statistics/reached-precision.js';
import { refuseIncomplete } from '../ports/refusals.js';
import type { Stores } from '../ports/stores.js';
import type { RunId } from '../run/numbers.js';
import { PersistenceError } from '../run/run-errors.js';
import type { Run } from '../run/run.js';
import { Tolerance } from '../run/tolerance.js';

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

/**
 * Averages a run's values, from however many looks at them: values are only ever added, so they are
 * all of one moment when there are as many after the last look as were seen.
 * @throws RunNotFoundError
 * @throws IncompleteRunError when an iteration has no value, unless it failed and the run tolerates as
 *   many failures; also when none has
 * @throws AverageOverflowError
 */
export async function averageOfRun(
  { values, failures }: Pick<Stores, 'values' | 'failures'>,
  { id, tolerance, measures }: Pick<Run, 'id' | 'tolerance' | 'measures'>,
): Promise<RunAverage> {
  for (let before = -1; ;) {
    const averaging = new Averaging();
    const further = measures.slice(1).map((name) => ({ name, averaging: new Averaging() }));
    for await (const { iterationIds, values: column, more } of values.scan(id)) {
      averaging.addAll(iterationIds, column);
      further.forEach(({ averaging: each }, index) => each.addAll(iterationIds, more![index]!));
    }
    const ledger = await failures.ledger(id);
    refuseIncomplete(id, ledger, Tolerance.failures(tolerance, ledger.requested));
    if (ledger.completed === averaging.count) {
      const average = averaging.average();
      if (further.length === 0) return average;
      const more = further.map(({ name, averaging: each }) => [name, each.average()] as const);
      return { ...average, more: Object.fromEntries(more) };
    }
    // More may have come behind the scan, but not fewer, and not twice none.
    if (ledger.completed < averaging.count || averaging.count === before) {
      const message = `run ${id} has ${averaging.count} values, and its ledger says ${ledger.completed}`;
      throw new PersistenceError(message, { retryable: false });
    }
    before = averaging.count;
  }
}
