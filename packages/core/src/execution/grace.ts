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

/**
 * Waits for a store's work, and for no more than a few seconds of it once the signal is aborted.
 * @param cancelled the error when there is no answer by then, for the signal's reason
 */
export async function heeding<T>(
  signal: AbortSignal | undefined,
  work: Promise<T>,
  cancelled: (reason: unknown) => Error,
): Promise<T> {
  if (signal === undefined) return work;
  const none = Symbol('no answer');
  let abort!: () => void;
  const aborted = new Promise<void>((resolve) => {
    abort = resolve;
  });
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    const late = aborted.then(() => shortly(work, none));
    const answer = await Promise.race([work, late]);
    if (answer === none) throw cancelled(signal.reason);
    return answer;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
