import type { Stores } from '../ports/stores.js';
import { RunId } from '../run/numbers.js';
import type { RunPlan } from '../run/plan.js';
import { IterationRange } from '../run/range.js';
import {
  parseRunChange,
  parseRunRequest,
  refuseOtherRequest,
  type RunChange,
  type RunRequest,
} from '../run/request.js';

/** Step 1: allocates the run and lists what of it is to be done. */
export class RetrieveRunId {
  /** @param generatorName what the record says of a request that names no generator */
  constructor(
    private readonly stores: Pick<Stores, 'runs' | 'values' | 'failures'>,
    private readonly generatorName = 'anonymous',
  ) {}

  /**
   * Idempotent under the request's key: a repetition gets the run that the first delivery got, with
   * its seed, and only the iterations still missing; none of a completed one. A seed left out of the
   * repetition is not compared.
   * @throws InvalidInputError before anything is allocated
   * @throws ConflictingRunError when the key's run was asked for with another input
   */
  async execute(request: RunRequest): Promise<RunPlan> {
    const asked = parseRunRequest(request, this.generatorName);
    const run = await this.stores.runs.allocate(asked);
    refuseOtherRequest(run, asked, request);
    // One with its average answers with it, also where failures were tolerated.
    if (run.status === 'completed') return { run, missing: [] };
    // One that ended otherwise is begun again.
    if (run.status !== 'started') return this.resume(run.id);
    return { run, missing: await this.stores.values.missing(run.id) };
  }

  /**
   * The iterations still to be done of a run that was allocated before, and may have ended: all that
   * have no value. A failed one is missing from now on. A run that has all its values is left as it is.
   * @throws InvalidInputError when a change is not valid, or asks for fewer repetitions than the run has
   * @throws RunNotFoundError
   */
  async resume(id: number, change: RunChange = {}): Promise<RunPlan> {
    const { runs, values, failures } = this.stores;
    const parsed = parseRunChange(change);
    const run = await runs.get(RunId.parse(id));
    const missing = await values.missing(run.id, [IterationRange.whole(run.repetitions)]);
    const isChanged = Object.keys(parsed).length > 0;
    if (!isChanged && missing.length === 0) return { run, missing };
    const reopened = await runs.reopen(run.id, parsed);
    await failures.clear(run.id);
    return { run: reopened, missing: extended(missing, run.repetitions, reopened.repetitions) };
  }
}

/** The missing ranges of a run that had fewer repetitions when they were listed. */
function extended(
  missing: readonly IterationRange[],
  before: number,
  now: number,
): readonly IterationRange[] {
  const last = missing.at(-1);
  const isOpen = last !== undefined && last.first + last.count === before;
  const added = IterationRange.between(isOpen ? last.first : before, now);
  return added === undefined ? missing : [...missing.slice(0, isOpen ? -1 : undefined), added];
}
