import type { Clock, ValueGenerator } from '@stepcompute/core';

/** A job sent to a service that fails now and then, and what is done about it. */
export interface RetriedJob {
  /** The mean of an attempt's duration, which is exponential, in milliseconds. */
  readonly meanAttemptMs: number;
  /** The probability that an attempt fails, in [0, 1). */
  readonly failureRate: number;
  /** The most attempts before the job is given up. */
  readonly attempts: number;
  /** The pause after the first failed attempt, in milliseconds; it doubles after each further one. */
  readonly firstPauseMs: number;
}

/** Each attempt of a job failed. */
class JobGivenUpError extends Error {
  override readonly name = 'JobGivenUpError';

  constructor(readonly attempts: number) {
    super(`the job failed ${attempts} times and was given up`);
  }
}

/**
 * The simulation: the milliseconds that one job takes, its failed attempts and pauses included. It
 * waits by `clock`, which is the system's in production and virtual in a test.
 */
export function retriedJob(job: RetriedJob, clock: Clock): ValueGenerator {
  return async ({ random, signal }) => {
    // Adds up what it waits. The clock's own differences would depend on when the job began.
    let elapsedMs = 0;
    const wait = async (ms: number): Promise<void> => {
      elapsedMs += ms;
      await clock.sleep(ms, signal);
    };
    for (let attempt = 1; ; attempt += 1) {
      await wait(random.exponential(1 / job.meanAttemptMs));
      if (random.uniform() >= job.failureRate) return elapsedMs;
      if (attempt === job.attempts) throw new JobGivenUpError(attempt);
      await wait(job.firstPauseMs * 2 ** (attempt - 1));
    }
  };
}

/**
 * The mean duration in closed form when a job is never given up: m / (1 − p) for the attempts and
 * c · p / (1 − 2p) for the pauses; finite for a failure rate p below 1/2.
 */
export function expectedDurationMs({
  meanAttemptMs,
  failureRate,
  firstPauseMs,
}: RetriedJob): number {
  return meanAttemptMs / (1 - failureRate) + (firstPauseMs * failureRate) / (1 - 2 * failureRate);
}
