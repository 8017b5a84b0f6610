import type { Clock } from './clock.js';

/** The web's timers and Node's `setImmediate`, named here alone: nothing else of the domain knows them. */
interface Timers {
  readonly setTimeout: (callback: () => void, ms: number) => unknown;
  readonly clearTimeout: (timer: unknown) => void;
  /** Where there is none, as in browsers, a timer of 0 ms takes its place. */
  readonly setImmediate?: (callback: () => void) => unknown;
  readonly clearImmediate?: (immediate: unknown) => void;
  readonly performance: { readonly now: () => number };
}

/** Taken once, so that fake timers which a test installs later leave a run alone. */
const {
  setTimeout,
  clearTimeout,
  setImmediate = (callback: () => void) => setTimeout(callback, 0),
  clearImmediate = clearTimeout,
  performance,
} = globalThis as unknown as Timers;

/** The longest that one timer can run: 2^31 − 1 ms, almost 25 days. */
const longestTimerMs = 2_147_483_647;

/** The platform's monotonic clock and real timers. */
export class SystemClock implements Clock {
  now(): number {
    return performance.now();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      let stop: () => void;
      const cancel = (): void => {
        stop();
        reject(signal?.reason as Error);
      };
      const wake = (): void => {
        signal?.removeEventListener('abort', cancel);
        resolve();
      };
      const wait = (left: number): void => {
        const timer = setTimeout(
          () => (left > longestTimerMs ? wait(left - longestTimerMs) : wake()),
          Math.min(left, longestTimerMs),
        );
        stop = () => clearTimeout(timer);
      };
      if (ms > 0) wait(ms);
      else {
        const immediate = setImmediate(wake);
        stop = () => clearImmediate(immediate);
      }
      signal?.addEventListener('abort', cancel, { once: true });
    });
  }
}
