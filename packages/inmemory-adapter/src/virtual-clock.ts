import { setImmediate, setTimeout } from 'node:timers';
import type { Clock, SleepPurpose } from '@stepcompute/core';
import { refuseUnknown, type FieldNames } from '@stepcompute/core/adapters';
import { Moments } from './moments.js';
import { pendingIo } from './pending-io.js';

export interface VirtualClockProps {
  /**
   * True to let time-outs pass while the process waits for input or output: a pool's idle connections look
   * like that. Default: false.
   */
  readonly timesOutDuringIo?: boolean | undefined;
}

const propsFields: FieldNames<VirtualClockProps> = { timesOutDuringIo: true };

interface Sleeper {
  readonly wake: () => void;
  readonly purpose: SleepPurpose;
}

/** Between two pieces of input or output there may be so many turns of the event loop without any. */
const quietTurns = 10;

/** A time-out that is held back for so many looks, of a millisecond or more, is worth a word. */
const looksBeforeWarning = 2000;

/**
 * A clock for tests: its time stands still while there is work to do, then jumps to the moment that
 * the next sleeper waits for. Ten minutes of delay take no longer than the work around them, and the
 * order of events is the same each time.
 *
 * A time-out does not pass while the process waits for input or output, as of a file, a socket, or a
 * child process: the iteration that it guards may be at it, which takes no virtual time. Real timers
 * and the work of other threads hold nothing back.
 * @example
 * const clock = new VirtualClock();
 * await simulate(generator, { repetitions: 1000, delayMs: 600_000, clock });
 * clock.now(); // 600000, after some milliseconds
 */
export class VirtualClock implements Clock {
  readonly #timesOutDuringIo: boolean;
  #now = 0;
  /** Those asleep, by the moment they wait for; of one moment, in the order they came. */
  readonly #sleepers = new Map<number, Set<Sleeper>>();
  /** Each moment that somebody waits for, or has waited for and was aborted. */
  readonly #moments = new Moments();
  #scheduled = false;
  /** Of the time-outs that come next: for how many turns nothing was seen that holds them back. */
  #quiet = 0;
  /** And for how many looks something was. */
  #held = 0;

  /** @throws InvalidInputError when there is no such property */
  constructor(props: VirtualClockProps = {}) {
    const { timesOutDuringIo = false } = refuseUnknown(props, 'properties', propsFields);
    this.#timesOutDuringIo = timesOutDuringIo;
  }

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

  sleep(ms: number, signal?: AbortSignal, purpose: SleepPurpose = 'delay'): Promise<void> {
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
        purpose,
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
    const turn = (): void => {
      this.#scheduled = false;
      this.#advance();
      this.#schedule();
    };
    // A loop that turns without a pause takes a whole core from what it waits for.
    if (this.#held > 0 && this.#quiet === 0) setTimeout(turn, 1);
    else setImmediate(turn);
  }

  #advance(): void {
    const next = this.#next();
    if (next === undefined) return;
    const [moment, sleepers] = next;
    const due = [...sleepers].filter(({ purpose }) => purpose === 'delay');
    if (due.length < sleepers.size && this.#mayTimeOut()) due.splice(0, Infinity, ...sleepers);
    if (due.length === 0) return;
    this.#now = moment;
    this.#quiet = 0;
    this.#held = 0;
    for (const sleeper of due) {
      this.#remove(moment, sleeper);
      sleeper.wake();
    }
  }

  /** True when nothing holds back the time-outs that come next. */
  #mayTimeOut(): boolean {
    if (this.#timesOutDuringIo) return true;
    const io = pendingIo();
    if (io.length === 0) {
      this.#quiet += 1;
      return this.#quiet > quietTurns;
    }
    this.#quiet = 0;
    this.#held += 1;
    if (this.#held === looksBeforeWarning) {
      process.emitWarning(
        `a virtual clock holds back a time-out while input or output is pending (${io.join(', ')}); ` +
          'new VirtualClock({ timesOutDuringIo: true }) lets it pass',
        { type: 'StepComputeWarning' },
      );
    }
    return false;
  }

  /** The earliest moment that somebody still waits for. */
  #next(): readonly [number, ReadonlySet<Sleeper>] | undefined {
    for (;;) {
      const { earliest } = this.#moments;
      if (earliest === undefined) return undefined;
      const sleepers = this.#sleepers.get(earliest);
      if (sleepers !== undefined) return [earliest, sleepers];
      this.#moments.removeEarliest();
    }
  }
}
