import { ConflictingRunError } from '../errors.js';
import type { RunPlan } from '../range.js';
import {
  parseRunChange,
  parseRunRequest,
  RunId,
  type NewRun,
  type RunChange,
  type RunRequest,
} from '../run.js';
import type { Stores } from '../stores.js';

/** Step 1: allocates the run and lists what of it is to be done. */
export class RetrieveRunId {
  /** @param generatorName what the record says of a request that names no generator */
  constructor(
    private readonly stores: Pick<Stores, 'runs' | 'values' | 'failures'>,
    private readonly generatorName = 'anonymous',
  ) {}

  /**
   * Idempotent under the request's key: a repetition gets the run that the first delivery got, with
   * its seed, and only the iterations still missing; none of a completed one. A seed left out of the repetition is not compared.
   * @throws InvalidInputError before anything is allocated
   * @throws ConflictingRunError when the key's run was asked for with another input
   */
  async execute(request: RunRequest): Promise<RunPlan> {
    const asked = parseRunRequest(request, this.generatorName);
    const run = await this.stores.runs.allocate(asked);
    const compared: (keyof NewRun)[] = ['repetitions', 'delayMs', 'generatorName', 'tolerance'];
    if (request.seed !== undefined) compared.push('seed');
    for (const field of compared) {
      if (run[field] !== asked[field]) {
        throw new ConflictingRunError(
          run.id,
          asked.idempotencyKey ?? '',
          field,
          run[field],
          asked[field],
        );
      }
    }
    // What has its average answers with it, also where failures were tolerated.
    if (run.status === 'completed') return { run, missing: [] };
    // One that ended otherwise is begun again.
    if (run.status !== 'started') return this.resume(run.id);
    return { run, missing: await this.stores.values.missing(run.id) };
  }

  /**
   * What is still to be done of a run that was allocated before, and may have ended: all that has no
   * value. What had failed is missing from now on. A run that has all its values is left as it is.
   * @throws InvalidInputError when a change is not valid, or asks for fewer repetitions than the run has
   * @throws RunNotFoundError
   */
  async resume(id: number, change: RunChange = {}): Promise<RunPlan> {
    const { runs, values, failures } = this.stores;
    const parsed = parseRunChange(change);
    let run = await runs.get(RunId.parse(id));
    const isChanged = Object.values(parsed).some((value) => value !== undefined);
    if (isChanged || (await values.missing(run.id)).length > 0) {
      run = await runs.reopen(run.id, parsed);
      await failures.clear(run.id);
    }
    return { run, missing: await values.missing(run.id) };
  }
}
