import { isStepComputeError } from '../errors/base.js';
import { isRetryable, messageOf, nameOf, reasonOf } from '../errors/thrown.js';
import type { Observer } from '../ports/observer.js';
import type { RunOptions } from '../ports/orchestrator.js';
import type { IterationFailure, Stores } from '../ports/stores.js';
import { ledgerOf, type Ledger } from '../run/ledger.js';
import type { IterationId } from '../run/numbers.js';
import type { RunPlan } from '../run/plan.js';
import { countOf, iterationsOf } from '../run/range.js';
import {
  CancelledError,
  IterationFailedError,
  PersistenceError,
  ToleranceExceededError,
} from '../run/run-errors.js';
import { RunIdentity } from '../run/run.js';
import { Tolerance } from '../run/tolerance.js';
import { FirstBlock, RandomStream } from '../simulation/random-stream.js';
import type { ParsedSimulation } from '../simulation/simulation.js';
import type { IterationValue } from '../simulation/value.js';
import { Attempt, isPromiseLike, type AttemptSettings } from './attempt.js';
import { shortly } from './grace.js';
import { progressOf } from './progress.js';
import { Recording } from './recording.js';
import type { Retries } from './retries.js';
import { Stop, StoppedError } from './stop.js';

/** How an execution goes about its iterations. */
export interface ExecutionSettings extends AttemptSettings {
  readonly concurrency: number;
  readonly retries: Retries;
  readonly observer: Observer | undefined;
}

/**
 * One execution of step 2 over a plan. Running → stopped (too many failures, the store's error, or the
 * caller's signal) → closed: from then on nothing that a late generator does is listened to.
 */
export class Execution {
  readonly #identity: RunIdentity;
  readonly #tolerated: number;
  readonly #outstanding: number;
  readonly #iterations: Iterator<IterationId, void>;
  readonly #stop = new Stop();
  readonly #recording: Recording;
  readonly #startedAt: number;
  #failed = 0;
  /** The lowest iteration that failed, with what it threw. */
  #lowest:
    | { readonly iterationId: IterationId; readonly thrown: unknown; readonly attempts: number }
    | undefined;
  /** True when the store has not answered who has cancelled. */
  #isSilent = false;
  /** Of what stopped the work first. */
  #stoppedBy: 'the caller' | 'the work' | undefined;
  /** The store's error, or the listener's, after which nothing more can be done. */
  #broken: { readonly thrown: unknown } | undefined;
  #isClosed = false;
  #isConcluded = false;

  /** @param code the simulation's place among those that the run accepts */
  constructor(
    private readonly plan: RunPlan,
    private readonly simulation: ParsedSimulation,
    private readonly code: number,
    private readonly stores: Pick<Stores, 'values' | 'failures'>,
    private readonly settings: ExecutionSettings,
    private readonly options: RunOptions,
  ) {
    const { run, missing } = plan;
    this.#identity = RunIdentity.of(run);
    this.#tolerated = Tolerance.failures(run.tolerance, run.repetitions);
    this.#outstanding = countOf(missing);
    this.#iterations = iterationsOf(missing);
    this.#startedAt = settings.clock.now();
    this.#recording = new Recording(
      plan,
      stores,
      settings,
      () => this.#recorded(),
      (thrown, batch) => this.#breakOff(batch === 'values' ? thrown : this.#unrecorded(thrown)),
    );
  }

  async toTheEnd(): Promise<void> {
    const { signal } = this.options;
    let markCancelled!: () => void;
    const cancelled = new Promise<void>((resolve) => {
      markCancelled = resolve;
    });
    const cancel = (): void => {
      this.#stopFor('the caller', signal?.reason);
      markCancelled();
    };
    if (signal?.aborted === true) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      this.#report();
      const lanes = Math.min(this.settings.concurrency, this.#outstanding);
      await Promise.race([
        Promise.all(Array.from({ length: lanes }, () => this.#lane())),
        this.#stop.stopped,
      ]);
      // Those that heed their signal get one turn to end, so that failures of the same moment are all on record.
      if (this.#stop.isStopped) await this.settings.clock.sleep(0);
    } finally {
      this.#isClosed = true;
      this.#stop.stop(undefined);
      const { values, failures } = this.#recording;
      const flushed = Promise.all([values.flush(), failures.flush()]);
      // A store that has fallen silent holds up nobody who cancels.
      const answered = flushed.then(() => true);
      const inTime = cancelled.then(() => shortly(answered, false));
      this.#isSilent = !(await Promise.race([answered, inTime]));
      signal?.removeEventListener('abort', cancel);
    }
    await this.#conclude();
  }

  /** Takes one iteration after the other until there are none left or the work is stopped. */
  async #lane(): Promise<void> {
    const { block, run } = this.plan;
    const { delayMs } = run;
    const { generate } = this.simulation;
    const { observer, clock } = this.settings;
    const { runId } = this.#identity;
    while (!this.#stop.isStopped) {
      const next = this.#iterations.next();
      if (next.done === true) return;
      const iterationId = next.value;
      let waits: RandomStream | undefined;
      let room: Promise<void> | undefined;
      for (let attempts = 1; ; attempts += 1) {
        const attempt = new Attempt(this.#stop);
        const begunAt = observer === undefined ? 0 : clock.now();
        let value: IterationValue;
        try {
          const drawn = attempt.draw(generate, this.#identity, iterationId, this.settings);
          const number = isPromiseLike(drawn) ? await drawn : drawn;
          value = this.simulation.valueOf(iterationId, number, this.code);
        } catch (thrown) {
          const isUnwanted = this.#isClosed || attempt.wasStopped;
          attempt.close();
          if (isUnwanted) return;
          observer?.({
            type: 'attempt',
            runId,
            block,
            iterationId,
            attempt: attempts,
            durationMs: clock.now() - begunAt,
            error: thrown,
          });
          // Code elsewhere that is not the run's: no iteration failed.
          if (isStepComputeError(thrown) && thrown.name === 'ChangedSimulationError') {
            this.#breakOff(thrown);
            return;
          }
          waits ??= new RandomStream(this.#identity.seed, iterationId, FirstBlock.backoff);
          const backoffMs = this.settings.retries.backoff(attempts, thrown, waits);
          if (backoffMs === undefined) {
            room = this.#fail(iterationId, thrown, attempts);
            break;
          }
          observer?.({
            type: 'retry',
            runId,
            block,
            iterationId,
            attempt: attempts,
            backoffMs,
            error: thrown,
          });
          // One that would be tried again, were the work not stopped, has not failed.
          if (!(await this.#sleep(backoffMs))) return;
          continue;
        }
        attempt.close();
        observer?.({
          type: 'attempt',
          runId,
          block,
          iterationId,
          attempt: attempts,
          durationMs: clock.now() - begunAt,
        });
        if (delayMs > 0 && !(await this.#sleep(delayMs))) return;
        if (this.#isClosed) return;
        room = this.#recording.values.add(value);
        break;
      }
      if (room !== undefined) await room;
    }
  }

  /** False when the work was stopped meanwhile. */
  async #sleep(ms: number): Promise<boolean> {
    const sleeper = this.#stop.open();
    try {
      await this.settings.clock.sleep(ms, sleeper.signal);
      return true;
    } catch (thrown) {
      if (sleeper.signal.aborted) return false;
      throw thrown;
    } finally {
      this.#stop.close(sleeper);
    }
  }

  #fail(iterationId: IterationId, thrown: unknown, attempts: number): Promise<void> | undefined {
    this.#failed += 1;
    const { runId } = this.#identity;
    const { block } = this.plan;
    const { observer } = this.settings;
    observer?.({ type: 'failure', runId, block, iterationId, attempts, error: thrown });
    if (this.#lowest === undefined || iterationId < this.#lowest.iterationId) {
      this.#lowest = { iterationId, thrown, attempts };
    }
    if (this.#failed > this.#tolerated) this.#stopFor('the work', new StoppedError(thrown));
    return this.#recording.failures.add(describeFailure(iterationId, thrown, attempts));
  }

  #recorded(): void {
    if (this.#recording.standing > this.#tolerated) {
      this.#stopFor('the work', new StoppedError(this.#lowest?.thrown));
    }
    this.#report();
  }

  #report(): void {
    const { onProgress } = this.options;
    // A batch that comes late, from a store that was given up, is told to nobody.
    if (onProgress === undefined || this.#isConcluded) return;
    const { run } = this.plan;
    const { stored, mean } = this.#recording;
    const elapsedMs = this.settings.clock.now() - this.#startedAt;
    const account = { run, ledger: this.#ledger, stored, elapsedMs, mean };
    const answer = onProgress(progressOf(account));
    if (isPromiseLike(answer)) answer.then(undefined, (thrown: unknown) => this.#breakOff(thrown));
  }

  /** As far as this execution knows. */
  get #ledger(): Ledger {
    const { repetitions } = this.plan.run;
    return ledgerOf({
      requested: repetitions,
      completed: repetitions - this.#outstanding + this.#recording.stored,
      failed: this.#failed,
    });
  }

  #breakOff(thrown: unknown): void {
    this.#broken ??= { thrown };
    this.#stopFor('the work', thrown);
  }

  #stopFor(cause: 'the caller' | 'the work', reason: unknown): void {
    this.#stoppedBy ??= cause;
    this.#stop.stop(reason);
  }

  /** The verdict. */
  async #conclude(): Promise<void> {
    this.#isConcluded = true;
    if (this.#broken !== undefined) throw this.#broken.thrown;
    const { id } = this.plan.run;
    const { stored, standing } = this.#recording;
    if (this.#stoppedBy === 'the caller' && stored + this.#failed < this.#outstanding) {
      const ledger = this.#isSilent
        ? undefined
        : await shortly(this.stores.failures.ledger(id), undefined);
      const cause: unknown = this.options.signal?.reason;
      const options = { cause, isKnown: ledger !== undefined };
      throw new CancelledError(id, ledger ?? this.#ledger, options);
    }
    const failed = Math.max(this.#failed, standing);
    const cause = this.#lowestError();
    if (cause === undefined || failed <= this.#tolerated) return;
    if (this.#tolerated === 0) throw cause;
    throw new ToleranceExceededError(id, failed, this.#tolerated, { cause });
  }

  #lowestError(): IterationFailedError | undefined {
    if (this.#lowest === undefined) return undefined;
    const { iterationId, thrown, attempts } = this.#lowest;
    return new IterationFailedError(this.#identity, iterationId, thrown, attempts);
  }

  /** A failure that could not be recorded is told together with its own reason. */
  #unrecorded(cause: unknown): PersistenceError {
    const lowest = this.#lowestError()?.message ?? '';
    const message = `${lowest}; and that could not be recorded: ${messageOf(cause)}`;
    return new PersistenceError(message, { cause, retryable: isRetryable(cause) });
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
  const errorName = nameOf(thrown).slice(0, longestName);
  return { iterationId, errorName, message: reasonOf(thrown).slice(0, longestMessage), attempts };
}
