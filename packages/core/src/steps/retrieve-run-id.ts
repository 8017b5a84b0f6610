import type { CheckedSimulation } from '../execution/checked-simulation.js';
import type { Stores } from '../ports/stores.js';
import { RunId } from '../run/numbers.js';
import { refuseFewerRepetitions, refuseOwnRepetitions } from '../ports/refusals.js';
import type { RunPlan } from '../run/plan.js';
import { Precision } from '../run/precision.js';
import { RunParameters, type JsonObject } from '../run/parameters.js';
import { countOf, IterationRange } from '../run/range.js';
import {
  parseRunChange,
  parseRunRequest,
  refuseOtherRequest,
  type NewRun,
  type RunChange,
  type RunRequest,
} from '../run/request.js';

/** Step 1: allocates the run and lists what of it is to be done. */
export class RetrieveRunId {
  /**
   * @param simulation fills in and checks parameters, and is held against what a run has stored.
   *   Undefined where it is not at hand: then who generates compares
   * @param generatorName what the record says of a request that names no generator. Default: the simulation's name
   */
  constructor(
    private readonly stores: Pick<Stores, 'runs' | 'values' | 'failures'>,
    private readonly simulation?: CheckedSimulation,
    private readonly generatorName = simulation?.simulation.name,
  ) {}

  /**
   * Idempotent under the request's key: a repetition gets the run that the first delivery got, with
   * its seed, and only the iterations still missing; none of a completed one. A seed left out of the
   * repetition is not compared.
   * @param signal ends the generation of stored iterations
   * @throws InvalidInputError before anything is allocated
   * @throws ConflictingRunError when the key's run was asked for with another input, or another simulation
   * @throws ChangedSimulationError when stored iterations of the key's run come to other values
   * @throws CancelledError when the signal is aborted meanwhile
   */
  async execute(request: RunRequest, signal?: AbortSignal): Promise<RunPlan> {
    const asked = await this.parse(request);
    const run = await this.stores.runs.allocate(asked);
    refuseOtherRequest(run, asked, request);
    // One with its average answers with it, also where failures were tolerated.
    if (run.status === 'completed') return { run, missing: [] };
    // One that ended otherwise is begun again.
    if (run.status !== 'started') return this.resume(run.id, {}, undefined, signal);
    const missing = await this.stores.values.missing(run.id);
    if (countOf(missing) < run.repetitions) await this.simulation?.recheck(run, signal);
    return { run, missing };
  }

  /**
   * The run as it would be allocated.
   * @throws InvalidInputError
   */
  async parse(request: RunRequest): Promise<NewRun> {
    const { simulation } = this.simulation ?? {};
    const about = {
      name: this.generatorName,
      fingerprint: simulation?.fingerprint,
      measures: simulation?.measures,
    };
    // All else first: a schema may be dear.
    const parsed = parseRunRequest(request, about);
    if (parsed.precision !== undefined) Precision.measureOf(parsed.precision, parsed.measures);
    const parameters = await this.#parametersOf(request.parameters);
    return { ...parsed, parameters, request: { ...parsed.request, parameters } };
  }

  /** With the simulation's defaults, where it is at hand. */
  async #parametersOf(given: object = {}): Promise<JsonObject> {
    return this.simulation?.simulation.parametersOf(given) ?? RunParameters.parse(given);
  }

  /**
   * The iterations still to be done of a run that was allocated before, and may have ended: all that
   * have no value. A failed one is missing from now on. A run that has all its values is left as it is.
   * @param parameters those of a request that repeats the run's key, to be compared. Default: nothing is
   * @throws InvalidInputError when a change is not valid, or asks for fewer repetitions than the run has
   * @throws ConflictingRunError when the parameters are not the run's, once their defaults are filled in
   * @throws ChangedSimulationError when the simulation at hand is not the run's, unless it is accepted
   * @throws RunNotFoundError
   * @throws CancelledError when the signal is aborted while stored iterations are generated
   */
  async resume(
    id: number,
    change: RunChange = {},
    parameters?: object,
    signal?: AbortSignal,
  ): Promise<RunPlan> {
    const { runs, values, failures } = this.stores;
    const parsed = parseRunChange(change);
    const run = await runs.get(RunId.parse(id));
    if (parameters !== undefined) {
      const { repetitions, idempotencyKey } = run;
      const asked = { parameters: await this.#parametersOf(parameters) };
      refuseOtherRequest(run, asked, { repetitions, idempotencyKey });
    }
    refuseOwnRepetitions(run, parsed.repetitions);
    refuseFewerRepetitions(run, parsed.repetitions);
    const missing = await values.missing(run.id, [IterationRange.whole(run.repetitions)]);
    const isChanged = Object.keys(parsed).length > 0;
    if (!isChanged && missing.length === 0) return { run, missing };
    // Before anything is changed.
    const accepts = change.acceptChangedSimulation === true;
    const accepted = await this.simulation?.toAccept(run, accepts, signal);
    const reopened = await runs.reopen(run.id, { ...parsed, ...(accepted && { accepted }) });
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
