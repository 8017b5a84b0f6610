import { InvalidInputError } from '../errors/invalid-input-error.js';
import { refuseUnknown, type FieldNames } from '../errors/unknown-fields.js';
import { CheckedSimulation, type CheckSettings } from '../execution/checked-simulation.js';
import { Execution, type ExecutionSettings } from '../execution/execution.js';
import { Retries, type RetryPolicy } from '../execution/retries.js';
import { guarded, type Observer } from '../ports/observer.js';
import type { Executor, RunOptions } from '../ports/orchestrator.js';
import type { Stores, ValueStore } from '../ports/stores.js';
import { Milliseconds, parseInteger, Repetitions } from '../run/numbers.js';
import { Fingerprint } from '../run/fingerprint.js';
import type { RunPlan } from '../run/plan.js';
import { countOf } from '../run/range.js';
import { parseSimulation, type AnySimulation } from '../simulation/simulation.js';
import type { Clock } from '../time/clock.js';
import { SystemClock } from '../time/system-clock.js';

/** The source document's stated aim: a thousand iterations in parallel. */
const defaultConcurrency = 1000;

/** How step 2 goes about its iterations. */
export interface WriteToDbSettings {
  /**
   * The most iterations in flight at a time, generating or waiting. They overlap while they wait;
   * computation itself stays on one thread. Default: 1,000.
   */
  readonly concurrency?: number | undefined;
  /**
   * The longest that one call of an asynchronous generator may take, in milliseconds; the delay does
   * not count. Default: none.
   */
  readonly timeoutMs?: number | undefined;
  /** When an iteration that failed is tried again. Default: never. */
  readonly retry?: RetryPolicy | undefined;
  /**
   * Tells the simulation's code from other code: a release, a commit. A run goes on with code of the
   * version that it was begun with, and refuses other code. Default: nothing tells.
   */
  readonly simulationVersion?: string | Fingerprint | undefined;
  /**
   * The stored iterations that are generated again and compared, before a run is gone on with: true,
   * one, or three where no version tells that the code is the same; false, none.
   * @default those three
   */
  readonly checkStored?: boolean | undefined;
  /** Sees each attempt, retry, failure and batch, and of an orchestrator the run and its end. Default: nobody. */
  readonly observer?: Observer | undefined;
}

export const settingsFields: FieldNames<WriteToDbSettings> = {
  concurrency: true,
  timeoutMs: true,
  retry: true,
  simulationVersion: true,
  checkStored: true,
  observer: true,
};

export const WriteToDbSettings = {
  /** @throws InvalidInputError when a setting is out of range, or there is no such setting */
  check: (settings: WriteToDbSettings): void => {
    parse(settings, new SystemClock());
  },
} as const;

/** The settings with their defaults filled in. */
function parse(
  settings: WriteToDbSettings,
  clock: Clock,
): ExecutionSettings & Pick<CheckSettings, 'checkStored'> {
  refuseUnknown(settings, 'settings', settingsFields);
  const { concurrency = defaultConcurrency, timeoutMs, retry, simulationVersion } = settings;
  const { checkStored, observer } = settings;
  if (simulationVersion !== undefined) Fingerprint.parse(simulationVersion);
  if (checkStored !== undefined && typeof checkStored !== 'boolean') {
    throw new InvalidInputError('checkStored', 'true or false', checkStored);
  }
  if (observer !== undefined && typeof observer !== 'function') {
    throw new InvalidInputError('observer', 'a function (event) => void', observer);
  }
  return {
    concurrency: parseInteger(concurrency, 'concurrency', 1, Repetitions.maximum),
    timeoutMs: timeoutMs === undefined ? undefined : Milliseconds.parse(timeoutMs, 'timeout', 1),
    retries: new Retries(retry),
    checkStored,
    observer: guarded(observer),
    clock,
  };
}

/**
 * The simulation, checked by the settings that step 2 goes by.
 * @throws InvalidInputError when it is none, or a setting is out of range
 */
export function checkedSimulation(
  simulation: AnySimulation,
  values: ValueStore,
  clock: Clock,
  settings: WriteToDbSettings,
): CheckedSimulation {
  const parsed = parseSimulation(simulation, settings.simulationVersion);
  return new CheckedSimulation(parsed, values, parse(settings, clock));
}

/** Step 2: for each missing iteration, generates its value, waits the run's delay, and stores it. */
export class WriteToDb implements Executor {
  readonly #simulation: CheckedSimulation;
  readonly #settings: ExecutionSettings;

  /** @throws InvalidInputError when there is no such simulation, or a setting is out of range */
  constructor(
    simulation: AnySimulation,
    private readonly stores: Pick<Stores, 'values' | 'failures'>,
    clock: Clock = new SystemClock(),
    settings: WriteToDbSettings = {},
  ) {
    this.#simulation = checkedSimulation(simulation, stores.values, clock, settings);
    this.#settings = parse(settings, clock);
  }

  /**
   * The first failure beyond those that the run tolerates, counted over the whole run, stops new work
   * and aborts what is in flight; values completed by then are kept. A generator that ignores its
   * signal is abandoned: a late answer has no effect.
   * @throws ChangedSimulationError when something is missing, and the run was begun with another
   *   simulation than this one
   * @throws as {@link Executor.execute} says
   */
  async execute(plan: RunPlan, options: RunOptions = {}): Promise<void> {
    const { observer, clock } = this.#settings;
    const { run, missing, block } = plan;
    if (observer === undefined || block === undefined) return this.#execute(plan, options);
    const begunAt = clock.now();
    const about = { runId: run.id, block };
    observer({ type: 'block', ...about, missing: countOf(missing) });
    try {
      await this.#execute(plan, options);
      observer({ type: 'block-end', ...about, durationMs: clock.now() - begunAt });
    } catch (error) {
      observer({ type: 'block-end', ...about, durationMs: clock.now() - begunAt, error });
      throw error;
    }
  }

  async #execute(plan: RunPlan, options: RunOptions): Promise<void> {
    // A plan with nothing in it needs no simulation.
    const isDone = plan.missing.length === 0;
    const code = isDone ? 0 : await this.#simulation.codeOf(plan.run, options.signal);
    const { simulation } = this.#simulation;
    await new Execution(plan, simulation, code, this.stores, this.#settings, options).toTheEnd();
  }
}
