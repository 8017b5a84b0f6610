/**
 * The standard normal distribution function, as a Taylor series.
 * Source: G. Marsaglia, "Evaluating the normal distribution", Journal of Statistical Software 11 (4), 2004.
 * @param {number} x within ±7 of 0
 */
function normalProbability(x) {
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

/**
 * The price of a European call in closed form, and its delta: by how much it moves with the share's price.
 * Source: F. Black, M. Scholes, "The pricing of options and corporate liabilities", 1973.
 * @param {typeof import('./simulation.mjs').call} call
 */
export function blackScholes({ spot, strike, rate, volatility, maturity }) {
  const deviation = volatility * Math.sqrt(maturity);
  const d1 = (Math.log(spot / strike) + (rate + volatility ** 2 / 2) * maturity) / deviation;
  const delta = normalProbability(d1);
  const discountedStrike = strike * Math.exp(-rate * maturity);
  return { price: spot * delta - discountedStrike * normalProbability(d1 - deviation), delta };
}
