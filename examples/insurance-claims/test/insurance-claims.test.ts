/**
 * The condition has Jest load the build of d3-random that `require` can load.
 * @jest-environment-options {"customExportConditions": ["umd", "node", "node-addons"]}
 */
import { resolve } from 'node:path';
import {
  InProcessOrchestrator,
  iterationContext,
  type Average,
  type Random,
} from '@stepcompute/core';
import { inMemoryStores, simulate } from '@stepcompute/inmemory-adapter';
import { WorkerThreads } from '@stepcompute/worker-threads';
import { randomBeta, randomBinomial, randomGamma, randomNormal, randomPoisson } from 'd3-random';
import { compoundPoisson } from '../compound-poisson.js';
import year, { portfolio } from '../simulation.js';

/** Of a distribution, in closed form; the kurtosis of a normal is 3. */
type Moments = ReturnType<typeof compoundPoisson>;

/**
 * Mean and variance are within four of their standard errors, which right ones leave for 6 seeds of
 * 100,000 each. The seed here is fixed, so a test passes always or never.
 */
function expectMoments(sampled: Average, { mean, variance, kurtosis }: Moments): void {
  expect(Math.abs(sampled.mean - mean)).toBeLessThan(4 * Math.sqrt(variance / sampled.count));
  // The variance of a sample's variance is (kurtosis − 1) / n of its square, but for a term of 1 / n².
  const error = variance * Math.sqrt((kurtosis - 1) / sampled.count);
  const sampledVariance = (sampled.standardDeviation ?? NaN) ** 2;
  expect(Math.abs(sampledVariance - variance)).toBeLessThan(4 * error);
}

const poisson = (rate: number): Moments => ({
  mean: rate,
  variance: rate,
  kurtosis: 3 + 1 / rate,
});

const gamma = (shape: number, scale: number): Moments => ({
  mean: shape * scale,
  variance: shape * scale ** 2,
  kurtosis: 3 + 6 / shape,
});

function beta(a: number, b: number): Moments {
  const sum = a + b;
  const excess =
    (6 * ((a - b) ** 2 * (sum + 1) - a * b * (sum + 2))) / (a * b * (sum + 2) * (sum + 3));
  return {
    mean: a / sum,
    variance: (a * b) / (sum ** 2 * (sum + 1)),
    kurtosis: 3 + excess,
  };
}

function binomial(n: number, p: number): Moments {
  const variance = n * p * (1 - p);
  return { mean: n * p, variance, kurtosis: 3 + (1 - 6 * p * (1 - p)) / variance };
}

describe('a variate of d3-random over an iteration’s random numbers', () => {
  it.each<[string, (source: () => number) => () => number, Moments]>([
    ['Poisson 3', (source) => randomPoisson.source(source)(3), poisson(3)],
    ['Poisson 100', (source) => randomPoisson.source(source)(100), poisson(100)],
    ['gamma 0.5, 20', (source) => randomGamma.source(source)(0.5, 20), gamma(0.5, 20)],
    ['gamma 2.5, 2', (source) => randomGamma.source(source)(2.5, 2), gamma(2.5, 2)],
    ['beta 2, 5', (source) => randomBeta.source(source)(2, 5), beta(2, 5)],
    ['beta 2, 2', (source) => randomBeta.source(source)(2, 2), beta(2, 2)],
    ['binomial 10, 0.3', (source) => randomBinomial.source(source)(10, 0.3), binomial(10, 0.3)],
    [
      'binomial 1000, 0.1',
      (source) => randomBinomial.source(source)(1000, 0.1),
      binomial(1000, 0.1),
    ],
  ])('%s has the mean and the variance of theory', async (_, variate, theory) => {
    const draw = ({ random }: { random: Random }) => variate(() => random.uniform())();
    const { average } = await simulate(draw, { repetitions: 100_000, seed: 42 });
    expectMoments(average, theory);
  });

  it('belongs to its iteration only if it is made there', () => {
    // d3-random draws normals in pairs, and keeps the second for the next draw.
    let current: Random;
    const kept = randomNormal.source(() => current.uniform())();
    const madeOnce = ({ random }: { random: Random }): number => {
      current = random;
      return kept();
    };
    const madeThere = ({ random }: { random: Random }): number =>
      randomNormal.source(() => random.uniform())()();

    const context = (iterationId: number) => iterationContext({ seed: 42, iterationId });
    const inOrder = [0, 1].map((id) => [madeOnce(context(id)), madeThere(context(id))]);
    const replayed = [madeOnce(context(1)), madeThere(context(1))];
    expect(inOrder[1]?.[0]).not.toBe(replayed[0]);
    expect(inOrder[1]?.[1]).toBe(replayed[1]);
  });
});

describe('a year of claims', () => {
  it('costs what the compound Poisson distribution says', async () => {
    const { averages } = await simulate(year, { repetitions: 20_000, seed: 42 });
    expectMoments(averages.paid, compoundPoisson(portfolio));
    expectMoments(averages.claims, poisson(portfolio.frequency));
  });

  it('is the same whatever came before it, and alone', async () => {
    const { valuesOf } = await simulate(year, { repetitions: 500, seed: 42 });
    for (let iterationId = 499; iterationId >= 0; iterationId -= 1) {
      const context = iterationContext({ seed: 42, iterationId, parameters: portfolio });
      expect(year.generate(context)).toEqual({
        paid: valuesOf.paid[iterationId],
        claims: valuesOf.claims[iterationId],
      });
    }
  });

  it.each([1, 3])('is the same, workers: %d', async (workers) => {
    const request = { repetitions: 2000, seed: 42 };
    const threads = new WorkerThreads({
      module: resolve(__dirname, '../simulation.ts'),
      loader: require.resolve('@stepcompute/simulation-file'),
      workers,
    });
    try {
      const orchestrator = new InProcessOrchestrator({
        generator: { ...year, generate: threads.generate },
        stores: inMemoryStores(),
      });
      const { averages } = await orchestrator.run(request);
      expect(averages).toEqual((await simulate(year, request)).averages);
    } finally {
      await threads.close();
    }
  });
});
