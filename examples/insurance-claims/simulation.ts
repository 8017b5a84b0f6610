import { defineSimulation } from '@stepcompute/core';
import { randomBeta, randomGamma, randomPoisson } from 'd3-random';

/** An insurer's portfolio. Money is in thousands of one currency. */
export const portfolio = {
  /** The mean number of claims in a year, which is Poisson. */
  frequency: 40,
  /** The shape of a claim's size, which is gamma. */
  shape: 0.5,
  /** The scale of a claim's size: its mean is shape · scale. */
  scale: 20,
  /** The two parameters of the share of a claim that others pay back, which is beta: its mean is alpha / (alpha + beta). */
  alpha: 2,
  beta: 5,
};

/** One year: how many claims there are, and what the insurer pays for them after recoveries. */
export default defineSimulation({
  name: 'A year of claims',
  parameters: portfolio,
  measures: ['paid', 'claims'],
  generate({ random, parameters: { frequency, shape, scale, alpha, beta } }) {
    // Made for this iteration: variates of d3-random keep numbers from one draw to the next.
    const source = () => random.uniform();
    const size = randomGamma.source(source)(shape, scale);
    const recovered = randomBeta.source(source)(alpha, beta);

    const claims = randomPoisson.source(source)(frequency)();
    let paid = 0;
    for (let claim = 0; claim < claims; claim += 1) paid += size() * (1 - recovered());
    return { paid, claims };
  },
});
