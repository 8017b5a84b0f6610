import { RunningMean } from '../average.js';
import type { Clock } from '../clock.js';
import {
  CancelledError,
  IterationFailedError,
  InvalidInputError,
  IterationTimeoutError,
  PersistenceError,
  isError,
  isStepComputeError,
  messageOf,
} from '../errors.js';
import { GroupCommit } from '../group-commit.js';
import type { Progress, RunOptions } from '../orchestrator.js';
import { iterationsOf, type IterationId, type RunPlan } from '../range.js';
import { Milliseconds, parseInteger, Repetitions, type Run } from '../run.js';
import { readLedger, type IterationFailure, type Stores } from '../stores.js';
import { parseValue, SeededIteration, type IterationValue, type ValueGenerator } from '../value.js';

/** The source document's stated aim: a thousand iterations in parallel. */
const defaultConcurrency = 1000;

/** How step 2 goes about its iterations. */
export interface WriteToDbSettings {
  /**
   * The most iterations in flight at a time, generating or waiting their delay. They overlap while
   * they wait; computation itself stays on one thread.
   * @default 1000
   */
  readonly concurrency?: number | undefined;
  /**
   * The longest that one call of an asynchronous generator may take, in milliseconds; the delay does
   * not count.
   * @default none
   */
  readonly timeoutMs?: number | undefined;
}

export const WriteToDbSettings = {
  /**
   * The settings with their defaults filled in.
   * @throws InvalidInputError when one is out of range
   */
  parse: ({ concurrency = defaultConcurrency, timeoutMs }: WriteToDbSettings) => ({
    concurrency: parseInteger(concurrency, 'concurrency', 1, Repetitions.maximum),
    timeoutMs: timeoutMs === undefined ? undefined : Milliseconds.parse(timeoutMs, 'timeout', 1),
  }),
} as const;

/** Step 2: for each missing iteration, generates its value, waits the run's delay, and stores it. */
export class WriteToDb {
  readonly #settings: ReturnType<typeof WriteToDbSettings.parse>;

  /** @throws InvalidInputError when the generator is no function or a setting is out of range */
  constructor(
    private readonly generator: ValueGenerator,
    private readonly stores: Pick<Stores, 'values' | 'failures'>,
    private readonly clock: Clock,
    settings: WriteToDbSettings = {},
  ) {
    if (typeof generator !== 'function') {
      throw new InvalidInputError('generator', 'a function (context) => number', generator);
    }
    this.#settings = WriteToDbSettings.parse(settings);
  }

  /**
   * Returns when every iteration of the plan has its value stored durably. The first failure stops
   * new work and aborts what is in flight; what was completed until then is stored. A generator that
   * ignores its signal is abandoned: whatever it answers later has no effect.
   * @throws IterationFailedError for the lowest iteration that failed, after recording all that did
   * @throws CancelledError when the signal was aborted before the plan was done
   * @throws ConflictingValueError, PersistenceError from the store
   */
  async execute(plan: RunPlan, options: RunOptions = {}): Promise<void> {
    const { concurrency, timeoutMs } = this.#settings;
    const { generator, stores, clock } = this;
    await new Attempt(plan, generator, stores, clock, timeoutMs, options).execute(concurrency);
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
  readonly #inFlight = new InFlight();
  readonly #runningMean = new RunningMean();
  readonly #commit: GroupCommit;
  readonly #startedAt: number;
  #stored = 0;
  #broken: { readonly thrown: unknown } | undefined;
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
      (thrown) => this.#breakOff(thrown),
      clock,
    );
  }

  async execute(concurrency: number): Promise<void> {
    const { signal } = this.options;
    const cancel = (): void => this.#inFlight.stop(signal?.reason);
    if (signal?.aborted === true) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      this.#report();
      const lanes = Promise.all(
        Array.from({ length: Math.min(concurrency, this.#outstanding) }, () => this.#lane()),
      );
      await Promise.race([lanes, this.#inFlight.stopped]);
      // Those that heed their signal get one turn to end, so that failures of the same moment are all on record.
      if (this.#inFlight.isStopped) await this.clock.sleep(0);
    } finally {
      this.#closed = true;
      this.#inFlight.stop(undefined);
      signal?.removeEventListener('abort', cancel);
      await this.#commit.flush();
    }
    await this.#conclude();
  }

  /** Takes one iteration after the other until there are none left or the work is stopped. Never rejects. */
  async #lane(): Promise<void> {
    while (!this.#inFlight.isStopped) {
      const next = this.#iterations.next();
      if (next.done === true) return;
      const iterationId = next.value;
      let value: number;
      try {
        const drawn = this.#draw(iterationId);
        value = parseValue(typeof drawn === 'number' ? drawn : await drawn);
        if (this.#run.delayMs > 0) await this.#sleep(this.#run.delayMs);
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
    if (this.#closed || this.#inFlight.isAbort(thrown)) return;
    this.#failures.set(iterationId, thrown);
    // A reason of its own: iterations may fail with one and the same error, and each is a failure.
    this.#inFlight.stop(new StoppedError(thrown));
  }

  /** Calls the generator; what it answers is settled when the time is up or the iteration has ended. */
  #draw(iterationId: IterationId): number | Promise<number> {
    const { id, seed } = this.#run;
    const abort = new LazyAbort(this.#inFlight);
    const drawn = this.generator(new SeededIteration(id, iterationId, seed, abort));
    if (isPromiseLike(drawn)) return this.#settle(drawn, abort);
    abort.close();
    return drawn;
  }

  async #settle(drawn: Promise<number>, abort: LazyAbort): Promise<number> {
    try {
      return await (this.timeoutMs === undefined
        ? drawn
        : this.#within(this.timeoutMs, drawn, abort));
    } finally {
      abort.close();
    }
  }

  async #within(timeoutMs: number, drawn: Promise<number>, abort: LazyAbort): Promise<number> {
    const timer = this.#inFlight.open();
    const timeUp = this.clock.sleep(timeoutMs, timer.signal).then(() => {
      const error = new IterationTimeoutError(timeoutMs);
      abort.abort(error);
      throw error;
    });
    try {
      return await Promise.race([drawn, timeUp]);
    } finally {
      timer.abort();
      this.#inFlight.close(timer);
    }
  }

  async #sleep(ms: number): Promise<void> {
    const sleeper = this.#inFlight.open();
    try {
      await this.clock.sleep(ms, sleeper.signal);
    } finally {
      this.#inFlight.close(sleeper);
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
    const ratePerSecond =
      this.#stored === 0 || elapsedMs === 0 ? 0 : (this.#stored / elapsedMs) * 1000;
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
    const answer = onProgress(progress);
    if (isPromiseLike(answer)) answer.then(undefined, (thrown: unknown) => this.#breakOff(thrown));
  }

  /** What the store, or who follows the progress, has thrown: nothing more can be done. */
  #breakOff(thrown: unknown): void {
    this.#broken ??= { thrown };
    this.#inFlight.stop(thrown);
  }

  async #conclude(): Promise<void> {
    const [lowest] = [...this.#failures].sort(([a], [b]) => a - b);
    const failure = lowest && new IterationFailedError(this.#run.id, ...lowest);
    if (failure !== undefined) await this.#record(failure);
    if (this.#broken !== undefined) throw this.#broken.thrown;
    if (failure !== undefined) throw failure;
    if (this.#stored < this.#outstanding) {
      const ledger = await readLedger(this.#run, this.stores);
      throw new CancelledError(this.#run.id, ledger, { cause: this.options.signal?.reason });
    }
  }

  /** Puts every failure on record. A store that is broken already may refuse; its own error is the one to tell. */
  async #record(lowest: IterationFailedError): Promise<void> {
    try {
      await this.stores.failures.record(this.#run.id, [...this.#failures].map(describeFailure));
    } catch (cause) {
      if (this.#broken !== undefined) return;
      throw new PersistenceError(
        `${lowest.message}; and that could not be recorded: ${messageOf(cause)}`,
        {
          cause,
          retryable: isStepComputeError(cause) && 'retryable' in cause && cause.retryable === true,
        },
      );
    }
  }
}

/** An error may hold whatever a simulation puts there; so many characters of it are kept. */
const longestName = 200;
const longestMessage = 2000;

function describeFailure([iterationId, thrown]: [IterationId, unknown]): IterationFailure {
  return {
    iterationId,
    errorName: isError(thrown) ? thrown.name.slice(0, longestName) : 'Error',
    message: messageOf(thrown).slice(0, longestMessage),
  };
}

function isPromiseLike(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}

/** What aborts the other iterations when one has failed; named as platforms name it. */
class StoppedError extends Error {
  override readonly name = 'AbortError';

  constructor(cause: unknown) {
    super('the run was stopped, since another iteration failed', { cause });
  }
}

/**
 * What a stop must reach. Each iteration, timer and delay has a signal of its own, since a shared one
 * would gather a listener from each of them.
 */
class InFlight {
  readonly #controllers = new Set<AbortController>();
  readonly stopped: Promise<void>;
  #markStopped!: () => void;
  #reason: unknown;
  isStopped = false;

  constructor() {
    this.stopped = new Promise((resolve) => {
      this.#markStopped = resolve;
    });
  }

  /** A controller that a stop aborts, until it is closed. */
  open(): AbortController {
    const controller = new AbortController();
    if (this.isStopped) controller.abort(this.#reason);
    else this.#controllers.add(controller);
    return controller;
  }

  close(controller: AbortController): void {
    this.#controllers.delete(controller);
  }

  /** Aborts all that is open and all that will be; only the first stop counts. */
  stop(reason: unknown): void {
    if (this.isStopped) return;
    this.isStopped = true;
    this.#reason = reason;
    this.#markStopped();
    for (const controller of this.#controllers) controller.abort(reason);
    this.#controllers.clear();
  }

  /** Whether `thrown` only says that the work was stopped. */
  isAbort(thrown: unknown): boolean {
    if (!this.isStopped) return false;
    return thrown === this.#reason || (isError(thrown) && thrown.name === 'AbortError');
  }
}

/** An iteration's abort controller, made when something first asks for its signal. */
class LazyAbort {
  #controller: AbortController | undefined;

  constructor(private readonly inFlight: InFlight) {}

  get signal(): AbortSignal {
    this.#controller ??= this.inFlight.open();
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller?.abort(reason);
  }

  close(): void {
    if (this.#controller !== undefined) this.inFlight.close(this.#controller);
  }
}
