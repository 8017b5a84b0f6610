import type { IterationId } from '../run/numbers.js';
import { IterationTimeoutError } from '../run/run-errors.js';
import type { RunIdentity } from '../run/run.js';
import { SeededIteration, type ValueGenerator } from '../simulation/generator.js';
import type { Clock } from '../time/clock.js';
import type { Stop } from './stop.js';

/** How an attempt is made. */
export interface AttemptSettings {
  /** The longest that an asynchronous generator may take, in milliseconds; undefined: no limit. */
  readonly timeoutMs: number | undefined;
  readonly clock: Clock;
}

/**
 * One call of a generator for one iteration, from its start to its close. Its signal is made when it
 * is first asked for, and knows what happened before: few generators ask, and a signal costs more
 * than a value.
 */
export class Attempt {
  #controller: AbortController | undefined;
  /** The time-out, once it has passed. */
  #late: IterationTimeoutError | undefined;
  /** Undefined when the attempt is closed. */
  #stop: Stop | undefined;

  /** @param stop ends the attempt from outside */
  constructor(stop: Stop) {
    this.#stop = stop;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = this.#stop?.open() ?? new AbortController();
      if (this.#late !== undefined) this.#controller.abort(this.#late);
    }
    return this.#controller.signal;
  }

  /**
   * Whether the attempt was stopped and its generator could know: whatever that throws then is no
   * failure of the iteration, since it may be how it obeys.
   */
  get wasStopped(): boolean {
    const isStopped = this.#stop?.isStopped === true;
    return isStopped && this.#controller !== undefined && this.#late === undefined;
  }

  /**
   * Calls the generator. A promise that comes back is the generator's own, unless there is a time-out:
   * then it rejects when the time is up, whatever the generator makes of being aborted.
   * @returns a value that `parseValue` has yet to see, or a promise of one
   */
  draw(
    generator: ValueGenerator,
    identity: RunIdentity,
    iterationId: IterationId,
    { timeoutMs, clock }: AttemptSettings,
  ): number | Promise<number> {
    const drawn = generator(new SeededIteration(identity, iterationId, this));
    if (timeoutMs === undefined || !isPromiseLike(drawn)) return drawn;
    const stop = this.#stop;
    const timer = stop?.open() ?? new AbortController();
    const timeUp = new Promise<never>((_, reject) => {
      const overrun = (): void => {
        this.#late = new IterationTimeoutError(timeoutMs);
        // First, so that it counts whatever the generator answers to being aborted.
        reject(this.#late);
        this.#controller?.abort(this.#late);
      };
      clock.sleep(timeoutMs, timer.signal).then(overrun, () => undefined);
    });
    return Promise.race([drawn, timeUp]).finally(() => {
      timer.abort();
      stop?.close(timer);
    });
  }

  /** Ends the attempt: a stop that comes later does not concern it. */
  close(): void {
    if (this.#controller !== undefined) this.#stop?.close(this.#controller);
    this.#stop = undefined;
  }
}

/** Whether there is something to wait for. */
export function isPromiseLike(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
