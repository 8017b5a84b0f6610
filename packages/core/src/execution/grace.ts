import { SystemClock } from '../time/system-clock.js';

/** So long does who cancels wait for a store that may never answer, in milliseconds. */
const graceMs = 3000;

/** Real time, since what is waited for is outside of this process. */
const clock = new SystemClock();

/**
 * Waits for a store's work as long as who has cancelled should have to. What comes later has no effect
 * here, whatever it has in the store.
 * @param otherwise the answer when there is none by then, or it is an error
 */
export async function shortly<T, Otherwise>(
  work: Promise<T>,
  otherwise: Otherwise,
): Promise<T | Otherwise> {
  const timer = new AbortController();
  const timeUp = clock.sleep(graceMs, timer.signal).then(
    () => otherwise,
    () => otherwise,
  );
  try {
    return await Promise.race([work, timeUp]);
  } catch {
    return otherwise;
  } finally {
    timer.abort();
  }
}
