/** Where time comes from: the system's in production, a virtual one in tests. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /**
   * Resolves after `ms` milliseconds of this clock; with 0, after other pending work has had its turn.
   * Rejects with the signal's reason, leaving no timer behind, as soon as the signal is aborted.
   * @param purpose `time-out`: it guards work that may not wait by this clock. A clock that jumps holds it back
   * while such work goes on. Default: `delay`
   */
  sleep(ms: number, signal?: AbortSignal, purpose?: SleepPurpose): Promise<void>;
}

export type SleepPurpose = 'delay' | 'time-out';

/** The key under which a container binds the {@link Clock}. */
export const Clock = Symbol.for('@stepcompute/core/Clock');
