import type { Stores } from '../ports/stores.js';
import { PersistenceError } from '../run/run-errors.js';
import type { Clock } from '../time/clock.js';
import type { ChaosSchedule } from './chaos-schedule.js';
import { interceptedStores } from './intercepted-stores.js';

/** How a process ends and a database restarts, where that is not only played. */
export interface ChaosHooks {
  /** Ends this process as SIGKILL does. Default: its stores answer no more. */
  readonly kill?: (() => void) | undefined;
  /** Restarts the database under whoever uses it. Default: left out. */
  readonly restart?: (() => Promise<void>) | undefined;
}

/** One life of a process that uses stores: from its start to its end or its kill. */
export class Life {
  /** Resolves when it is killed. */
  readonly killed: Promise<void>;
  /** Calls to be delivered again long after the end. */
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

  /**
   * A store's call with whatever befalls it.
   * @param isWrite whether it may come late: a statement that outlives its sender
   */
  async around<T>(call: () => Promise<T>, isWrite = false): Promise<T> {
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
    // Not waited for: the call meets a database that goes away.
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

/** What a process that is gone waits for. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}

function injected(message: string): PersistenceError {
  return new PersistenceError(`${injectedMark} ${message}`, { retryable: true });
}

/** What the message of every injected error holds. */
export const injectedMark = 'injected:';

/** The stores as a life sees them: every call of theirs may meet a fault. */
export function faultyStores(stores: Stores, life: Life): Stores {
  return interceptedStores(stores, (call, isWrite) => life.around(call, isWrite));
}

/** A clock that jumps. */
export class JumpingClock implements Clock {
  #offset = 0;

  constructor(
    private readonly clock: Clock,
    private readonly schedule: ChaosSchedule,
  ) {}

  now(): number {
    const jump = this.schedule.clockJump();
    if (jump !== undefined) {
      this.schedule.note('clock jump');
      this.#offset += jump;
    }
    return this.clock.now() + this.#offset;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.clock.sleep(ms, signal);
  }
}
