import { createHash, randomUUID } from 'node:crypto';
import { StartExecutionCommand, type SFNClient } from '@aws-sdk/client-sfn';
import {
  AverageOverflowError,
  CancelledError,
  ConflictingRunError,
  InvalidInputError,
  isError,
  IterationFailedError,
  parseRunRequest,
  PersistenceError,
  readLedger,
  StepFailedError,
  type Clock,
  type IterationFailure,
  type Ledger,
  type NewRun,
  type Orchestrator,
  type Progress,
  type Run,
  type RunId,
  type RunOptions,
  type RunRequest,
  type RunResult,
  type Stores,
} from '@stepcompute/core';
import { ask, Execution, type ExecutionFailure } from './execution.js';

export interface StepFunctionsOrchestratorProps {
  readonly client: SFNClient;
  readonly stateMachineArn: string;
  /** The stores that the state machine's functions write to, to follow a run and to read its result. */
  readonly stores: Stores;
  readonly clock: Clock;
  /** The delay that the state machine was deployed with, in milliseconds: a request may ask for no other. Default: 600,000. */
  readonly delayMs?: number | undefined;
  /** How long to wait between two looks at an execution, in milliseconds. Default: 2,000. */
  readonly pollMs?: number | undefined;
}

const defaultPollMs = 2000;

/** The source document's delay, which the CDK constructs deploy unless told otherwise. */
const documentDelayMs = 600_000;

/**
 * Runs the three steps as a state machine on AWS, and follows it. The simulation, the delay and the
 * concurrency are the deployment's. Whoever starts the same request under the same idempotency key
 * meets the same execution; after one that failed, another execution does what is missing.
 */
export class StepFunctionsOrchestrator implements Orchestrator {
  readonly #props: StepFunctionsOrchestratorProps;

  constructor(props: StepFunctionsOrchestratorProps) {
    this.#props = props;
  }

  async run(request: RunRequest, options: RunOptions = {}): Promise<RunResult> {
    const asked = parseRunRequest(request);
    this.#refuseWhatIsDeployed(request);
    if (options.signal?.aborted === true) {
      throw new CancelledError(undefined, undefined, { cause: options.signal.reason });
    }
    const execution = await this.#start(asked, request.seed);
    return new Following(execution, this.#props, options).toTheEnd();
  }

  #refuseWhatIsDeployed({ delayMs, generatorName }: RunRequest): void {
    const { delayMs: deployed = documentDelayMs } = this.#props;
    if (delayMs !== undefined && delayMs !== deployed) {
      throw new InvalidInputError('delay', `${deployed} ms, as deployed, or left out`, delayMs);
    }
    if (generatorName !== undefined) {
      throw new InvalidInputError('generator name', 'left out: it is deployed', generatorName);
    }
  }

  /** The execution that is on this request: a new one, or the one that its key has already. */
  async #start(asked: NewRun, seed: number | undefined): Promise<Execution> {
    const { idempotencyKey: key, repetitions } = asked;
    const name = key === undefined ? randomUUID() : executionNameOf(key);
    let input = JSON.stringify({ repetitions, seed });
    for (let attempt = 1; ; attempt += 1) {
      const attemptName = attempt === 1 ? name : `${name}.${attempt}`;
      const execution = new Execution(this.#props.client, this.#arnOf(attemptName));
      if (await this.#tryStart(attemptName, input)) return execution;
      const { status } = await execution.describe();
      const runId = await this.#runOf(execution);
      if (runId !== undefined) {
        await this.#refuseOtherInput(runId, asked, seed);
        input = JSON.stringify({ runId });
      }
      if (status === 'RUNNING' || status === 'SUCCEEDED') return execution;
    }
  }

  /** Waits for the first step; undefined when the execution ended without a run. */
  async #runOf(execution: Execution): Promise<RunId | undefined> {
    for (;;) {
      const { status } = await execution.describe();
      const runId = await execution.runId();
      if (runId !== undefined || status !== 'RUNNING') return runId;
      await this.#props.clock.sleep(this.#props.pollMs ?? defaultPollMs);
    }
  }

  /** False when there has been an execution of this name with another input, or it has ended. */
  async #tryStart(name: string, input: string): Promise<boolean> {
    const { client, stateMachineArn } = this.#props;
    const command = new StartExecutionCommand({ stateMachineArn, name, input });
    return ask('StartExecution', async () => {
      try {
        await client.send(command);
        return true;
      } catch (error) {
        if (isError(error) && error.name === 'ExecutionAlreadyExists') return false;
        throw error;
      }
    });
  }

  #arnOf(name: string): string {
    return `${this.#props.stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`;
  }

  async #refuseOtherInput(id: RunId, asked: NewRun, seed: number | undefined): Promise<void> {
    const run = await this.#props.stores.runs.get(id);
    const key = asked.idempotencyKey ?? '';
    if (run.repetitions !== asked.repetitions) {
      throw new ConflictingRunError(id, key, 'repetitions', run.repetitions, asked.repetitions);
    }
    if (seed !== undefined && run.seed !== seed) {
      throw new ConflictingRunError(id, key, 'seed', run.seed, seed);
    }
  }
}

/** The key itself where it can be a name with room for an attempt's number, else its digest. */
function executionNameOf(key: string): string {
  return /^[\w-]{1,70}$/.test(key) ? key : createHash('sha256').update(key).digest('hex');
}

/** Follows one execution to its end, and tells of it as an orchestrator does. */
class Following {
  readonly #startedAt: number;
  /** How many values there were at the first look. */
  #before: number | undefined;
  /** What the listener to the progress has thrown. */
  #broken: { readonly thrown: unknown } | undefined;

  constructor(
    private readonly execution: Execution,
    private readonly props: StepFunctionsOrchestratorProps,
    private readonly options: RunOptions,
  ) {
    this.#startedAt = props.clock.now();
  }

  async toTheEnd(): Promise<RunResult> {
    const { clock, pollMs = defaultPollMs } = this.props;
    const { signal } = this.options;
    let stopped = false;
    for (;;) {
      const { status } = await this.execution.describe();
      const runId = await this.execution.runId();
      if (status === 'SUCCEEDED' && runId !== undefined) return this.#result(runId);
      if (status !== 'RUNNING') return this.#conclude(runId, stopped);
      if (runId !== undefined && !stopped && this.options.onProgress !== undefined) {
        const { run, ledger } = await this.#account(runId);
        this.#report(run, ledger);
      }
      if (!stopped && (signal?.aborted === true || this.#broken !== undefined)) {
        await this.execution.stop('stopped by whoever asked for the run');
        stopped = true;
      } else {
        // An abort ends the wait; once stopped there is nothing more to abort.
        await clock.sleep(pollMs, stopped ? undefined : signal).catch(() => undefined);
      }
    }
  }

  async #result(id: RunId): Promise<RunResult> {
    const { run, ledger } = await this.#account(id);
    const average = await this.props.stores.averages.find(id);
    if (average === undefined) {
      throw new PersistenceError(
        `run ${id} is complete on AWS, but its average is not in the stores given to the orchestrator`,
        { retryable: false },
      );
    }
    this.#report(run, ledger);
    if (this.#broken !== undefined) throw this.#broken.thrown;
    return { run, ledger, average };
  }

  async #conclude(id: RunId | undefined, stopped: boolean): Promise<never> {
    const { runs } = this.props.stores;
    if (stopped && this.#broken === undefined) {
      if (id !== undefined) await runs.finish(id, 'cancelled');
      const account = id && (await this.#account(id));
      throw new CancelledError(id, account?.ledger, { cause: this.options.signal?.reason });
    }
    if (id !== undefined) await runs.finish(id, 'failed');
    if (this.#broken !== undefined) throw this.#broken.thrown;
    throw await this.#errorOf(id, await this.execution.failure());
  }

  async #errorOf(id: RunId | undefined, failure: ExecutionFailure): Promise<Error> {
    const { state, error, message } = failure;
    if (error === 'IterationFailedError' && id !== undefined) {
      const lowest = await this.#lowestFailure(id);
      if (lowest !== undefined) {
        const cause = Object.assign(new Error(lowest.message), { name: lowest.errorName });
        return new IterationFailedError(id, lowest.iterationId, cause);
      }
    }
    const cause = new StepFailedError(state, error, message);
    if (error === 'AverageOverflowError') return new AverageOverflowError({ cause });
    if (error === 'PersistenceError') {
      return new PersistenceError(cause.message, { cause, retryable: true });
    }
    return cause;
  }

  /** The lowest iteration on record that has failed and got no value since. */
  async #lowestFailure(id: RunId): Promise<IterationFailure | undefined> {
    const { failures, values } = this.props.stores;
    for (const failure of await failures.list(id)) {
      const itself = { first: failure.iterationId, count: 1 };
      if ((await values.missing(id, itself)).length > 0) return failure;
    }
    return undefined;
  }

  async #account(id: RunId): Promise<Pick<RunResult, 'run' | 'ledger'>> {
    const run = await this.props.stores.runs.get(id);
    return { run, ledger: await readLedger(run, this.props.stores) };
  }

  #report(run: Run, { completed, failed }: Ledger): void {
    this.#before ??= completed;
    const elapsedMs = this.props.clock.now() - this.#startedAt;
    const stored = completed - this.#before;
    const ratePerSecond = stored === 0 || elapsedMs === 0 ? 0 : (stored / elapsedMs) * 1000;
    const left = run.repetitions - completed;
    const progress: Progress = {
      run,
      total: run.repetitions,
      completed,
      failed,
      elapsedMs,
      ratePerSecond,
      remainingMs: left === 0 ? 0 : ratePerSecond === 0 ? null : (left / ratePerSecond) * 1000,
      // The values themselves do not come by here.
      runningMean: null,
      runningMargin: null,
    };
    const breakOff = (thrown: unknown): void => {
      this.#broken ??= { thrown };
    };
    try {
      Promise.resolve(this.options.onProgress?.(progress)).catch(breakOff);
    } catch (thrown) {
      breakOff(thrown);
    }
  }
}
