import type { Average } from '../statistics/average.js';
import { averageOf } from '../statistics/averaging.js';
import { type IterationId, Repetitions, Seed } from '../run/numbers.js';
import { IterationRange, iterationsOf } from '../run/range.js';
import { uniformInteger, type IterationContext } from '../simulation/generator.js';
import { RandomStream } from '../simulation/random-stream.js';
import { defineSimulation, type AnySimulation } from '../simulation/simulation.js';

/** The iterations that {@link contractSimulations}.failing fails. */
export const failingIterations: readonly number[] = [3, 7];

/**
 * The simulations that the orchestrator suite asks for by name, since an orchestrator far away can't
 * be handed a function: it deploys these.
 */
export const contractSimulations: Readonly<Record<ContractSimulation, AnySimulation>> = {
  /** A uniform random integer from 0 to 1000, both included. */
  uniform: uniformInteger,
  /** The same, but iterations 3 and 7 throw. */
  failing: (context: IterationContext): number => {
    if (failingIterations.includes(context.iterationId)) {
      throw new RangeError(`no value at ${context.iterationId}`);
    }
    return uniformInteger(context);
  },
  /** Answers only when it is told to stop. */
  hanging: async ({ signal }: IterationContext): Promise<number> => {
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    throw signal.reason;
  },
  /** The same integer times the parameter `factor`, plus the parameter `offset`. */
  priced: defineSimulation({
    name: 'priced',
    parameters: { factor: 1, label: 'plain', offset: 0 },
    generate: ({ random, parameters: { factor, offset } }) =>
      offset + factor * uniformInteger({ random }),
  }),
  /** Two measures: the same integer, and a seventh of it. */
  measured: defineSimulation({
    name: 'measured',
    measures: ['payoff', 'delta'],
    generate: ({ random }) => measuredOf(uniformInteger({ random })),
  }),
};

/** The measures of `measured` where `uniform` comes to `value`. */
export function measuredOf(value: number): { readonly payoff: number; readonly delta: number } {
  return { payoff: value, delta: value / 7 };
}

export type ContractSimulation = 'uniform' | 'failing' | 'hanging' | 'priced' | 'measured';

/** The values that `uniform` must yield for a seed, in iteration order, from the domain's pure functions alone. */
export function expectedValues(seed: number, repetitions: number): number[] {
  const range = IterationRange.whole(Repetitions.parse(repetitions));
  return Array.from(iterationsOf([range]), (iterationId: IterationId) =>
    uniformInteger({ random: new RandomStream(Seed.parse(seed), iterationId) }),
  );
}

/** The average of {@link expectedValues}. */
export function expectedAverage(seed: number, repetitions: number): Average {
  return averageOf(expectedValues(seed, repetitions));
}
