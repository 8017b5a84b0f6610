import { simulate } from '@stepcompute/inmemory-adapter';
import antithetic from './antithetic.mjs';
import option, { call, inFuture } from './simulation.mjs';

const request = { repetitions: 100_000, seed: 42 };
const [single, pair] = [await simulate(option, request), await simulate(antithetic, request)];

/**
 * The mean of a function of a normal variate, by the trapezoidal rule, to four digits.
 * @param {(z: number) => number} f
 */
function expected(f) {
  const step = 1e-4;
  let sum = 0;
  for (let z = -9; z <= 9; z += step) sum += f(z) * Math.exp((-z * z) / 2);
  return (sum * step) / Math.sqrt(2 * Math.PI);
}

for (const measure of /** @type {const} */ (['price', 'delta'])) {
  /** @param {number} z */
  const f = (z) => inFuture(z, call)[measure];
  const mean = expected(f);
  const variance = expected((z) => (f(z) - mean) ** 2);
  const covariance = expected((z) => (f(z) - mean) * (f(-z) - mean));
  const theory = variance / (variance + covariance);

  const ofTwo = (single.averages[measure].standardDeviation ?? NaN) ** 2 / 2;
  const ofPair = (pair.averages[measure].standardDeviation ?? NaN) ** 2;
  console.log(
    `${measure}  variance of the mean of two independent draws ${ofTwo.toPrecision(4)}, ` +
      `of an antithetic pair ${ofPair.toPrecision(4)}  ` +
      `ratio ${(ofTwo / ofPair).toFixed(2)}, in theory ${theory.toFixed(2)}`,
  );
}
