import { performance } from 'node:perf_hooks';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Clock } from '@stepcompute/core';

/** The longest that one Node timer can run: 2^31 − 1 ms, almost 25 days. */
const longestTimerMs = 2_147_483_647;

/** The process's monotonic clock and real timers. */
export class SystemClock implements Clock {
  now(): number {
    return performance.now();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const options = signal === undefined ? undefined : { signal };
    try {
      if (ms <= 0) await setImmediate(undefined, options);
      for (let left = ms; left > 0; left -= longestTimerMs) {
        await setTimeout(Math.min(left, longestTimerMs), undefined, options);
      }
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error;
    }
  }
}
