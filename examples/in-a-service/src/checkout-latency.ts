import type { IterationContext } from '@stepcompute/core';

/** The longest that a carrier may take to answer, in milliseconds: its quote is left out then. */
const quoteTimeoutMs = 250;

/**
 * The simulation: the milliseconds that one checkout takes. The session is read, then the stock and
 * three carriers are asked at the same time, then the payment is made.
 */
export function checkoutLatency({ random }: IterationContext): number {
  const session = 5 + random.exponential(1 / 15);
  const stock = 10 + random.exponential(1 / 40);
  const quotes = [60, 90, 120].map((mean) =>
    Math.min(quoteTimeoutMs, random.exponential(1 / mean)),
  );
  const payment = 80 + random.exponential(1 / 90);
  return session + Math.max(stock, ...quotes) + payment;
}
