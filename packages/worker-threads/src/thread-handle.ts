import { join } from 'node:path';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { SystemClock } from '@stepcompute/core';
import type { RangeReport, RangeWork, ThreadData } from './messages.js';

const clock = new SystemClock();

/** Why a thread has ended: it was ended, since it stood still or was not wanted any more; or it broke down. */
export type ThreadEnd =
  | { readonly reason: 'still' | 'unwanted' }
  | { readonly reason: 'broken'; readonly error: unknown };

/** What a thread tells of. */
export interface ThreadListener {
  readonly onReport: (report: RangeReport) => void;
  /** Called once. */
  readonly onEnd: (end: ThreadEnd) => void;
}

/**
 * One thread, from its start to its end. Free → beginning (it has been given a range, and does not answer
 * before it has begun what it will of it) → free, while what it has begun may still wait for its values.
 */
export class ThreadHandle {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #begun = new Int32Array(new SharedArrayBuffer(4));
  /** While somebody waits for it. */
  #watchdog: AbortController | undefined;
  /** How many iterations it had begun before the range that it is at. */
  #begunBefore = 0;
  #reports = 0;
  readonly #timeoutMs: number | undefined;
  #isBeginning = false;
  #isEnded = false;

  constructor(
    data: Omit<ThreadData, 'begun' | 'port'>,
    private readonly listener: ThreadListener,
  ) {
    this.#timeoutMs = data.timeoutMs;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const workerData: ThreadData = { ...data, begun: this.#begun, port: port2 };
    this.#worker = new Worker(join(__dirname, 'thread.js'), { workerData, transferList: [port2] });
    this.#worker.on('error', (error) => this.#end({ reason: 'broken', error }));
    this.#worker.on('exit', (code) => {
      const error = new Error(`worker exited with code: ${code}`);
      this.#end({ reason: 'broken', error });
    });
    port1.on('message', (report: RangeReport) => {
      this.#reports += 1;
      if (report.begun !== undefined) this.#isBeginning = false;
      if (!this.#isEnded) listener.onReport(report);
    });
    this.#worker.unref();
    port1.unref();
  }

  get isFree(): boolean {
    return !this.#isBeginning && !this.#isEnded;
  }

  /** The position in its last range from which on it has begun none; Infinity where that is not known. */
  get unbegunFrom(): number {
    const begun = this.#begunOfLast;
    // One that broke down as it started has begun none, and may do so again with any of them.
    return this.#isBeginning && begun > 0 ? begun : Infinity;
  }

  get #begunOfLast(): number {
    return Atomics.load(this.#begun, 0) - this.#begunBefore;
  }

  give(work: RangeWork): void {
    this.#isBeginning = true;
    this.#begunBefore = Atomics.load(this.#begun, 0);
    this.#port.postMessage(work);
  }

  /** Somebody waits for it: the process goes on for that, and it may not stand still. */
  startWork(): void {
    if (this.#watchdog !== undefined) return;
    this.#watchdog = new AbortController();
    this.#worker.ref();
    this.#port.ref();
    if (this.#timeoutMs !== undefined) void this.#watch(this.#timeoutMs, this.#watchdog.signal);
  }

  stopWork(): void {
    this.#watchdog?.abort();
    this.#watchdog = undefined;
    this.#worker.unref();
    this.#port.unref();
  }

  /** Ends it, whatever it is at. */
  end(reason: 'still' | 'unwanted'): void {
    this.#end({ reason });
  }

  /** Ends it without telling. */
  async close(): Promise<void> {
    this.#isEnded = true;
    await this.#terminate();
  }

  #end(end: ThreadEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    void this.#terminate();
    this.listener.onEnd(end);
  }

  async #terminate(): Promise<void> {
    this.stopWork();
    this.#port.close();
    await this.#worker.terminate();
  }

  /**
   * Ends a thread that stands still: one that begins nothing new for as long as one iteration may take; or,
   * with all begun, reports nothing for twice as long, since its own timers end what waits.
   */
  async #watch(timeoutMs: number, signal: AbortSignal): Promise<void> {
    let rounds = 0;
    for (let before = this.#activity; ; before = this.#activity) {
      try {
        await clock.sleep(timeoutMs, signal);
      } catch {
        return;
      }
      // One that has begun nothing of its range is still starting, or loading the simulation.
      const isStarting = this.#isBeginning && this.#begunOfLast === 0;
      rounds = this.#activity === before && !isStarting ? rounds + 1 : 0;
      if (rounds >= (this.#isBeginning ? 1 : 2)) this.end('still');
    }
  }

  /** Grows with all that can be seen of it. */
  get #activity(): number {
    return Atomics.load(this.#begun, 0) + this.#reports;
  }
}
