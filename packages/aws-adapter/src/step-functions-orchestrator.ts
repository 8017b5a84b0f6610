import { createHash, randomUUID } from 'node:crypto';
import { StartExecutionCommand, type SFNClient } from '@aws-sdk/client-sfn';
import {
  AverageOverflowError,
  CancelledError,
  ConflictingRunError,
  InvalidInputError,
  isError,
  IterationFailedError,
  PersistenceError,
  RunId,
  StepFailedError,
  Tolerance,
  ToleranceExceededError,
  type Clock,
  type Ledger,
  type Orchestrator,
  type Progress,
  type Run,
  type RunChange,
  type RunOptions,
  type RunRequest,
  type RunResult,
  type Stores,
} from '@stepcompute/core';
import {
  parseRunChange,
  parseRunRequest,
  refuseFewerRepetitions,
  type NewRun,
} from '@stepcompute/core/adapters';
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
    refuseIfAborted(options);
    const execution = await this.#start(asked, request);
    return new Following(execution, this.#props, options).toTheEnd();
  }

  async resume(id: number, change: RunChange = {}, options: RunOptions = {}): Promise<RunResult> {
    const runId = RunId.parse(id);
    const { repetitions, tolerance } = parseRunChange(change);
    this.#refuseWhatIsDeployed(change);
    refuseIfAborted(options);
    // What the first step would refuse is refused here, as the error that it is.
    refuseFewerRepetitions(await this.#props.stores.runs.get(runId), repetitions);
    const name = randomUUID();
    const execution = new Execution(this.#props.client, this.#arnOf(name));
    await this.#tryStart(name, JSON.stringify({ runId, repetitions, tolerance }));
    return new Following(execution, this.#props, options).toTheEnd();
  }

  #refuseWhatIsDeployed({
    delayMs,
    generatorName,
  }: Pick<RunRequest, 'delayMs' | 'generatorName'>): void {
    const { delayMs: deployed = documentDelayMs } = this.#props;
    if (delayMs !== undefined && delayMs !== deployed) {
      throw new InvalidInputError('delay', `${deployed} ms, as deployed, or left out`, delayMs);
    }
    if (generatorName !== undefined) {
      throw new InvalidInputError('generator name', 'left out: it is deployed', generatorName);
    }
  }

  /** The execution that is on this request: a new one, or the one that its key has already. */
  async #start(asked: NewRun, { seed, tolerance }: RunRequest): Promise<Execution> {
    const { idempotencyKey: key, repetitions } = asked;
    const name = key === undefined ? randomUUID() : executionNameOf(key);
    let input = JSON.stringify({ repetitions, seed, tolerance });
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
    const compared: (keyof NewRun)[] = ['repetitions', 'tolerance'];
    if (seed !== undefined) compared.push('seed');
    for (const field of compared) {
      if (run[field] !== asked[field]) {
        const key = asked.idempotencyKey ?? '';
        throw new ConflictingRunError(id, key, field, run[field], asked[field]);
      }
    }
  }
}

function refuseIfAborted({ signal }: RunOptions): void {
  if (signal?.aborted === true) {
    throw new CancelledError(undefined, undefined, { cause: signal.reason });
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
    const average = (await this.props.stores.averages.history(id)).at(-1);
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
    const account = id && (await this.#account(id));
    const end = (status: 'cancelled' | 'failed'): Promise<void> | undefined =>
      account && this.props.stores.runs.finish(account.run, status);
    if (stopped && this.#broken === undefined) {
      await end('cancelled');
      throw new CancelledError(id, account?.ledger, { cause: this.options.signal?.reason });
    }
    await end('failed');
    if (this.#broken !== undefined) throw this.#broken.thrown;
    throw await this.#errorOf(account, await this.execution.failure());
  }

  async #errorOf(
    account: Pick<RunResult, 'run' | 'ledger'> | undefined,
    { state, error, message }: ExecutionFailure,
  ): Promise<Error> {
    const failed = new StepFailedError(state, error, message);
    if (account !== undefined) {
      const { run, ledger } = account;
      const cause = await this.#lowestFailure(run.id);
      if (error === 'IterationFailedError' && cause !== undefined) return cause;
      if (error === 'ToleranceExceededError') {
        const tolerated = Tolerance.failures(run.tolerance, run.repetitions);
        return new ToleranceExceededError(run.id, ledger.failed, tolerated, { cause });
      }
    }
    if (error === 'AverageOverflowError') return new AverageOverflowError({ cause: failed });
    if (error === 'PersistenceError') {
      return new PersistenceError(failed.message, { cause: failed, retryable: true });
    }
    return failed;
  }

  /** What the lowest failure that stands has come of. */
  async #lowestFailure(id: RunId): Promise<IterationFailedError | undefined> {
    for await (const [lowest] of this.props.stores.failures.read(id)) {
      if (lowest === undefined) continue;
      const cause = Object.assign(new Error(lowest.message), { name: lowest.errorName });
      return new IterationFailedError(id, lowest.iterationId, cause);
    }
    return undefined;
  }

  async #account(id: RunId): Promise<Pick<RunResult, 'run' | 'ledger'>> {
    const { runs, failures } = this.props.stores;
    return { run: await runs.get(id), ledger: await failures.ledger(id) };
  }

  #report(run: Run, { completed, failed }: Ledger): void {
    this.#before ??= completed;
    const elapsedMs = this.props.clock.now() - this.#startedAt;
    const stored = completed - this.#before;
    const ratePerSecond = stored === 0 || elapsedMs === 0 ? 0 : (stored / elapsedMs) * 1000;
    const left = run.repetitions - completed - failed;
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
