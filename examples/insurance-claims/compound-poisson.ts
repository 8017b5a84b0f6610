import type { portfolio } from './simulation.js';

/** The mean of the m-th power of one claim's cost: of its gamma size times the beta share that is not recovered. */
function rawMoment(m: number, { shape, scale, alpha, beta }: typeof portfolio): number {
  let moment = 1;
  for (let i = 0; i < m; i += 1) {
    moment *= (shape + i) * scale * ((beta + i) / (alpha + beta + i));
  }
  return moment;
}

/**
 * The distribution of what a year costs. Its m-th cumulant is λ E[X^m], for a Poisson number of claims of
 * mean λ that cost X each. The kurtosis of a normal is 3.
 * Source: S. Klugman, H. Panjer, G. Willmot, "Loss models", on compound Poisson distributions.
 */
export function compoundPoisson(of: typeof portfolio): {
  readonly mean: number;
  readonly variance: number;
  readonly kurtosis: number;
} {
  const variance = of.frequency * rawMoment(2, of);
  return {
    mean: of.frequency * rawMoment(1, of),
    variance,
    kurtosis: 3 + (of.frequency * rawMoment(4, of)) / variance ** 2,
  };
}
