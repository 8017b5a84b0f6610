import {
  InProcessOrchestrator,
  InvalidInputError,
  type Clock,
  type RunOptions,
  type RunRequest,
  type RunResult,
  type AnySimulation,
  type WriteToDbSettings,
} from '@stepcompute/core';
import { InMemoryDatabase, inMemoryStores } from './inmemory-stores.js';

export interface SimulateOptions extends RunRequest, RunOptions, WriteToDbSettings {
  /** Where time comes from. Default: the system's clock. */
  readonly clock?: Clock | undefined;
}

export interface SimulationResult extends RunResult {
  /** Every value, in iteration order; NaN where the iteration failed, which needs a tolerance. */
  readonly values: Float64Array;
}

/**
 * Runs a simulation N times in this process's memory: every value, and their average.
 * @example
 * const { average } = await simulate(({ random }) => random.integer(1, 6), { repetitions: 1000, seed: 42 });
 * @throws as {@link InProcessOrchestrator.run} does
 */
export async function simulate(
  generator: AnySimulation,
  options: SimulateOptions,
): Promise<SimulationResult> {
  if (typeof options !== 'object' || (options as unknown) === null) {
    throw new InvalidInputError('options', 'an object with repetitions', options);
  }
  const { concurrency, timeoutMs, retry, simulationVersion, checkStored, ...others } = options;
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
  });
  const result = await orchestrator.run(request, { signal, onProgress });
  const { id, repetitions } = result.run;
  return { ...result, values: database.find(id).values.toArray(repetitions) };
}
