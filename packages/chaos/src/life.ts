import { PersistenceError, type Clock, type Stores } from '@stepcompute/core';
import type { ChaosSchedule } from './chaos-schedule.js';
import type { ChaosHooks } from './chaos-subject.js';
import { interceptedStores } from './intercepted-stores.js';

/** The message of every injected error begins with this. */
export const injectedMark = 'injected:';

/** A process's time with a run, from its start to its end or its kill. */
export class Life {
  /** Resolves when the process is killed. */
  readonly killed: Promise<void>;
  /** The calls that are to be delivered again long after the end. */
  readonly late: (() => Promise<unknown>)[] = [];
  #markKilled!: () => void;
  #isKilled = false;

  constructor(
    private readonly schedule: ChaosSchedule,
    private readonly hooks: ChaosHooks,
  ) {
    this.killed = new Promise((resolve) => {
      this.#markKilled = resolve;
    });
  }

  /** The stores as this life sees them: every call may meet a fault. */
  stores(stores: Stores): Stores {
    return interceptedStores(stores, (call, isWrite) => this.#around(call, isWrite));
  }

  /** The clock as this life sees it: it may jump. */
  clock(clock: Clock): Clock {
    let offset = 0;
    return {
      now: () => {
        const jump = this.schedule.clockJump();
        if (jump !== undefined) {
          this.schedule.note('clock jump');
          offset += jump;
        }
        return clock.now() + offset;
      },
      sleep: (ms, signal) => clock.sleep(ms, signal),
    };
  }

  /** @param isWrite true for a statement that can outlive its sender, and so come late */
  async #around<T>(call: () => Promise<T>, isWrite: boolean): Promise<T> {
    if (this.#isKilled) return never();
    const { restart } = this.hooks;
    const fault = this.schedule.storeFault(
      (one) =>
        (one !== 'late delivery' || isWrite) &&
        (one !== 'database restart' || restart !== undefined),
    );
    if (fault !== undefined) this.schedule.note(fault);
    if (fault === 'kill before') return this.#kill();
    if (fault === 'throttling') throw injected('too many calls');
    // Not awaited yet, so that the call meets a database that goes away.
    const restarted = fault === 'database restart' ? restart?.() : undefined;
    const answer = await call();
    await restarted;
    if (fault === 'duplicate delivery') await call();
    if (fault === 'late delivery') this.late.push(call);
    if (fault === 'kill after') return this.#kill();
    if (fault === 'lost acknowledgement') throw injected('the answer was lost');
    // Another call may have met its kill meanwhile.
    return this.#hasEnded() ? never() : answer;
  }

  #hasEnded(): boolean {
    return this.#isKilled;
  }

  #kill(): Promise<never> {
    this.hooks.kill?.();
    this.#isKilled = true;
    this.#markKilled();
    return never();
  }
}

/** The answer that a killed process gets. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}

function injected(message: string): PersistenceError {
  return new PersistenceError(`${injectedMark} ${message}`, { retryable: true });
}
