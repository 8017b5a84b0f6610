import { isStepComputeError } from '../errors/base.js';
import { InvalidInputError } from '../errors/invalid-input-error.js';
import { refuseUnknown, type FieldNames } from '../errors/unknown-fields.js';
import type { Orchestrator, Progress, RunOptions, RunResult } from '../ports/orchestrator.js';
import type { Stores } from '../ports/stores.js';
import { IterationId, parseInteger, Repetitions, Seed } from '../run/numbers.js';
import { RunParameters, type JsonObject } from '../run/parameters.js';
import {
  parseRunRequest,
  refuseOtherRequest,
  requestFields,
  type RunRequest,
} from '../run/request.js';
import {
  ChangedDesignError,
  ConflictingRunError,
  ScenariosFailedError,
  type FailedScenario,
} from '../run/run-errors.js';
import type { Run } from '../run/run.js';
import { FirstBlock, RandomStream } from '../simulation/random-stream.js';

/** A name with parameters, which becomes a run of its own. */
export interface Scenario {
  /** 1 … 100 characters, of no other scenario of the experiment. */
  readonly name: string;
  /** Default: the simulation's own. */
  readonly parameters?: object | undefined;
}

/** What is asked of each scenario's run, and by what they differ. */
export interface ExperimentRequest extends Omit<
  RunRequest,
  'parameters' | 'idempotencyKey' | 'experiment' | 'experimentKey' | 'scenario'
> {
  /** For the records of its runs; 1 … 100 characters. */
  readonly name: string;
  /**
   * Makes the experiment safe to repeat: under the same key its runs are the same, and only what is missing of
   * them is done. More repetitions extend them, further scenarios are added; any other change is refused.
   * Default: the name.
   */
  readonly key?: string | undefined;
  /** 1 … 1,000 of them. */
  readonly scenarios: readonly Scenario[];
  /**
   * False: all scenarios draw the same random numbers from one seed, so that their differences are more precise
   * than the means themselves. True: each has a seed of its own, drawn from the seed and its name.
   * @default false
   */
  readonly independent?: boolean | undefined;
}

export interface ExperimentOptions {
  readonly signal?: AbortSignal | undefined;
  /** As {@link RunOptions} has it, with the scenario's name. */
  readonly onProgress?: ((progress: Progress, scenario: string) => unknown) | undefined;
}

/** The result of a scenario's run, under the scenario's name. */
export interface ScenarioResult extends RunResult {
  readonly scenario: string;
}

export interface ExperimentProps {
  readonly orchestrator: Orchestrator;
  /** Those that the orchestrator works on. */
  readonly stores: Pick<Stores, 'runs'>;
  /**
   * How many scenarios are worked on at a time: more than one where each leaves the engine idle.
   * @default 1
   */
  readonly concurrency?: number | undefined;
}

const propsFields: FieldNames<ExperimentProps> = {
  orchestrator: true,
  stores: true,
  concurrency: true,
};

const ownFields: FieldNames<Pick<ExperimentRequest, 'name' | 'key' | 'scenarios' | 'independent'>> =
  {
    name: true,
    key: true,
    scenarios: true,
    independent: true,
  };

/** Those that an experiment gives its runs itself. */
const givenFields = ['parameters', 'idempotencyKey', 'experiment', 'experimentKey', 'scenario'];

const requestNames = {
  ...ownFields,
  ...Object.fromEntries(
    Object.keys(requestFields).flatMap((field) =>
      givenFields.includes(field) ? [] : [[field, true as const]],
    ),
  ),
} as FieldNames<ExperimentRequest>;

const scenarioFields: FieldNames<Scenario> = { name: true, parameters: true };

const mostScenarios = 1000;

/**
 * The runs of several scenarios under one name, which their records carry: there is no other record of an
 * experiment.
 * @example
 * const experiment = new Experiment({ orchestrator, stores });
 * const results = await experiment.run({
 *   name: 'strikes',
 *   repetitions: 10_000,
 *   seed: 42,
 *   scenarios: [90, 100, 110].map((strike) => ({ name: `strike ${strike}`, parameters: { strike } })),
 * });
 */
export class Experiment {
  readonly #orchestrator: Orchestrator;
  readonly #runs: Stores['runs'];
  readonly #concurrency: number;

  /** @throws InvalidInputError when a property is not valid, or there is no such property */
  constructor(props: ExperimentProps) {
    refuseUnknown(props, 'properties', propsFields);
    this.#orchestrator = props.orchestrator;
    this.#runs = props.stores.runs;
    this.#concurrency = parseInteger(props.concurrency ?? 1, 'concurrency', 1, Repetitions.maximum);
  }

  /**
   * Takes every scenario's run to its average. A scenario that fails ends no other.
   * @returns the results in the scenarios' order
   * @throws InvalidInputError, ChangedDesignError before anything is done
   * @throws ScenariosFailedError when scenarios have failed, once all have ended
   * @throws CancelledError when the signal was aborted
   * @throws as {@link Orchestrator.run} does, where no other scenario would fare better
   */
  async run(
    request: ExperimentRequest,
    options: ExperimentOptions = {},
  ): Promise<readonly ScenarioResult[]> {
    refuseUnknown(options, 'options', { signal: true, onProgress: true });
    const design = parseDesign(request);
    const begun = await this.#begun(design);
    const seed = design.seed ?? [...begun.values()][0]?.seed ?? Seed.random();
    const asked = design.scenarios.map((scenario) => requestOf(design, scenario, seed));
    refuseChangedDesign(design, asked, begun);
    const results: ScenarioResult[] = [];
    const failures: FailedScenario[] = [];
    // What no other scenario would escape ends them all; what is completed of the others stays.
    const ending = new AbortController();
    const end = (): void => ending.abort(options.signal?.reason);
    if (options.signal?.aborted === true) end();
    options.signal?.addEventListener('abort', end, { once: true });
    let fatal: { readonly error: unknown } | undefined;
    // Those begun first: where they refuse another simulation, no new one has been begun with it.
    const isNew = ({ scenario }: ScenarioRequest): number => Number(!begun.has(scenario));
    const rest = [...asked.entries()].sort(([, a], [, b]) => isNew(a) - isNew(b)).values();
    const lane = async (): Promise<void> => {
      for (const [index, each] of rest) {
        const { scenario } = each;
        try {
          const result = await this.#runOf(each, begun.get(scenario), {
            signal: ending.signal,
            onProgress: (progress) => options.onProgress?.(progress, scenario),
          });
          results[index] = { scenario, ...result };
        } catch (error) {
          if (isOfOneRun(error)) failures[index] = { scenario, error };
          else {
            fatal ??= { error };
            ending.abort(error);
            return;
          }
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#concurrency, asked.length) }, lane));
    options.signal?.removeEventListener('abort', end);
    if (fatal !== undefined) throw fatal.error;
    const failed = Object.values(failures);
    if (failed.length > 0) throw new ScenariosFailedError(design.name, failed, asked.length);
    return results;
  }

  /** The runs that the experiment has already, by their scenarios. */
  async #begun({ name, key }: Design): Promise<ReadonlyMap<string, Run>> {
    const runs = await this.#runs.list({ experiment: name });
    return new Map(
      runs
        .filter(({ experimentKey }) => experimentKey === key)
        .map((run) => [run.scenario ?? '', run]),
    );
  }

  /** Begins the run, or takes it up, and extends it to the repetitions that are asked for now. */
  async #runOf(
    asked: ScenarioRequest,
    begun: Run | undefined,
    options: RunOptions,
  ): Promise<RunResult> {
    const { repetitions } = asked;
    const first = begun?.request.repetitions ?? repetitions;
    const result = await this.#orchestrator.run({ ...asked, repetitions: first }, options);
    return asked.precision !== undefined || result.run.repetitions >= repetitions
      ? result
      : this.#orchestrator.resume(result.run.id, { repetitions }, options);
  }
}

interface Design extends ExperimentRequest {
  readonly key: string;
  readonly seed: Seed | undefined;
}

type ScenarioRequest = RunRequest & { readonly scenario: string; readonly parameters: JsonObject };

function parseDesign(request: ExperimentRequest): Design {
  refuseUnknown(request, 'experiment', requestNames);
  const { scenarios, key = request.name } = request;
  const independent: unknown = request.independent;
  if (independent !== undefined && typeof independent !== 'boolean') {
    throw new InvalidInputError('independent', 'true or false', independent);
  }
  if (!Array.isArray(scenarios) || scenarios.length < 1 || scenarios.length > mostScenarios) {
    throw new InvalidInputError(
      'scenarios',
      `an array of 1 to ${mostScenarios} scenarios`,
      scenarios,
    );
  }
  requestFields.experiment.parse(given(request.name));
  requestFields.experimentKey.parse(key);
  const names = new Set<string>();
  for (const scenario of scenarios) {
    if (typeof scenario !== 'object' || scenario === null) {
      throw new InvalidInputError('scenario', 'an object {name, parameters?}', scenario);
    }
    const { name } = refuseUnknown(scenario as Scenario, 'scenario', scenarioFields);
    requestFields.scenario.parse(given(name));
    if (names.has(name)) {
      throw new InvalidInputError('scenarios', 'names that differ from each other', name);
    }
    names.add(name);
  }
  return {
    ...request,
    key,
    seed: request.seed === undefined ? undefined : Seed.parse(request.seed),
  };
}

/** A name that is left out, which fields of a request may be, is refused. */
function given(name: unknown): unknown {
  return name ?? '';
}

/** @param common the seed of all scenarios, unless they are independent */
function requestOf(
  design: Design,
  { name, parameters = {} }: Scenario,
  common: Seed,
): ScenarioRequest {
  const { name: experiment, key, scenarios: _, independent = false, ...request } = design;
  // Without a seed of the experiment, each run chooses its own.
  const own = design.seed === undefined ? undefined : seedOf(design.seed, name);
  const seed = independent ? own : common;
  const asked = {
    ...request,
    seed,
    parameters: RunParameters.parse(parameters, `parameters of scenario ${name}`),
    experiment,
    experimentKey: key,
    scenario: name,
    // None of them holds a line's end.
    idempotencyKey: [experiment, key, name].join('\n'),
  };
  // Before anything is done.
  parseRunRequest(asked);
  return asked;
}

/**
 * A scenario's own seed: from the experiment's, through a draw for each UTF-16 code unit of its name.
 * See docs/random-stream.md.
 */
function seedOf(seed: Seed, name: string): Seed {
  let own = seed;
  for (let at = 0; at < name.length; at += 1) {
    const unit = IterationId.parse(name.charCodeAt(at));
    own = (new RandomStream(own, unit, FirstBlock.scenario).uniform() * 2 ** 53) as Seed;
  }
  return own;
}

/** @throws ChangedDesignError when the runs that there are were asked for in another way, but for what may grow */
function refuseChangedDesign(
  { name }: Design,
  asked: readonly ScenarioRequest[],
  begun: ReadonlyMap<string, Run>,
): void {
  const differences = asked.flatMap((request) => {
    const run = begun.get(request.scenario);
    const difference = run && differenceOf(request, run);
    return difference === undefined ? [] : [`scenario ${request.scenario}: ${difference}`];
  });
  const names = new Set(asked.map(({ scenario }) => scenario));
  const missing = [...begun.keys()].filter((scenario) => !names.has(scenario));
  differences.push(...missing.map((scenario) => `scenario ${scenario} is not in it any more`));
  if (differences.length > 0) throw new ChangedDesignError(name, differences);
}

function differenceOf(request: ScenarioRequest, run: Run): string | undefined {
  const { precision, repetitions } = request;
  if (precision === undefined && repetitions < run.repetitions) {
    return `run ${run.id} has ${run.repetitions} repetitions, not ${repetitions}`;
  }
  for (const [parameter, value] of Object.entries(request.parameters)) {
    const [kept, given] = [run.parameters[parameter], value].map((each) =>
      each === undefined ? 'not given' : RunParameters.text({ [parameter]: each }).slice(1, -1),
    );
    if (kept !== given) return `run ${run.id} has ${kept}, not ${given}`;
  }
  const first = precision === undefined ? run.request.repetitions : repetitions;
  const same = { ...request, repetitions: first };
  // The simulation fills in parameters that are left out, and names itself; a deployment has its own delay.
  const { parameters: _, generatorName, delayMs, ...asked } = parseRunRequest(same);
  const given = {
    ...(request.generatorName !== undefined && { generatorName }),
    ...(request.delayMs !== undefined && { delayMs }),
  };
  const { request: __, simulation: ___, measures: ____, versions: _____, ...fields } = asked;
  try {
    refuseOtherRequest(run, { ...fields, ...given }, same);
  } catch (error) {
    if (!(error instanceof ConflictingRunError)) throw error;
    return `run ${run.id} has another ${error.field}`;
  }
  return undefined;
}

/** True of an error that other scenarios need not meet. */
function isOfOneRun(error: unknown): boolean {
  const codes = ['ITERATION_FAILED', 'TOLERANCE_EXCEEDED', 'AVERAGE_OVERFLOW', 'STEP_FAILED'];
  return isStepComputeError(error) && codes.includes(error.code);
}
