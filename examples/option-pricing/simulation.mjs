import { defineSimulation } from '@stepcompute/core';

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

/**
 * The call in one possible future, a geometric Brownian motion in the risk-neutral measure: its
 * discounted payoff, whose mean over many futures is the call's price, and the payoff's derivative by
 * the spot, whose mean is the call's delta.
 * @param {number} z how many standard deviations the share's logarithmic return is above its mean
 * @param {typeof call} parameters
 */
export function inFuture(z, { spot, strike, rate, volatility, maturity }) {
  const drift = (rate - volatility ** 2 / 2) * maturity;
  const priceAtMaturity = spot * Math.exp(drift + volatility * Math.sqrt(maturity) * z);
  const discount = Math.exp(-rate * maturity);
  return {
    price: discount * Math.max(0, priceAtMaturity - strike),
    delta: priceAtMaturity > strike ? (discount * priceAtMaturity) / spot : 0,
  };
}

export default defineSimulation({
  name: 'European call',
  parameters: call,
  measures: ['price', 'delta'],
  generate: ({ random, parameters }) => inFuture(random.normal(), parameters),
});
