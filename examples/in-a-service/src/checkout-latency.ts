import { defineSimulation } from '@stepcompute/core';

/** The simulation: the milliseconds that one checkout takes, and those of them that it waits for carriers. */
export const checkoutLatency = defineSimulation({
  name: 'checkout latency',
  parameters: {
    /** The longest that a carrier may take to answer, in milliseconds: its quote is left out then. */
    quoteTimeoutMs: 250,
  },
  measures: ['total', 'quotes'],
  /** The session is read, then the stock and three carriers are asked at the same time, then the payment is made. */
  generate({ random, parameters: { quoteTimeoutMs } }) {
    const session = 5 + random.exponential(1 / 15);
    const stock = 10 + random.exponential(1 / 40);
    const quotes = Math.max(
      ...[60, 90, 120].map((mean) => Math.min(quoteTimeoutMs, random.exponential(1 / mean))),
    );
    const payment = 80 + random.exponential(1 / 90);
    return { total: session + Math.max(stock, quotes) + payment, quotes };
  },
});
