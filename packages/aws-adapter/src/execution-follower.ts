import {
  AverageOverflowError,
  CancelledError,
  ChangedSimulationError,
  InvalidInputError,
  PersistenceError,
  StepFailedError,
  Tolerance,
  type Clock,
  type Ledger,
  type Observer,
  type Run,
  type RunBegun,
  type RunEnded,
  type RunId,
  type RunOptions,
  type RunResult,
  type Stores,
} from '@stepcompute/core';
import { followLedger, progressOf, recordEnd, resultOf } from '@stepcompute/core/adapters';
import { Pace } from './pace.js';
import type { StateMachineExecution } from './state-machine-execution.js';
import { failureOf } from './why-failed.js';

/** How an execution is followed. */
export interface ExecutionFollowerProps {
  readonly stores: Stores;
  readonly clock: Clock;
  /** The first wait between two looks, and the least, in milliseconds. */
  readonly pollMs: number;
  readonly observer: Observer | undefined;
  readonly options: RunOptions;
  /** How many values the run had before the execution. Default: as many as at the first look. */
  readonly before?: number | undefined;
  /** The part of the request that the observer is told, beside the run. */
  readonly trace: Pick<RunBegun, 'carrier' | 'joined'>;
}

/** Follows one execution to its end, and answers as an orchestrator does. */
export class ExecutionFollower {
  readonly #startedAt: number;
  readonly #pace: Pace;
  #isStopped = false;
  /** The listener to the progress has thrown. */
  #broken: { readonly thrown: unknown } | undefined;
  #run: Run | undefined;
  /** How the run's end without a result is on record. */
  #recorded: 'cancelled' | 'failed' | undefined;
  #ledgers: AsyncGenerator<Ledger, never> | undefined;
  /** How many values there were before. */
  #before: number | undefined;

  constructor(
    private readonly execution: StateMachineExecution,
    private readonly props: ExecutionFollowerProps,
  ) {
    this.#startedAt = props.clock.now();
    this.#before = props.before;
    this.#pace = new Pace(props.clock, props.pollMs);
  }

  async toTheEnd(): Promise<RunResult> {
    try {
      const result = await this.#outcome();
      this.#tellEnd({ status: 'completed', ledger: result.ledger });
      return result;
    } catch (error) {
      this.#tellEnd({ status: this.#recorded ?? 'failed', error });
      throw error;
    }
  }

  async #outcome(): Promise<RunResult> {
    const { stores } = this.props;
    const hasSucceeded = await this.#ended();
    const id = await this.execution.runId();
    if (hasSucceeded && id !== undefined) return this.#resultOf(id);
    const run = id && (await stores.runs.get(id));
    if (run !== undefined) this.#begin(run);
    const error = await this.#errorOf(run);
    if (run !== undefined) this.#recorded = await recordEnd(stores, run, error);
    throw error;
  }

  /** Tells the observer of the run, once. */
  #begin(run: Run): Run {
    const { observer, trace } = this.props;
    if (this.#run === undefined) {
      observer?.({ type: 'run', run: Object.freeze({ ...run }), ...trace });
    }
    this.#run ??= run;
    return this.#run;
  }

  /** Tells the observer, if it knows of the run. */
  #tellEnd(how: Pick<RunEnded, 'status' | 'ledger' | 'error'>): void {
    if (this.#run === undefined) return;
    const durationMs = this.props.clock.now() - this.#startedAt;
    this.props.observer?.({ type: 'end', runId: this.#run.id, durationMs, ...how });
  }

  /** Looks until the execution has ended, which it does once it is stopped. @returns whether it has succeeded */
  async #ended(): Promise<boolean> {
    const { signal } = this.props.options;
    for (;;) {
      const { status } = await this.execution.describe();
      if (status !== 'RUNNING') return status === 'SUCCEEDED';
      if (!this.#isStopped) await this.#look();
      if (!this.#isStopped && (signal?.aborted === true || this.#broken !== undefined)) {
        await this.execution.stop('stopped by whoever asked for the run');
        this.#isStopped = true;
      } else {
        await this.#pause();
      }
    }
  }

  /** An abort ends it early; once the execution is stopped there is nothing more to abort. */
  async #pause(): Promise<void> {
    const { options } = this.props;
    const signal = this.#isStopped ? undefined : options.signal;
    try {
      await this.#pace.wait(signal);
    } catch (thrown) {
      if (signal?.aborted !== true) throw thrown;
    }
  }

  /** Tells of the run once there is one, and of its progress. */
  async #look(): Promise<void> {
    const { stores, observer, options } = this.props;
    const isFollowed = options.onProgress !== undefined;
    const id = isFollowed || observer !== undefined ? await this.execution.runId() : undefined;
    if (id === undefined) return;
    const run = this.#run ?? this.#begin(await stores.runs.get(id));
    if (!isFollowed) return;
    this.#ledgers ??= followLedger(stores, run);
    const { value: ledger } = await this.#ledgers.next();
    this.#report(run, ledger);
  }

  #report(run: Run, ledger: Ledger): void {
    this.#before ??= ledger.completed;
    const progress = progressOf({
      run,
      ledger,
      stored: ledger.completed - this.#before,
      elapsedMs: this.props.clock.now() - this.#startedAt,
    });
    const breakOff = (thrown: unknown): void => {
      this.#broken ??= { thrown };
    };
    try {
      Promise.resolve(this.props.options.onProgress?.(progress)).catch(breakOff);
    } catch (thrown) {
      breakOff(thrown);
    }
  }

  async #resultOf(id: RunId): Promise<RunResult> {
    const { runs, failures, averages } = this.props.stores;
    const run = await runs.get(id);
    this.#begin(run);
    const ledger = await failures.ledger(id);
    const average = (await averages.history(id)).at(-1);
    if (average === undefined) {
      throw new PersistenceError(
        `run ${id} is complete on AWS, but its average is not in the stores given to the orchestrator`,
        { retryable: false },
      );
    }
    this.#report(run, ledger);
    if (this.#broken !== undefined) throw this.#broken.thrown;
    return resultOf(run, ledger, average);
  }

  /** Why the execution has ended without a result. */
  async #errorOf(run: Run | undefined): Promise<unknown> {
    if (this.#broken !== undefined) return this.#broken.thrown;
    const { stores, options } = this.props;
    const ledger = run && (await stores.failures.ledger(run.id));
    if (this.#isStopped) {
      return new CancelledError(run?.id, ledger, { cause: options.signal?.reason });
    }
    const { state, error, message } = await this.execution.failure();
    const failed = new StepFailedError(state, error, message);
    if (error === 'AverageOverflowError') return new AverageOverflowError({ cause: failed });
    if (error === 'PersistenceError') {
      return new PersistenceError(failed.message, { cause: failed, retryable: true });
    }
    if (error === 'ChangedSimulationError') {
      return ChangedSimulationError.fromMessage(message) ?? failed;
    }
    if (error === 'InvalidInputError') return refusal(message, failed);
    if (run === undefined || ledger === undefined) return failed;
    const isFailure = error === 'IterationFailedError' || error === 'ToleranceExceededError';
    if (!isFailure) return failed;
    const tolerated = Tolerance.failures(run.tolerance, run.repetitions);
    for await (const [lowest] of stores.failures.read(run.id)) {
      if (lowest !== undefined) return failureOf(run, lowest, ledger.failed, tolerated);
    }
    return failed;
  }
}

/** The refusal of an input, as its message tells of it. */
function refusal(message: string, cause: Error): InvalidInputError {
  const [, field = 'input', expected = message] = /^(.*?) must be (.*); got /s.exec(message) ?? [];
  const error = new InvalidInputError(field, expected, undefined, { cause });
  error.message = message;
  return error;
}
