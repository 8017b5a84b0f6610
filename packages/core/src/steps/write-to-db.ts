import { RunningMean } from '../average.js';
import type { Clock } from '../clock.js';
import { CancelledError, IterationFailedError, IterationTimeoutError, messageOf } from '../errors.js';
import { GroupCommit } from '../group-commit.js';
import type { Progress, RunOptions } from '../orchestrator.js';
import { iterationsOf, type IterationId, type RunPlan } from '../range.js';
import { Milliseconds, parseInteger, Repetitions, type Run } from '../run.js';
import { readLedger, type IterationFailure, type Stores } from '../stores.js';
import { parseValue, SeededIteration, type IterationValue, type ValueGenerator } from '../value.js';

/** How step 2 goes about its ranges. */
export interface WriteToDbOptions extends RunOptions {
  /** The most iterations in flight at a time: generating or waiting their delay. At least 1. */
  readonly concurrency: number;
  /** The longest that one call of an asynchronous generator may take; the delay does not count. Default: no limit. */
  readonly timeoutMs?: number | undefined;
}

/** Step 2: for each missing iteration, generates its value, waits the run's delay, and stores it. */
export class WriteToDb {
  constructor(
    private readonly generator: ValueGenerator,
    private readonly stores: Pick<Stores, 'values' | 'failures'>,
    private readonly clock: Clock,
  ) {}

  /**
   * Returns when every iteration of the plan has its value stored durably. The first failure stops
   * new work and aborts what is in flight; what was completed until then is stored. A generator that
   * ignores its signal is abandoned: whatever it answers later has no effect.
   * @throws InvalidInputError when an option is out of range
   * @throws IterationFailedError for the lowest iteration that failed, after recording all that did
   * @throws CancelledError when the signal was aborted before the plan was done
   * @throws ConflictingValueError, PersistenceError from the store
   */
  async execute(plan: RunPlan, options: WriteToDbOptions): Promise<void> {
    const concurrency = parseInteger(options.concurrency, 'concurrency', 1, Repetitions.maximum);
    const timeoutMs =
      options.timeoutMs === undefined
        ? undefined
        : Milliseconds.parse(options.timeoutMs, 'timeout', 1);
    await new Attempt(plan, this.generator, this.stores, this.clock, timeoutMs, options).execute(
      concurrency,
    );
  }
}

/**
 * One execution of the step. Running → stopped (a failure, the store's error, or the caller's signal)
 * → closed: from then on nothing that a late generator does is listened to.
 */
class Attempt {
  readonly #run: Run;
  readonly #outstanding: number;
  readonly #iterations: Iterator<IterationId, void>;
  readonly #failures = new Map<IterationId, unknown>();
  readonly #stop = new AbortController();
  readonly #runningMean = new RunningMean();
  readonly #commit: GroupCommit;
  readonly #startedAt: number;
  #stored = 0;
  #storeError: { readonly thrown: unknown } | undefined;
  #closed = false;

  constructor(
    plan: RunPlan,
    private readonly generator: ValueGenerator,
    private readonly stores: Pick<Stores, 'values' | 'failures'>,
    private readonly clock: Clock,
    private readonly timeoutMs: number | undefined,
    private readonly options: RunOptions,
  ) {
    this.#run = plan.run;
    this.#outstanding = plan.missing.reduce((total, { count }) => total + count, 0);
    this.#iterations = iterationsOf(plan.missing);
    this.#startedAt = clock.now();
    this.#commit = new GroupCommit(
      (batch) => this.#store(batch),
      (thrown) => {
        this.#storeError = { thrown };
        this.#stop.abort(thrown);
      },
      clock,
    );
  }

  async execute(concurrency: number): Promise<void> {
    const { signal } = this.options;
    const cancel = (): void => this.#stop.abort(signal?.reason);
    const stopped = new Promise<void>((resolve) => {
      this.#stop.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    if (signal?.aborted === true) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      this.#report();
      const lanes = Promise.all(
        Array.from({ length: Math.min(concurrency, this.#outstanding) }, () => this.#lane()),
      );
      await Promise.race([lanes, stopped]);
      // Those that heed the signal get one turn to end, so that failures of the same moment are all on record.
      if (this.#stop.signal.aborted) await Promise.race([lanes, this.clock.sleep(0)]);
    } finally {
      this.#closed = true;
      this.#stop.abort();
      signal?.removeEventListener('abort', cancel);
      await this.#commit.flush();
    }
    await this.#conclude();
  }

  /** Takes one iteration after the other until there are none left or the work is stopped. Never rejects. */
  async #lane(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const next = this.#iterations.next();
      if (next.done === true) return;
      const iterationId = next.value;
      let value: number;
      try {
        const drawn = this.#draw(iterationId);
        value = parseValue(typeof drawn === 'number' ? drawn : await drawn);
        if (this.#run.delayMs > 0) await this.clock.sleep(this.#run.delayMs, this.#stop.signal);
      } catch (thrown) {
        this.#fail(iterationId, thrown);
        return;
      }
      if (this.#closed) return;
      const room = this.#commit.add({ iterationId, value });
      if (room !== undefined) await room;
    }
  }

  #fail(iterationId: IterationId, thrown: unknown): void {
    const abandoned = this.#stop.signal.aborted && isAbort(thrown, this.#stop.signal);
    if (this.#closed || abandoned) return;
    this.#failures.set(iterationId, thrown);
    this.#stop.abort(thrown);
  }

  #draw(iterationId: IterationId): number | Promise<number> {
    const { id, seed } = this.#run;
    const stop = this.#stop.signal;
    if (this.timeoutMs === undefined) {
      return this.generator(new SeededIteration(id, iterationId, seed, stop));
    }
    const expiry = new AbortController();
    const drawn = this.generator(new SeededIteration(id, iterationId, seed, expiry.signal));
    return isPromiseLike(drawn) ? this.#within(this.timeoutMs, drawn, expiry) : drawn;
  }

  /** Settles as `drawn` does, or rejects when the time is up or the work is stopped; leaves no timer behind. */
  async #within(
    timeoutMs: number,
    drawn: Promise<number>,
    expiry: AbortController,
  ): Promise<number> {
    const stop = this.#stop.signal;
    const timer = new AbortController();
    const forward = (): void => {
      expiry.abort(stop.reason);
      timer.abort(stop.reason);
    };
    stop.addEventListener('abort', forward, { once: true });
    const timeUp = this.clock.sleep(timeoutMs, timer.signal).then(() => {
      const error = new IterationTimeoutError(timeoutMs);
      expiry.abort(error);
      throw error;
    });
    try {
      return await Promise.race([drawn, timeUp]);
    } finally {
      stop.removeEventListener('abort', forward);
      timer.abort();
      timeUp.catch(() => undefined); // the timer that was just called off
    }
  }

  async #store(batch: readonly IterationValue[]): Promise<void> {
    await this.stores.values.write(this.#run.id, batch);
    this.#stored += batch.length;
    for (const { value } of batch) this.#runningMean.add(value);
    this.#report();
  }

  #report(): void {
    const { onProgress } = this.options;
    if (onProgress === undefined) return;
    const elapsedMs = this.clock.now() - this.#startedAt;
    const ratePerSecond = this.#stored === 0 || elapsedMs === 0 ? 0 : (this.#stored / elapsedMs) * 1000;
    const left = this.#outstanding - this.#stored;
    const progress: Progress = {
      run: this.#run,
      total: this.#run.repetitions,
      completed: this.#run.repetitions - left,
      failed: this.#failures.size,
      elapsedMs,
      ratePerSecond,
      remainingMs: left === 0 ? 0 : ratePerSecond === 0 ? null : (left / ratePerSecond) * 1000,
      runningMean: this.#runningMean.mean,
      runningMargin: this.#runningMean.margin,
    };
    onProgress(progress);
  }

  async #conclude(): Promise<void> {
    if (this.#storeError !== undefined) throw this.#storeError.thrown;
    const [lowest] = [...this.#failures].sort(([a], [b]) => a - b);
    if (lowest !== undefined) {
      await this.stores.failures.record(this.#run.id, [...this.#failures].map(describeFailure));
      throw new IterationFailedError(this.#run.id, ...lowest);
    }
    if (this.#stored < this.#outstanding) {
      const ledger = await readLedger(this.#run, this.stores);
      throw new CancelledError(this.#run.id, ledger, { cause: this.options.signal?.reason });
    }
  }
}

function describeFailure([iterationId, thrown]: [IterationId, unknown]): IterationFailure {
  return {
    iterationId,
    errorName: thrown instanceof Error ? thrown.name : 'Error',
    message: messageOf(thrown),
  };
}

/** Whether `thrown` only says that the work was stopped. */
function isAbort(thrown: unknown, signal: AbortSignal): boolean {
  return thrown === signal.reason || (thrown instanceof Error && thrown.name === 'AbortError');
}

function isPromiseLike(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
