/**
 * A European call. Prices are in one currency, rates per year and continuously compounded.
 */
export const call = {
  /** The share's price today. */
  spot: 100,
  /** The price at which the holder may buy it. */
  strike: 105,
  /** The risk-free rate. */
  rate: 0.03,
  /** The standard deviation of the share's yearly logarithmic return. */
  volatility: 0.2,
  /** Years until the holder may buy. */
  maturity: 1,
};

const { spot, strike, rate, volatility, maturity } = call;
const drift = (rate - volatility ** 2 / 2) * maturity;
const deviation = volatility * Math.sqrt(maturity);
const discount = Math.exp(-rate * maturity);

/**
 * The simulation: the call's discounted payoff under one possible future, a geometric Brownian motion
 * in the risk-neutral measure. The mean over many futures is the call's price.
 * @param {import('@stepcompute/core').IterationContext} context
 */
export default function discountedPayoff({ random }) {
  const priceAtMaturity = spot * Math.exp(random.normal(drift, deviation));
  return discount * Math.max(0, priceAtMaturity - strike);
}
