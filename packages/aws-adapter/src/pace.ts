import type { Clock } from '@stepcompute/core';

/**
 * The longest wait between two looks, in milliseconds. AWS answers 10 DescribeExecution a second for a
 * whole account, 15 in its largest regions (Step Functions quotas, July 2026): a hundred runs that are
 * followed ask 9.
 */
const longestMs = 15_000;

/**
 * The waits between looks at something that takes its time: the longer it has taken, the longer the next
 * wait, so that a short run's end is seen soon and a long one's costs little. Half of a wait is drawn, so
 * that those who began together do not stay together.
 */
export class Pace {
  readonly #startedAt: number;

  /** @param leastMs the first wait, and the least */
  constructor(
    private readonly clock: Clock,
    private readonly leastMs: number,
  ) {
    this.#startedAt = clock.now();
  }

  /** @throws the signal's reason once it is aborted */
  async wait(signal?: AbortSignal): Promise<void> {
    const grown = Math.min(longestMs, (this.clock.now() - this.#startedAt) / 10);
    const drawn = grown * (0.5 + Math.random() / 2);
    await this.clock.sleep(Math.max(this.leastMs, drawn), signal);
  }
}
