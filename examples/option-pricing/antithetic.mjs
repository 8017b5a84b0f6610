import { defineSimulation } from '@stepcompute/core';
import { call, inFuture } from './simulation.mjs';

/**
 * The same call, in a pair of futures that mirror each other: where one is dear the other is cheap, so
 * the mean of the two varies less than that of two independent ones, and takes half of the random numbers.
 * Source: J. Hammersley, K. Morton, "A new Monte Carlo technique: antithetic variates", 1956.
 */
export default defineSimulation({
  name: 'European call, antithetic pairs',
  parameters: call,
  measures: ['price', 'delta'],
  generate({ random, parameters }) {
    const z = random.normal();
    const one = inFuture(z, parameters);
    const other = inFuture(-z, parameters);
    return { price: (one.price + other.price) / 2, delta: (one.delta + other.delta) / 2 };
  },
});
