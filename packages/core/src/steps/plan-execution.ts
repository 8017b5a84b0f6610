import { RunningMean } from '../average.js';
import type { Clock } from '../clock.js';
import {
  CancelledError,
  IterationFailedError,
  IterationTimeoutError,
  isStepComputeError,
  messageOf,
  nameOf,
  PersistenceError,
  ToleranceExceededError,
} from '../errors.js';
import { GroupCommit } from '../group-commit.js';
import { InFlight, LazyAbort, StoppedError } from '../in-flight.js';
import type { Progress, RunOptions } from '../orchestrator.js';
import { RandomStream } from '../random-stream.js';
import { hullOf, iterationsOf, type IterationId, type RunPlan } from '../range.js';
import type { Retries } from '../retry-policy.js';
import { Tolerance, type Run } from '../run.js';
import type { IterationFailure, Stores } from '../stores.js';
import { parseValue, SeededIteration, type IterationValue, type ValueGenerator } from '../value.js';

/** Beyond these a database gains nothing from larger statements, nor from more of them: docs/performance.md. */
const largestBatch = 4000;
const mostWriters = 2;

/** How an execution goes about its iterations. */
export interface ExecutionSettings {
  readonly concurrency: number;
  readonly timeoutMs: number | undefined;
  readonly retries: Retries;
}

/** An iteration that failed, with what it threw. */
interface Failed {
  readonly iterationId: IterationId;
  readonly thrown: unknown;
}

/**
 * One execution of step 2 over a plan. Running → stopped (too many failures, the store's error, or the
 * caller's signal) → closed: from then on nothing that a late generator does is listened to.
 */
export class PlanExecution {
  readonly #run: Run;
  readonly #tolerated: number;
  readonly #outstanding: number;
  readonly #iterations: Iterator<IterationId, void>;
  readonly #inFlight = new InFlight();
  readonly #runningMean = new RunningMean();
  readonly #values: GroupCommit<IterationValue>;
  readonly #failures: GroupCommit<IterationFailure>;
  readonly #startedAt: number;
  #stored = 0;
  #failed = 0;
  #lowest: Failed | undefined;
  /** How many failures of the run stand, in this plan and outside of it, as the store last said. */
  #standing = 0;
  #cleared = false;
  #broken: { readonly thrown: unknown } | undefined;
  #closed = false;

  constructor(
    private readonly plan: RunPlan,
    private readonly generator: ValueGenerator,
    private readonly stores: Pick<Stores, 'values' | 'failures'>,
    private readonly clock: Clock,
    private readonly settings: ExecutionSettings,
    private readonly options: RunOptions,
  ) {
    this.#run = plan.run;
    this.#tolerated = Tolerance.failures(plan.run.tolerance, plan.run.repetitions);
    this.#outstanding = plan.missing.reduce((total, { count }) => total + count, 0);
    this.#iterations = iterationsOf(plan.missing);
    this.#startedAt = clock.now();
    this.#values = new GroupCommit(
      (batch) => this.#store(batch),
      (thrown) => this.#breakOff(thrown),
      clock,
      largestBatch,
      mostWriters,
    );
    this.#failures = new GroupCommit(
      (batch) => this.#record(batch),
      (thrown) => this.#breakOff(this.#unrecorded(thrown)),
      clock,
    );
  }

  async toTheEnd(): Promise<void> {
    const { signal } = this.options;
    const cancel = (): void => this.#inFlight.stop(signal?.reason);
    if (signal?.aborted === true) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      this.#report();
      const lanes = Math.min(this.settings.concurrency, this.#outstanding);
      await Promise.race([
        Promise.all(Array.from({ length: lanes }, () => this.#lane())),
        this.#inFlight.stopped,
      ]);
      // Those that heed their signal get one turn to end, so that failures of the same moment are all on record.
      if (this.#inFlight.isStopped) await this.clock.sleep(0);
    } finally {
      this.#closed = true;
      this.#inFlight.stop(undefined);
      signal?.removeEventListener('abort', cancel);
      await Promise.all([this.#values.flush(), this.#failures.flush()]);
    }
    await this.#conclude();
  }

  /** Takes one iteration after the other until there are none left or the work is stopped. Never rejects. */
  async #lane(): Promise<void> {
    while (!this.#inFlight.isStopped) {
      const next = this.#iterations.next();
      if (next.done === true) return;
      const iterationId = next.value;
      let attempts = 1;
      let waits: RandomStream | undefined;
      let room: Promise<void> | undefined;
      for (;;) {
        try {
          const abort = new LazyAbort(this.#inFlight);
          let value: number;
          try {
            const drawn = this.#draw(iterationId, abort);
            value = parseValue(typeof drawn === 'number' ? drawn : await drawn);
          } finally {
            abort.close();
          }
          if (this.#run.delayMs > 0) await this.#sleep(this.#run.delayMs);
          if (this.#closed) return;
          room = this.#values.add({ iterationId, value });
          break;
        } catch (thrown) {
          if (this.#closed || this.#inFlight.isAbort(thrown)) return;
          waits ??= new RandomStream(this.#run.seed, iterationId);
          const backoffMs = this.#backoffAfter(thrown, attempts, waits);
          if (backoffMs === undefined) {
            room = this.#fail(iterationId, thrown, attempts);
            break;
          }
          if (!(await this.#backOff(backoffMs))) return;
          attempts += 1;
        }
      }
      if (room !== undefined) await room;
    }
  }

  /** Undefined when the iteration is not to be tried again. */
  #backoffAfter(thrown: unknown, attempts: number, waits: RandomStream): number | undefined {
    if (this.#inFlight.isStopped) return undefined;
    return this.settings.retries.backoff(attempts, thrown, waits);
  }

  #fail(iterationId: IterationId, thrown: unknown, attempts: number): Promise<void> | undefined {
    this.#failed += 1;
    if (this.#lowest === undefined || iterationId < this.#lowest.iterationId) {
      this.#lowest = { iterationId, thrown };
    }
    // A reason of its own: iterations may fail with one and the same error, and each is a failure.
    if (this.#failed > this.#tolerated) this.#inFlight.stop(new StoppedError(thrown));
    return this.#failures.add(describeFailure(iterationId, thrown, attempts));
  }

  /** Calls the generator; its promise is one that settles when the time is up. */
  #draw(iterationId: IterationId, abort: LazyAbort): number | Promise<number> {
    const { id, seed } = this.#run;
    const { timeoutMs } = this.settings;
    const drawn = this.generator(new SeededIteration(id, iterationId, seed, abort));
    return timeoutMs !== undefined && isPromiseLike(drawn)
      ? this.#within(timeoutMs, drawn, abort)
      : drawn;
  }

  async #within(timeoutMs: number, drawn: Promise<number>, abort: LazyAbort): Promise<number> {
    const timer = this.#inFlight.open();
    let late: IterationTimeoutError | undefined;
    const timeUp = this.clock.sleep(timeoutMs, timer.signal).then(() => {
      late = new IterationTimeoutError(timeoutMs);
      abort.abort(late);
      throw late;
    });
    try {
      return await Promise.race([drawn, timeUp]);
    } catch (thrown) {
      // Whatever the generator answers to being aborted.
      throw late ?? thrown;
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

  /** False when the work was stopped meanwhile. */
  async #backOff(ms: number): Promise<boolean> {
    try {
      await this.#sleep(ms);
      return true;
    } catch {
      return false;
    }
  }

  async #store(batch: readonly IterationValue[]): Promise<void> {
    await this.stores.values.write(this.#run.id, batch);
    this.#stored += batch.length;
    for (const { value } of batch) this.#runningMean.add(value);
    this.#report();
  }

  async #record(batch: readonly IterationFailure[]): Promise<void> {
    const { failures } = this.stores;
    // What an earlier execution left on record of this plan was tried again by this one, and counts no more.
    if (!this.#cleared) await failures.clear(this.#run.id, hullOf(this.plan.missing));
    this.#cleared = true;
    this.#standing = await failures.record(this.#run.id, batch);
    if (this.#standing > this.#tolerated)
      this.#inFlight.stop(new StoppedError(this.#lowest?.thrown));
    this.#report();
  }

  #report(): void {
    const { onProgress } = this.options;
    if (onProgress === undefined) return;
    const elapsedMs = this.clock.now() - this.#startedAt;
    const ratePerSecond =
      this.#stored === 0 || elapsedMs === 0 ? 0 : (this.#stored / elapsedMs) * 1000;
    const left = this.#outstanding - this.#stored - this.#failed;
    const progress: Progress = {
      run: this.#run,
      total: this.#run.repetitions,
      completed: this.#run.repetitions - this.#outstanding + this.#stored,
      failed: this.#failed,
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
    if (this.#broken !== undefined) throw this.#broken.thrown;
    const { id } = this.#run;
    const failed = Math.max(this.#failed, this.#standing);
    const cause = this.#lowestError();
    if (cause !== undefined && failed > this.#tolerated) {
      throw this.#tolerated === 0
        ? cause
        : new ToleranceExceededError(id, failed, this.#tolerated, { cause });
    }
    if (this.#stored + this.#failed < this.#outstanding) {
      const ledger = await this.stores.failures.ledger(id);
      throw new CancelledError(id, ledger, { cause: this.options.signal?.reason });
    }
  }

  #lowestError(): IterationFailedError | undefined {
    if (this.#lowest === undefined) return undefined;
    const { iterationId, thrown } = this.#lowest;
    return new IterationFailedError(this.#run.id, iterationId, thrown);
  }

  /** A failure that could not be recorded is told together with its own reason. */
  #unrecorded(cause: unknown): PersistenceError {
    const lowest = this.#lowestError()?.message ?? '';
    return new PersistenceError(`${lowest}; and that could not be recorded: ${messageOf(cause)}`, {
      cause,
      retryable: isStepComputeError(cause) && 'retryable' in cause && cause.retryable === true,
    });
  }
}

/** An error may hold whatever a simulation puts there; so many characters of it are kept. */
const longestName = 200;
const longestMessage = 2000;

export function describeFailure(
  iterationId: IterationId,
  thrown: unknown,
  attempts: number,
): IterationFailure {
  return {
    iterationId,
    errorName: nameOf(thrown).slice(0, longestName),
    message: messageOf(thrown).slice(0, longestMessage),
    attempts,
  };
}

function isPromiseLike(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
