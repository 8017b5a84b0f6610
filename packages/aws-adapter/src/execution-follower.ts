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
  type Run,
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
  readonly options: RunOptions;
}

/** Follows one execution to its end, and answers as an orchestrator does. */
export class ExecutionFollower {
  readonly #startedAt: number;
  readonly #pace: Pace;
  #isStopped = false;
  /** The listener to the progress has thrown. */
  #broken: { readonly thrown: unknown } | undefined;
  #run: Run | undefined;
  #ledgers: AsyncGenerator<Ledger, never> | undefined;
  /** How many values there were at the first look. */
  #before: number | undefined;

  constructor(
    private readonly execution: StateMachineExecution,
    private readonly props: ExecutionFollowerProps,
  ) {
    this.#startedAt = props.clock.now();
    this.#pace = new Pace(props.clock, props.pollMs);
  }

  async toTheEnd(): Promise<RunResult> {
    const { stores } = this.props;
    const hasSucceeded = await this.#ended();
    const id = await this.execution.runId();
    if (hasSucceeded && id !== undefined) return this.#resultOf(id);
    const run = id && (await stores.runs.get(id));
    const error = await this.#errorOf(run);
    if (run !== undefined) await recordEnd(stores, run, error);
    throw error;
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

  /** Tells of the progress, once there is a run. */
  async #look(): Promise<void> {
    const { stores, options } = this.props;
    const id = options.onProgress && (await this.execution.runId());
    if (id === undefined) return;
    this.#run ??= await stores.runs.get(id);
    this.#ledgers ??= followLedger(stores, this.#run);
    const { value: ledger } = await this.#ledgers.next();
    this.#report(this.#run, ledger);
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
