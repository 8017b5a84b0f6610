/** About a millisecond of arithmetic: a chaotic map, from a random start. */
export function iterate(/** @type {number} */ x) {
  for (let step = 0; step < 600_000; step += 1) x = 3.99 * x * (1 - x);
  return x;
}

/** @param {import('@stepcompute/core').IterationContext} context */
export default function logistic({ random }) {
  return iterate(random.uniform());
}
