import { describeFailure } from '../execution/execution.js';
import type { IterationFailure, Stores } from '../ports/stores.js';
import type { RunId } from '../run/numbers.js';
import { iterationsOf, type IterationRange } from '../run/range.js';
import { IterationFailedError, ToleranceExceededError } from '../run/run-errors.js';
import { Tolerance } from '../run/tolerance.js';

/** So many failures are recorded at a time. */
const batchLength = 10_000;

/** Speaks for a range whose worker was lost, so that step 2 could not tell of its failure. */
export class RecordFailure {
  constructor(private readonly stores: Pick<Stores, 'runs' | 'values' | 'failures'>) {}

  /**
   * Puts every iteration of the range that has no value on record as failed. Idempotent.
   * @param error the loss, as far as it is known, with its `name`
   * @param endsRun true when the run fails with this error, whatever it tolerates. Default: false
   * @throws that error where it ends the run, once it is on record
   * @throws IterationFailedError for the range's lowest iteration without a value, when the run tolerates no failure
   * @throws ToleranceExceededError when more of the run's iterations have failed by now than it tolerates
   * @throws RunNotFoundError
   */
  async execute(id: RunId, range: IterationRange, error: Error, endsRun = false): Promise<void> {
    const { runs, values, failures } = this.stores;
    const run = await runs.get(id);
    const tolerated = Tolerance.failures(run.tolerance, run.repetitions);
    const missing = await values.missing(id, [range]);
    const [lowest] = missing;
    let standing = 0;
    let batch: IterationFailure[] = [];
    for (const iterationId of iterationsOf(missing)) {
      batch.push(describeFailure(iterationId, error, 1));
      if (batch.length < batchLength) continue;
      standing = await failures.record(id, batch);
      batch = [];
    }
    if (batch.length > 0) standing = await failures.record(id, batch);
    if (endsRun) throw error;
    if (lowest === undefined || standing <= tolerated) return;
    const cause = new IterationFailedError({ runId: id, seed: run.seed }, lowest.first, error);
    throw tolerated === 0 ? cause : new ToleranceExceededError(id, standing, tolerated, { cause });
  }
}
