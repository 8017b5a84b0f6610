import {
  InProcessOrchestrator,
  type Clock,
  type RunOptions,
  type RunRequest,
  type RunResult,
  type AnySimulation,
  type WriteToDbSettings,
} from '@stepcompute/core';
import { refuseUnknown, type FieldNames } from '@stepcompute/core/adapters';
import { InMemoryDatabase, inMemoryStores, type RunRecord } from './inmemory-stores.js';

export interface SimulateOptions extends RunRequest, RunOptions, WriteToDbSettings {
  /** Where time comes from. Default: the system's clock. */
  readonly clock?: Clock | undefined;
}

const optionFields: FieldNames<SimulateOptions> = {
  repetitions: true,
  seed: true,
  delayMs: true,
  parameters: true,
  tolerance: true,
  concurrency: true,
  retry: true,
  timeoutMs: true,
  clock: true,
  signal: true,
  onProgress: true,
  observer: true,
  generatorName: true,
  simulationVersion: true,
  checkStored: true,
  idempotencyKey: true,
  label: true,
  precision: true,
  experiment: true,
  experimentKey: true,
  scenario: true,
};

/** @typeParam Measure the names of the simulation's measures */
export interface SimulationResult<Measure extends string = string> extends RunResult<Measure> {
  /** Every value of the first measure, in iteration order; NaN where the iteration failed, which needs a tolerance. */
  readonly values: Float64Array;
  /** The same of each measure, by its name. */
  readonly valuesOf: Readonly<Record<Measure, Float64Array>>;
}

/** The run of a simulate that was rejected, as far as it came. */
export type PartialResult = Pick<SimulationResult, 'run' | 'ledger' | 'values' | 'valuesOf'>;

const partialResults = new WeakMap<object, PartialResult>();

/**
 * The values that a {@link simulate} had when it was rejected, NaN where there is none yet. Undefined
 * when nothing was begun, or the error is of something else.
 * @example
 * try {
 *   await simulate(simulation, { repetitions: 1000 });
 * } catch (error) {
 *   const values = partialResultOf(error)?.values;
 * }
 */
export function partialResultOf(error: unknown): PartialResult | undefined {
  return typeof error === 'object' && error !== null ? partialResults.get(error) : undefined;
}

/**
 * Runs a simulation N times in this process's memory: every value, and their average.
 * @example
 * const { average } = await simulate(({ random }) => random.integer(1, 6), { repetitions: 1000, seed: 42 });
 * @example
 * const dice = defineSimulation({
 *   measures: ['sum', 'highest'],
 *   generate({ random }) {
 *     const [a, b] = [random.integer(1, 6), random.integer(1, 6)];
 *     return { sum: a + b, highest: Math.max(a, b) };
 *   },
 * });
 * const { averages } = await simulate(dice, { repetitions: 1000, seed: 42 });
 * averages.highest.mean;
 * @throws as {@link InProcessOrchestrator.run} does; {@link partialResultOf} has the values of what was thrown
 */
export async function simulate<const Measure extends string = never>(
  generator: AnySimulation & { readonly measures?: readonly Measure[] | undefined },
  options: SimulateOptions,
): Promise<SimulationResult<[Measure] extends [never] ? 'value' : Measure>> {
  refuseUnknown(options, 'options', optionFields);
  const { concurrency, timeoutMs, retry, simulationVersion, checkStored, observer, ...others } =
    options;
  const { clock, signal, onProgress, ...request } = others;
  const database = new InMemoryDatabase();
  const stores = inMemoryStores(database);
  const orchestrator = new InProcessOrchestrator({
    generator,
    stores,
    clock,
    concurrency,
    timeoutMs,
    retry,
    simulationVersion,
    checkStored,
    observer,
  });
  try {
    const result = await orchestrator.run(request, { signal, onProgress });
    return { ...result, ...valuesOf(database.find(result.run.id)) };
  } catch (error) {
    const [run] = await stores.runs.list({ limit: 1 });
    if (run !== undefined && typeof error === 'object' && error !== null) {
      const ledger = await stores.failures.ledger(run.id);
      partialResults.set(error, { run, ledger, ...valuesOf(database.find(run.id)) });
    }
    throw error;
  }
}

function valuesOf({ run, values }: RunRecord): Pick<SimulationResult, 'values' | 'valuesOf'> {
  const columns = run.measures.map((_, place) => values.toArray(run.repetitions, place));
  return {
    values: columns[0]!,
    valuesOf: Object.fromEntries(run.measures.map((name, place) => [name, columns[place]!])),
  };
}
