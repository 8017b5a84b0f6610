import type { IterationId } from '../run/numbers.js';
import { IterationTimeoutError } from '../run/run-errors.js';
import type { RunIdentity } from '../run/run.js';
import { contextFor, type AnyGenerator, type Drawn } from '../simulation/generator.js';
import type { Clock } from '../time/clock.js';
import { Stop } from './stop.js';

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
  /** Open: what ends it from outside. Then its time-out, if that has passed; else undefined. */
  #state: Stop | IterationTimeoutError | undefined;

  /** @param stop ends the attempt from outside */
  constructor(stop: Stop) {
    this.#state = stop;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const state = this.#state;
      this.#controller = state instanceof Stop ? state.open() : new AbortController();
      if (state instanceof IterationTimeoutError) this.#controller.abort(state);
    }
    return this.#controller.signal;
  }

  /**
   * True when the attempt was stopped and its generator could know: whatever that throws then is no
   * failure of the iteration, since it may be how it obeys.
   */
  get wasStopped(): boolean {
    const state = this.#state;
    return this.#controller !== undefined && state instanceof Stop && state.isStopped;
  }

  /**
   * Calls the generator. A promise that comes back is the generator's own, unless there is a time-out:
   * then it rejects when the time is up, whatever the generator makes of being aborted.
   * @returns what no one has checked yet, or a promise of it
   */
  draw(
    generator: AnyGenerator,
    identity: RunIdentity,
    iterationId: IterationId,
    { timeoutMs, clock }: AttemptSettings,
  ): Drawn<string> | Promise<Drawn<string>> {
    const drawn = generator(contextFor(generator, identity, iterationId, this));
    return timeoutMs !== undefined && isPromiseLike(drawn) && this.#state instanceof Stop
      ? this.#within(timeoutMs, drawn, clock, this.#state)
      : drawn;
  }

  /** Ends the attempt: a stop that comes later does not concern it. */
  close(): void {
    if (this.#state instanceof Stop) this.#leave(this.#state, undefined);
  }

  #within<T>(timeoutMs: number, drawn: Promise<T>, clock: Clock, stop: Stop): Promise<T> {
    const timer = stop.open();
    const timeUp = new Promise<never>((_, reject) => {
      const overrun = (): void => {
        const late = new IterationTimeoutError(timeoutMs);
        this.#leave(stop, late);
        // First, so that it counts whatever the generator answers to being aborted.
        reject(late);
        this.#controller?.abort(late);
      };
      // Stopped, or settled: then the time-out says nothing.
      clock.sleep(timeoutMs, timer.signal, 'time-out').then(overrun, () => undefined);
    });
    return Promise.race([drawn, timeUp]).finally(() => {
      timer.abort();
      stop.close(timer);
    });
  }

  #leave(stop: Stop, late: IterationTimeoutError | undefined): void {
    if (this.#controller !== undefined) stop.close(this.#controller);
    this.#state = late;
  }
}

/** True when there is something to wait for. */
export function isPromiseLike<T>(value: T | Promise<T>): value is Promise<T> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  );
}
