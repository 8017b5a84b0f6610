import { backOff } from 'exponential-backoff';
import type { DataSource } from 'typeorm';
import { dialectOf } from './dialect.js';
import { isPassing, translated } from './persistence-error.js';

/** A statement that begins so may wait for others for as long as they take. */
export const patientMark = '/* waits */';

/**
 * Runs a store's work, again and again while the database is out of reach, as long as its dialect has
 * patience; driver errors are translated. The work may have been done although its answer was lost, so
 * it must be idempotent.
 */
export function patiently<T>(dataSource: DataSource, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + dialectOf(dataSource).patienceMs;
  const isWorthARetry = (error: unknown): boolean => isPassing(error) && Date.now() < deadline;
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
