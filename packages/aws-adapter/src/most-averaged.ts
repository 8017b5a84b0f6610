import { iterationsPerDataApiCall } from '@stepcompute/sql-store';

/** Half of the 15 minutes that step 3's function has. */
const averagingSeconds = 450;

/** How long a call of the Data API is taken to last. That is no measurement of AWS yet. */
const dataApiCallSeconds = 0.18;

/**
 * How many numbers a server answers with in a second: PostgreSQL 15 on two busy cores, November 2026, which
 * answered with a million and a half when nothing else ran. The function takes two million.
 */
const numbersPerSecond = 500_000;

/**
 * How many iterations of a run with so many measures step 3's function can average.
 * @param way how the function reads their values
 */
export function mostAveraged(way: 'Data API' | 'connections', measures: number): number {
  return way === 'connections'
    ? Math.floor((averagingSeconds * numbersPerSecond) / measures)
    : (averagingSeconds / dataApiCallSeconds) * iterationsPerDataApiCall(measures);
}
