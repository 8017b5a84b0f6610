/** Both regularised incomplete beta functions, each to its own last digits: neither is 1 less the other. */
export interface IncompleteBeta {
  /** I_x(a, b): the probability that a beta variate is at most x. */
  readonly lower: number;
  /** I_y(b, a) = 1 − I_x(a, b). */
  readonly upper: number;
  /** x^a · y^b / B(a, b): how fast both change with the logarithm of x / y. */
  readonly slope: number;
}

/**
 * The regularised incomplete beta function, correct to about 10^−14, and to 10^−12 where both are in the
 * millions.
 * @param a positive
 * @param b positive
 * @param x from 0 to 1
 * @param y 1 − x, which its caller may know to more digits
 */
export function incompleteBeta(a: number, b: number, x: number, y: number): IncompleteBeta {
  const slope = slopeAt(a, b, x, y);
  // The fraction converges fast on this side of the mean.
  if (x * (a + b + 2) <= a + 1) {
    const lower = slope === 0 ? 0 : slope / fraction(a, b, x, y);
    return { lower, upper: 1 - lower, slope };
  }
  const upper = slope === 0 ? 0 : slope / fraction(b, a, y, x);
  return { lower: 1 - upper, upper, slope };
}

/**
 * The even part of the continued fraction of slope / I_x(a, b), which takes about √max(a, b) terms near
 * the mean, and far from it a few. Source: DiDonato & Morris, "Algorithm 708: Significant digit computation of
 * the incomplete beta function ratios", ACM Transactions on Mathematical Software 18, 1992, equation 9;
 * evaluated by Lentz's method.
 */
function fraction(a: number, b: number, x: number, y: number): number {
  // a·y − b·x, from the smaller terms.
  const lambda = a > b ? (a + b) * y - b : a - (a + b) * x;
  let value = ((lambda + 1) * a) / (a + 1);
  let numerator = value;
  let denominator = 0;
  for (let m = 1; ; m += 1) {
    const s = a + 2 * m;
    const w = (m * (b - m) * x) / (s - 1);
    const above = (w * x * (a + m - 1) * (a + b + m - 1)) / (s - 1);
    const below = m + w + ((a + m) / (s + 1)) * (lambda + 1 + m * (1 + y));
    denominator = 1 / (below + above * denominator);
    numerator = below + above / numerator;
    const change = numerator * denominator;
    value *= change;
    if (!(Math.abs(change - 1) > Number.EPSILON * 2)) return value;
  }
}

/**
 * x^a · y^b / B(a, b), without powers or factorials that leave the range of a double or cancel.
 * Source: C. Loader, "Fast and Accurate Computation of Binomial Probabilities", 2000.
 */
function slopeAt(a: number, b: number, x: number, y: number): number {
  const n = a + b;
  const exponent =
    stirlingError(n) -
    stirlingError(a) -
    stirlingError(b) -
    deviance(a, n * x) -
    deviance(b, n * y);
  return Math.sqrt(((a / n) * b) / (2 * Math.PI)) * Math.exp(exponent);
}

/** k · ln(k / m) + m − k, also where k and m are nearly equal. */
function deviance(k: number, m: number): number {
  const difference = k - m;
  if (!(Math.abs(difference) < 0.1 * (k + m))) return k * Math.log(k / m) + m - k;
  // k · ln((1 + v) / (1 − v)) as a series in v.
  const v = difference / (k + m);
  let sum = difference * v;
  let term = 2 * k * v;
  for (let j = 1; ; j += 1) {
    term *= v * v;
    const next = sum + term / (2 * j + 1);
    if (next === sum) return sum;
    sum = next;
  }
}

/** From here on the series' first six terms are enough. */
const leastAsymptotic = 16;

/**
 * ln Γ(z + 1) less Stirling's formula, (z + ½) · ln z − z + ½ · ln 2π. Source: DLMF 5.11.1; below the reach of the
 * series, by Γ(z + 1) = z · Γ(z).
 */
function stirlingError(z: number): number {
  let steps = 0;
  let at = z;
  for (; at < leastAsymptotic; at += 1) steps += (at + 0.5) * Math.log1p(1 / at) - 1;
  const s = 1 / (at * at);
  const series =
    1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * (1 / 1188 - (s * 691) / 360_360))));
  return steps + series / at;
}
