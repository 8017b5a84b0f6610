import { ConflictingRunError } from '../errors.js';
import type { RunPlan } from '../range.js';
import { parseRunRequest, type NewRun, type Run, type RunId, type RunRequest } from '../run.js';
import type { Stores } from '../stores.js';

/** Step 1: allocates the run and lists what of it is to be done. */
export class RetrieveRunId {
  /** @param generatorName what the record says of a request that names no generator */
  constructor(
    private readonly stores: Pick<Stores, 'runs' | 'values'>,
    private readonly generatorName = 'anonymous',
  ) {}

  /**
   * Idempotent under the request's key: a repetition gets the run that the first delivery got, with
   * its seed, and only the iterations still missing. A seed left out of the repetition is not compared.
   * @throws InvalidInputError before anything is allocated
   * @throws ConflictingRunError when the key's run was asked for with another input
   */
  async execute(request: RunRequest): Promise<RunPlan> {
    const asked = parseRunRequest(request, this.generatorName);
    const run = await this.stores.runs.allocate(asked);
    const compared: (keyof NewRun)[] = ['repetitions', 'delayMs', 'generatorName'];
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
    return this.#planOf(run);
  }

  /**
   * What is still to be done of a run that was allocated before.
   * @throws RunNotFoundError
   */
  async resume(id: RunId): Promise<RunPlan> {
    return this.#planOf(await this.stores.runs.get(id));
  }

  async #planOf(run: Run): Promise<RunPlan> {
    return { run, missing: await this.stores.values.missing(run.id) };
  }
}
