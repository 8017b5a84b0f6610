/** An experiment: so many visitors see the page as it is, so many others see it changed. */
export interface Experiment {
  /** How many see each of the two. */
  readonly visitors: number;
  /** The probability that a visitor buys on the page as it is. */
  readonly baseRate: number;
  /** The probability on the changed page, less `baseRate`. */
  readonly lift: number;
}

/** A normal variate is further from 0 with a probability of 5 %: the level of the test. */
const criticalValue = 1.959963984540054;

/**
 * True where the two-proportion z-test, two-sided, with the pooled rate, finds a difference at the 5 % level.
 * Source: J. Fleiss, B. Levin, M. Paik, "Statistical methods for rates and proportions", 3rd edition, 2003.
 */
export function isSignificant(visitors: number, before: number, after: number): boolean {
  const pooled = (before + after) / (2 * visitors);
  const deviation = Math.sqrt((2 * pooled * (1 - pooled)) / visitors);
  // No purchase at all, or nothing but purchases: no difference.
  return deviation > 0 && Math.abs(after - before) / visitors > criticalValue * deviation;
}

/** The probabilities of 0 … n successes, to rounding: each from its neighbour, from the likeliest outward. */
function binomial(n: number, p: number): Float64Array {
  const probabilities = new Float64Array(n + 1);
  const odds = p / (1 - p);
  const mode = Math.min(n, Math.floor((n + 1) * p));
  probabilities[mode] = 1;
  for (let k = mode; k < n; k += 1) {
    probabilities[k + 1] = probabilities[k]! * ((n - k) / (k + 1)) * odds;
  }
  for (let k = mode; k > 0; k -= 1) {
    probabilities[k - 1] = (probabilities[k]! * (k / (n - k + 1))) / odds;
  }
  const sum = probabilities.reduce((total, probability) => total + probability);
  return probabilities.map((probability) => probability / sum);
}

/**
 * The probability that the test finds a difference: the sum over all pairs of numbers of buyers. The time
 * it takes grows with the visitors; pairs less likely than 10^−20 are left out.
 */
export function exactPower({ visitors, baseRate, lift }: Experiment): number {
  const likely = (rate: number) =>
    [...binomial(visitors, rate).entries()].filter(([, probability]) => probability > 1e-20);
  const afters = likely(baseRate + lift);
  let power = 0;
  for (const [before, probability] of likely(baseRate)) {
    for (const [after, other] of afters) {
      if (isSignificant(visitors, before, after)) power += probability * other;
    }
  }
  return power;
}

/**
 * The same by the normal approximation, which is what sample size calculators use.
 * Source: as {@link isSignificant}.
 */
export function approximatePower({ visitors, baseRate, lift }: Experiment): number {
  const rate = baseRate + lift;
  const pooled = (baseRate + rate) / 2;
  const under = Math.sqrt((2 * pooled * (1 - pooled)) / visitors);
  const deviation = Math.sqrt((baseRate * (1 - baseRate) + rate * (1 - rate)) / visitors);
  return (
    normalProbability((lift - criticalValue * under) / deviation) +
    normalProbability((-lift - criticalValue * under) / deviation)
  );
}

/**
 * The standard normal distribution function, as a Taylor series.
 * Source: G. Marsaglia, "Evaluating the normal distribution", Journal of Statistical Software 11 (4), 2004.
 * @param x within ±7 of 0; 0 or 1 beyond
 */
function normalProbability(x: number): number {
  if (Math.abs(x) > 7) return x < 0 ? 0 : 1;
  let sum = x;
  let before = 0;
  let term = x;
  for (let k = 3; sum !== before; k += 2) {
    before = sum;
    term *= (x * x) / k;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
