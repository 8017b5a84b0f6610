import { incompleteBeta } from './incomplete-beta.js';

/** Beyond so many √degrees, ln P(|T| > t) is a straight line over ln t, to the last bit of a double. */
const far = 2 ** 30;

/**
 * The quantile of Student's t, correct to about 10^−13 from one degree of freedom on: by Newton's method on
 * the logarithms of probability and quantile, between which the curve bends one way only.
 * @param probability above 0 and below 1
 * @param degreesOfFreedom positive, also fractional as Welch's are
 */
export function studentTQuantile(probability: number, degreesOfFreedom: number): number {
  const outside = 2 * Math.min(probability, 1 - probability);
  const within = Math.abs(2 * probability - 1);
  if (within === 0) return 0;
  // The smaller one has all of its digits.
  const isOutside = outside < within;
  let t = isOutside ? roughNormalQuantile(outside / 2) : within;
  for (let step = 1; Math.abs(step) > 1e-8;) {
    const at = Math.min(t, far * Math.sqrt(degreesOfFreedom));
    const sum = degreesOfFreedom + at * at;
    const a = degreesOfFreedom / 2;
    const { lower, upper, slope } = incompleteBeta(a, 0.5, degreesOfFreedom / sum, (at * at) / sum);
    step = isOutside
      ? (Math.log(lower / outside) * lower) / (2 * slope)
      : (Math.log(within / upper) * upper) / (2 * slope);
    const next = at * Math.exp(step);
    step = Math.log(next / t);
    t = next;
  }
  return probability < 0.5 ? -t : t;
}

/**
 * The quantile of the standard normal distribution above which the probability lies, within 0.00045: where
 * the search begins. Source: Abramowitz & Stegun, Handbook of Mathematical Functions, 26.2.23.
 */
function roughNormalQuantile(above: number): number {
  const w = Math.sqrt(-2 * Math.log(above));
  return (
    w -
    (2.515517 + w * (0.802853 + w * 0.010328)) /
      (1 + w * (1.432788 + w * (0.189269 + w * 0.001308)))
  );
}
