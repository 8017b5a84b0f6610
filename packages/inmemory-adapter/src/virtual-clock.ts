import { setImmediate } from 'node:timers';
import type { Clock } from '@stepcompute/core';

interface Sleeper {
  readonly wake: () => void;
}

/**
 * A clock for tests: its time stands still while there is work to do, then jumps to the moment that
 * the next sleeper waits for. Ten minutes of delay take no longer than the work around them, and the
 * order of events is the same each time. Real time and real input or output do not hold it back, so
 * a simulation under it waits by this clock alone.
 * @example
 * const clock = new VirtualClock();
 * await simulate(generator, { repetitions: 1000, delayMs: 600_000, clock });
 * clock.now(); // 600000, after some milliseconds
 */
export class VirtualClock implements Clock {
  #now = 0;
  /** Those asleep, by the moment they wait for; of one moment, in the order they came. */
  readonly #sleepers = new Map<number, Set<Sleeper>>();
  /** Each moment that somebody waits for, or has waited for and was aborted. */
  readonly #moments = new Moments();
  #scheduled = false;

  /** Virtual milliseconds since the clock was made. */
  now(): number {
    return this.#now;
  }

  /** How many sleeps are pending: 0 when nothing was left behind. */
  get pending(): number {
    let count = 0;
    for (const sleepers of this.#sleepers.values()) count += sleepers.size;
    return count;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const moment = this.#now + Math.max(0, ms);
      const cancel = (): void => {
        this.#remove(moment, sleeper);
        reject(signal?.reason as Error);
      };
      const sleeper: Sleeper = {
        wake: () => {
          signal?.removeEventListener('abort', cancel);
          resolve();
        },
      };
      signal?.addEventListener('abort', cancel, { once: true });
      const sleepers = this.#sleepers.get(moment) ?? new Set();
      if (sleepers.size === 0) this.#moments.add(moment);
      this.#sleepers.set(moment, sleepers.add(sleeper));
      this.#schedule();
    });
  }

  #remove(moment: number, sleeper: Sleeper): void {
    const sleepers = this.#sleepers.get(moment);
    sleepers?.delete(sleeper);
    if (sleepers?.size === 0) this.#sleepers.delete(moment);
    // Moments that nobody waits for any more are left until they outnumber the others.
    if (this.#moments.count > 2 * this.#sleepers.size + 64) {
      this.#moments.replaceBy(this.#sleepers.keys());
    }
  }

  /** Time moves on a turn of the event loop, when all that could go on has gone on. */
  #schedule(): void {
    if (this.#scheduled || this.#sleepers.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#advance();
      this.#schedule();
    });
  }

  #advance(): void {
    for (;;) {
      const earliest = this.#moments.takeEarliest();
      if (earliest === undefined) return;
      const sleepers = this.#sleepers.get(earliest);
      // All who waited for it were aborted.
      if (sleepers === undefined) continue;
      this.#sleepers.delete(earliest);
      this.#now = earliest;
      for (const { wake } of sleepers) wake();
      return;
    }
  }
}

/** Numbers of which the least is at hand: a binary heap. */
class Moments {
  readonly #heap: number[] = [];

  add(moment: number): void {
    const heap = this.#heap;
    let place = heap.push(moment) - 1;
    for (
      let parent = (place - 1) >> 1;
      place > 0 && heap[parent]! > moment;
      parent = (place - 1) >> 1
    ) {
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = moment;
  }

  get count(): number {
    return this.#heap.length;
  }

  replaceBy(moments: Iterable<number>): void {
    this.#heap.length = 0;
    for (const moment of moments) this.add(moment);
  }

  /** Undefined when there is none. */
  takeEarliest(): number | undefined {
    const heap = this.#heap;
    const [earliest] = heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return earliest;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const right = left + 1;
      const child = right < heap.length && heap[right]! < heap[left]! ? right : left;
      if (child >= heap.length || heap[child]! >= last) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
    return earliest;
  }
}
