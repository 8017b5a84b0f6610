import type { Clock } from './clock.js';

/**
 * The web's timers, and Node's `setImmediate` where there is one; named here alone, so that nothing
 * else of the domain knows them. Taken once: fake timers which a test installs later leave a run alone.
 */
const {
  setTimeout,
  clearTimeout,
  setImmediate = (callback: () => void) => setTimeout(callback, 0),
  clearImmediate = clearTimeout,
  performance,
} = globalThis as unknown as {
  readonly setTimeout: (callback: () => void, ms: number) => unknown;
  readonly clearTimeout: (timer: unknown) => void;
  readonly setImmediate?: (callback: () => void) => unknown;
  readonly clearImmediate?: (immediate: unknown) => void;
  readonly performance: { readonly now: () => number };
};

/** The longest that one timer can run: 2^31 − 1 ms, almost 25 days. */
const longestTimerMs = 2_147_483_647;

/** The platform's monotonic clock and real timers. */
export class SystemClock implements Clock {
  now(): number {
    return performance.now();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: unknown;
      const end = (settle: () => void): void => {
        signal?.removeEventListener('abort', cancel);
        settle();
      };
      const cancel = (): void => {
        (ms > 0 ? clearTimeout : clearImmediate)(timer);
        end(() => reject(signal?.reason as Error));
      };
      const wait = (left: number): void => {
        if (left > longestTimerMs)
          timer = setTimeout(() => wait(left - longestTimerMs), longestTimerMs);
        else timer = setTimeout(() => end(resolve), left);
      };
      if (signal?.aborted === true) cancel();
      else if (ms > 0) wait(ms);
      else timer = setImmediate(() => end(resolve));
      signal?.addEventListener('abort', cancel, { once: true });
    });
  }
}
