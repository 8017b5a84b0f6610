/** The 0.975 quantile of the standard normal distribution. */
const z = 1.959963984540054;

/** Above this many degrees of freedom the expansion's own error is below 10^−14. */
const largestExactDegrees = 1000;

/**
 * The probability that |T| ≤ t for Student's T with a whole number of degrees of freedom: a finite
 * trigonometric sum. Source: Abramowitz & Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
 */
function centralProbability(t: number, degreesOfFreedom: number): number {
  const theta = Math.atan(t / Math.sqrt(degreesOfFreedom));
  const cosineSquared = Math.cos(theta) ** 2;
  const odd = degreesOfFreedom % 2 === 1;
  let sum = 0;
  let term = odd ? Math.cos(theta) : 1;
  for (let k = odd ? 3 : 2; k <= degreesOfFreedom; k += 2) {
    sum += term;
    term *= ((k - 1) / k) * cosineSquared;
  }
  return odd ? (2 / Math.PI) * (theta + Math.sin(theta) * sum) : Math.sin(theta) * sum;
}

/** The Cornish–Fisher expansion of the quantile. Source: Abramowitz & Stegun 26.7.5. */
function expandedQuantile(degreesOfFreedom: number): number {
  const v = degreesOfFreedom;
  const g1 = (z ** 3 + z) / 4;
  const g2 = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  const g3 = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384;
  const g4 = (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92_160;
  return z + (g1 + (g2 + (g3 + g4 / v) / v) / v) / v;
}

/**
 * The 0.975 quantile of Student's t: half the width of a 95 % interval, in standard errors.
 * Correct to about 10^−13.
 * @param degreesOfFreedom a positive integer
 */
export function studentT975(degreesOfFreedom: number): number {
  if (degreesOfFreedom > largestExactDegrees) return expandedQuantile(degreesOfFreedom);
  let low = z;
  let high = 13; // the quantile falls from 12.7 at one degree of freedom towards z
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (centralProbability(middle, degreesOfFreedom) < 0.95) low = middle;
    else high = middle;
  }
}
