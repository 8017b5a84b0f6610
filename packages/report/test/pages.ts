import {
  defineSimulation,
  Experiment,
  InProcessOrchestrator,
  ScenariosFailedError,
  type ExperimentRequest,
  type AnySimulation,
  type RunRequest,
  type Run,
  type Scenario,
  type Stores,
} from '@stepcompute/core';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';

/** Stores with one run, which may have failed. */
export async function storesWithRun(
  generator: AnySimulation,
  request: RunRequest,
): Promise<Stores> {
  const stores = inMemoryStores();
  await new InProcessOrchestrator({ generator, stores }).run(request).catch(() => undefined);
  return stores;
}

export const pricing = defineSimulation({
  name: 'pricing',
  parameters: { strike: 100, volatility: 0.2 },
  measures: ['price', 'delta'],
  generate: ({ random, parameters: { strike, volatility } }) => {
    const price = 100 * Math.exp(volatility * random.normal() - volatility ** 2 / 2);
    return { price: Math.max(0, price - strike), delta: price > strike ? price / 100 : 0 };
  },
});

/** The scenarios of a grid of strikes and volatilities. */
export function grid(strikes: readonly number[], volatilities: readonly number[]): Scenario[] {
  return strikes.flatMap((strike) =>
    volatilities.map((volatility) => ({
      name: `strike=${strike} volatility=${volatility}`,
      parameters: { strike, volatility },
    })),
  );
}

/** An experiment's runs in the order of its scenarios, and their stores. */
export async function storesWithExperiment(
  generator: AnySimulation,
  scenarios: readonly Scenario[],
  name = 'strikes',
  more: Partial<ExperimentRequest> = {},
): Promise<{ readonly stores: Stores; readonly runs: readonly Run[] }> {
  const stores = inMemoryStores();
  const orchestrator = new InProcessOrchestrator({ generator, stores });
  const request = { name, scenarios, repetitions: 500, seed: 42, ...more };
  await new Experiment({ orchestrator, stores }).run(request).catch((error: unknown) => {
    if (!(error instanceof ScenariosFailedError)) throw error;
  });
  return { stores, runs: (await stores.runs.list({ experiment: name })).toReversed() };
}

/** A page's elements with their attributes, but for the values of these: whatever is markup. */
export function markupOf(page: string): string[] {
  return Array.from(page.matchAll(/<[^>]*>/g), ([tag]) => tag.replaceAll(/"[^"]*"/g, '""'));
}
