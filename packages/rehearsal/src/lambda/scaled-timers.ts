import { syncBuiltinESMExports } from 'node:module';
import { performance } from 'node:perf_hooks';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import { promisify } from 'node:util';

/** The waits of a function that the time scale makes shorter. */
export interface ScaledWaits {
  readonly factor: number;
  /** Scaled, in milliseconds: a timer of exactly one of these lengths is such a wait. */
  readonly waitsMs: readonly number[];
}

/**
 * The time of an invocation on AWS: this process's, and what the scale takes off the function's waits.
 * Waits side by side pass at once, as they do there; one after another they add up.
 */
export class ScaledTimers {
  #start = 0;
  #removedMs = 0;
  #timeoutMs = Infinity;
  #onTimeout: () => void = () => undefined;

  constructor(private readonly waits: ScaledWaits) {
    if (waits.waitsMs.length > 0) this.#install();
  }

  /** The time that the scale has taken off the invocation so far, in milliseconds. */
  get removedMs(): number {
    return this.#removedMs;
  }

  /** Begins an invocation. @param onTimeout called when a wait ends after the function's time is up */
  begin(timeoutMs: number, onTimeout: () => void): void {
    this.#start = performance.now();
    this.#removedMs = 0;
    this.#timeoutMs = timeoutMs;
    this.#onTimeout = onTimeout;
  }

  /** How much of its time the invocation has left, in whole milliseconds. */
  get remainingMs(): number {
    return Math.max(0, Math.floor(this.#timeoutMs - this.#realMs - this.#removedMs));
  }

  get #realMs(): number {
    return performance.now() - this.#start;
  }

  /** @returns when a wait that begins now is over on AWS, in milliseconds from the invocation's start */
  #dueOf(ms: number): number | undefined {
    if (!this.waits.waitsMs.includes(ms)) return undefined;
    return this.#realMs + this.#removedMs + ms * this.waits.factor;
  }

  /** Says that a wait is over. @returns false when the function's time is, too, so that nothing may follow */
  #pass(due: number): boolean {
    this.#removedMs = Math.max(this.#removedMs, due - this.#realMs);
    if (due <= this.#timeoutMs) return true;
    this.#onTimeout();
    return false;
  }

  #install(): void {
    const { setTimeout: real } = timers;
    const { setTimeout: realPromise } = timersPromises;
    const scaled = (callback: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
      const due = this.#dueOf(ms);
      if (due === undefined) return real(callback, ms, ...args);
      return real(() => {
        if (this.#pass(due)) callback(...args);
      }, ms);
    };
    const scaledPromise = async <T>(ms?: number, value?: T, options?: object): Promise<T> => {
      const due = this.#dueOf(ms ?? 0);
      const result = await realPromise(ms, value, options);
      return due === undefined || this.#pass(due) ? result : new Promise(() => undefined);
    };
    Object.defineProperty(scaled, promisify.custom, { value: scaledPromise });
    Object.assign(globalThis, { setTimeout: scaled });
    Object.assign(timers, { setTimeout: scaled });
    Object.assign(timersPromises, { setTimeout: scaledPromise });
    syncBuiltinESMExports();
  }
}
