import { channel } from 'node:diagnostics_channel';
import { backOff } from 'exponential-backoff';
import type { DataSource } from 'typeorm';
import { dialectOf } from './dialect.js';
import { isPassing, persistenceError, translated } from './persistence-error.js';

/**
 * The channel of Node's `diagnostics_channel` on which stores tell of each {@link Outage}.
 * @example
 * subscribe(outageChannel, (outage) => logger.warn(outage, 'the database does not answer'));
 */
export const outageChannel = '@stepcompute/sql-store:outage';

/** A statement that had no answer from its database, and is about to be sent again. */
export interface Outage {
  readonly error: Error;
  /** For so long it may yet be tried again, in milliseconds. */
  readonly remainingMs: number;
}

const outages = channel(outageChannel);

/** A statement that begins so may wait for others for as long as they take. */
export const patientMark = '/* waits */';

/**
 * Runs a store's work, again and again while the database is out of reach, as long as its dialect has
 * patience; driver errors are translated. The work may have been done although its answer was lost, so
 * it must be idempotent.
 */
export function patiently<T>(dataSource: DataSource, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + dialectOf(dataSource).patienceMs;
  const isWorthARetry = (error: unknown): boolean => {
    const remainingMs = deadline - Date.now();
    if (!isPassing(error) || remainingMs <= 0) return false;
    if (outages.hasSubscribers) {
      outages.publish({ error: persistenceError(error), remainingMs } satisfies Outage);
    }
    return true;
  };
  return translated(async () => {
    // Not by the library yet: what it holds of each call piles up until a full collection; docs/performance.md.
    try {
      return await work();
    } catch (error) {
      if (!isWorthARetry(error)) throw error;
    }
    return backOff(work, {
      delayFirstAttempt: true,
      numOfAttempts: Infinity,
      startingDelay: 50,
      maxDelay: 1000,
      jitter: 'full',
      retry: isWorthARetry,
    });
  });
}
