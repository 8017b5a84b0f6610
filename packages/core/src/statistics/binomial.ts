import { incompleteBeta } from './incomplete-beta.js';

/**
 * How probable at most k successes of n are, and how probable more: each to its own last digits.
 * @param p the probability of a success, from 0 to 1
 */
export function binomialProbabilities(
  k: number,
  n: number,
  p: number,
): { readonly atMost: number; readonly more: number } {
  if (k < 0) return { atMost: 0, more: 1 };
  if (k >= n) return { atMost: 1, more: 0 };
  const { lower, upper } = incompleteBeta(k + 1, n - k, p, 1 - p);
  return { atMost: upper, more: lower };
}
