/** The longest that one timer of Node's can run: 2^31 − 1 ms, almost 25 days. With more it goes off at once. */
export const longestTimerMs = 2_147_483_647;

/**
 * Calls back after `ms` milliseconds, however many those are.
 * @returns what calls it off
 */
export function after(ms: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = (left: number): void => {
    timer = setTimeout(
      () => (left > longestTimerMs ? wait(left - longestTimerMs) : callback()),
      Math.min(left, longestTimerMs),
    );
  };
  wait(ms);
  return () => clearTimeout(timer);
}
