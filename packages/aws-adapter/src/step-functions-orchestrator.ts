import { createHash, randomUUID } from 'node:crypto';
import { StartExecutionCommand, type SFNClient } from '@aws-sdk/client-sfn';
import {
  ConflictingRunError,
  DeletedRunError,
  InvalidInputError,
  isError,
  messageOf,
  Milliseconds,
  RunId,
  RunNotFoundError,
  RunParameters,
  SystemClock,
  type Clock,
  type JsonObject,
  type Observer,
  type Orchestrator,
  type Run,
  type RunChange,
  type RunOptions,
  type RunRequest,
  type RunResult,
  type StepFailedError,
  type Stores,
  type TraceCarrier,
  WriteToDbSettings,
} from '@stepcompute/core';
import {
  answered,
  completeResult,
  goesOn,
  guarded,
  isTraceparent,
  parseRunChange,
  parseRunRequest,
  refuseFewerRepetitions,
  refuseIfAborted,
  refuseMixed,
  refuseOtherRequest,
  refuseOwnRepetitions,
  refuseUnknown,
  tellOf,
  type FieldNames,
} from '@stepcompute/core/adapters';
import { ExecutionFollower, type ExecutionFollowerProps } from './execution-follower.js';
import { Pace } from './pace.js';
import { ask, StateMachineExecution } from './state-machine-execution.js';
import { changeInputOf, deployedFields, requestInputOf, type Deployed } from './wire/index.js';

export interface StepFunctionsOrchestratorProps {
  readonly client: SFNClient;
  readonly stateMachineArn: string;
  /** The stores that the state machine's functions write to, to follow a run and to read its result. */
  readonly stores: Stores;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  /** The delay that the state machine was deployed with, in milliseconds: a request may ask for no other. Default: 600,000. */
  readonly delayMs?: number | undefined;
  /**
   * How long to wait before an execution is looked at again, in milliseconds, to begin with: the waits
   * grow with its time, to 15 seconds at most, and half of each is drawn. Default: 2,000.
   */
  readonly pollMs?: number | undefined;
  /**
   * Sees the run and its end. The trace context that it gives a request travels with the execution, to the
   * functions' own observers. Default: nobody.
   */
  readonly observer?: Observer | undefined;
}

const propsFields: FieldNames<StepFunctionsOrchestratorProps> = {
  client: true,
  stateMachineArn: true,
  stores: true,
  clock: true,
  delayMs: true,
  pollMs: true,
  observer: true,
};

const defaultPollMs = 2000;

/** The source document's delay, which the CDK constructs deploy unless told otherwise. */
const documentDelayMs = 600_000;

/** The fields that are deployed, as a refusal calls them. */
const deployedNames = {
  delayMs: 'delay',
  generatorName: 'generator name',
} satisfies Record<keyof Deployed, string>;

/**
 * Runs the three steps as a state machine on AWS, and follows it. The simulation, the delay and the
 * concurrency are the deployment's. Whoever starts the same request under the same idempotency key
 * meets the same execution; after one that failed, another execution does what is missing.
 * @example
 * const orchestrator = new StepFunctionsOrchestrator({
 *   client: new SFNClient({}),
 *   stateMachineArn, // like what follows, an output of the stack
 *   stores: typeOrmStores(await openDataApi({ resourceArn, secretArn, database })),
 * });
 * const { average } = await orchestrator.run({ repetitions: 1000, seed: 42 });
 */
export class StepFunctionsOrchestrator implements Orchestrator {
  readonly #client: SFNClient;
  readonly #stateMachineArn: string;
  readonly #stores: Stores;
  readonly #clock: Clock;
  readonly #pollMs: number;
  readonly #deployed: Deployed;
  readonly #observer: Observer | undefined;

  /** @throws InvalidInputError when a property is out of range, or there is no such property */
  constructor(props: StepFunctionsOrchestratorProps) {
    refuseUnknown(props, 'properties', propsFields);
    refuseMixed(props.stores);
    const { delayMs = documentDelayMs, pollMs = defaultPollMs } = props;
    this.#client = props.client;
    this.#stateMachineArn = props.stateMachineArn;
    this.#stores = props.stores;
    this.#clock = props.clock ?? new SystemClock();
    this.#pollMs = Milliseconds.parse(pollMs, 'poll interval');
    WriteToDbSettings.check({ observer: props.observer });
    this.#observer = guarded(props.observer);
    this.#deployed = { delayMs: Milliseconds.parse(delayMs, 'delay'), generatorName: undefined };
  }

  async run(request: RunRequest, options: RunOptions = {}): Promise<RunResult> {
    parseRunRequest(request);
    this.#refuseOtherDeployment(request);
    refuseIfAborted(options);
    const carrier = this.#requested();
    const found = await this.#executionOf(request, traceOf(carrier));
    const { execution, run, before, joined } = found;
    try {
      const trace = { carrier, joined };
      return await this.#toTheGoal(
        await this.#follow(execution, options, { before, trace }),
        options,
      );
    } catch (error) {
      throw ofKey(error, run, request);
    }
  }

  /** Each look of a run with a goal is an execution of its own. */
  async #toTheGoal(look: RunResult, options: RunOptions): Promise<RunResult> {
    return goesOn(look.run) ? this.resume(look.run.id, {}, options) : look;
  }

  async resume(id: number, change: RunChange = {}, options: RunOptions = {}): Promise<RunResult> {
    const runId = RunId.parse(id);
    const changes = changeInputOf(parseRunChange(change));
    const input = { ...changes, ...acceptance(change) };
    this.#refuseOtherDeployment(change);
    refuseIfAborted(options);
    const run = await answered(this.#stores.runs.get(runId), runId, options);
    if (Object.keys(changes).length === 0) {
      const complete = await answered(completeResult(this.#stores, run), runId, options);
      if (complete !== undefined) return tellOf(complete, options);
    }
    // The first step would refuse it too, but its error would come as a failed execution's.
    refuseOwnRepetitions(run, input.repetitions);
    refuseFewerRepetitions(run, input.repetitions);
    const { completed } = await answered(this.#stores.failures.ledger(runId), runId, options);
    const carrier = this.#requested();
    const execution = this.#executionNamed(randomUUID());
    await this.#tryStart(execution, { runId, ...input, ...traceOf(carrier) });
    const known = { before: completed, trace: { carrier } };
    return this.#toTheGoal(await this.#follow(execution, options, known), options);
  }

  #follow(
    execution: StateMachineExecution,
    options: RunOptions,
    known: Pick<ExecutionFollowerProps, 'before' | 'trace'>,
  ): Promise<RunResult> {
    return new ExecutionFollower(execution, {
      stores: this.#stores,
      clock: this.#clock,
      pollMs: this.#pollMs,
      observer: this.#observer,
      options,
      ...known,
    }).toTheEnd();
  }

  /** Tells the observer, before there is a run. */
  #requested(): TraceCarrier | undefined {
    if (this.#observer === undefined) return undefined;
    const carrier: TraceCarrier = {};
    this.#observer({ type: 'request', carrier });
    return carrier;
  }

  #refuseOtherDeployment(request: Partial<Deployed>): void {
    for (const field of deployedFields) {
      const asked = request[field];
      const deployed = this.#deployed[field];
      if (asked === undefined || asked === deployed) continue;
      const expected =
        deployed === undefined
          ? 'left out: it is deployed'
          : `${deployed}, as deployed, or left out`;
      throw new InvalidInputError(deployedNames[field], expected, asked);
    }
  }

  /** The execution that is on this request: a new one, or one that its key has already, with its run. */
  async #executionOf(request: RunRequest, trace: TraceCarrier): Promise<FoundExecution> {
    const { idempotencyKey: key, parameters = {} } = request;
    const name = key === undefined ? randomUUID() : executionNameOf(key);
    let input: object = { ...requestInputOf(request), ...trace };
    let run: Run | undefined;
    let before = 0;
    for (let attempt = 1; ; attempt += 1) {
      const execution = this.#executionNamed(attempt === 1 ? name : `${name}.${attempt}`);
      if (await this.#tryStart(execution, input)) return { execution, run, before };
      const runId = await this.#runOf(execution);
      const { status, input: given } = await execution.describe();
      if (runId !== undefined) {
        run = await this.#runUnder(key, runId);
        before = (await this.#stores.failures.ledger(runId)).completed;
        refuseOtherInput(run, request);
        // The deployed simulation alone knows the defaults: its first step compares the parameters.
        input = { runId, parameters, ...trace };
      }
      // A run that was extended since it succeeded may not have come to its end.
      const isDone = status === 'SUCCEEDED' && run?.status === 'completed';
      const isOnIt = status === 'RUNNING' || isDone;
      if (isOnIt && haveSameParameters(given, request)) {
        return { execution, run, joined: traceOf(inputIn(given)).traceparent };
      }
    }
  }

  /** @throws DeletedRunError when the key's run was deleted */
  async #runUnder(key: string | undefined, id: RunId): Promise<Run> {
    try {
      return await this.#stores.runs.get(id);
    } catch (error) {
      const isDeleted =
        error instanceof RunNotFoundError && (await this.#stores.tombstones.has(id));
      throw isDeleted ? new DeletedRunError(id, key ?? '') : error;
    }
  }

  /** Waits for the first step; undefined when the execution ended without a run. */
  async #runOf(execution: StateMachineExecution): Promise<RunId | undefined> {
    const pace = new Pace(this.#clock, this.#pollMs);
    for (;;) {
      const { status } = await execution.describe();
      const runId = await execution.runId();
      if (runId !== undefined || status !== 'RUNNING') return runId;
      await pace.wait();
    }
  }

  /** False when there has been an execution of this name with another input, or it has ended. */
  #tryStart(execution: StateMachineExecution, input: object): Promise<boolean> {
    const command = new StartExecutionCommand({
      stateMachineArn: this.#stateMachineArn,
      name: execution.name,
      input: JSON.stringify(input),
    });
    return ask('StartExecution', async () => {
      try {
        await this.#client.send(command);
        return true;
      } catch (error) {
        if (isError(error) && error.name === 'ExecutionAlreadyExists') return false;
        throw error;
      }
    });
  }

  #executionNamed(name: string): StateMachineExecution {
    const prefix = this.#stateMachineArn.replace(':stateMachine:', ':execution:');
    return new StateMachineExecution(this.#client, `${prefix}:${name}`);
  }
}

/** The execution that does what a request asks for. */
interface FoundExecution {
  readonly execution: StateMachineExecution;
  /** Of an execution before this one; undefined when there was none, or no run. */
  readonly run: Run | undefined;
  /** How many values the run had before it; undefined when it was there already. */
  readonly before?: number | undefined;
  /** The trace context that it was begun with, where another's request did that. */
  readonly joined?: string | undefined;
}

/** The part of a carrier that travels: an execution is not to fail since an observer has given it something else. */
function traceOf(carrier: TraceCarrier | undefined): TraceCarrier {
  const { traceparent } = carrier ?? {};
  return isTraceparent(traceparent) ? { traceparent } : {};
}

/** Step 1 compares, so that it is told what to do about a change. */
function acceptance({ acceptChangedSimulation }: RunChange): object {
  return acceptChangedSimulation === true ? { acceptChangedSimulation } : {};
}

/** Compares the input but for its parameters: the rest is the deployment's, or the execution itself. */
function refuseOtherInput(run: Run, request: RunRequest): void {
  const { parameters, ...input } = requestInputOf(parseRunRequest(request));
  refuseOtherRequest(run, input, request);
}

function inputIn(given: string | undefined): RunRequest & TraceCarrier {
  return JSON.parse(given ?? '{}') as RunRequest & TraceCarrier;
}

/** @param given the input of an execution */
function haveSameParameters(given: string | undefined, request: RunRequest): boolean {
  const [first, again] = [inputIn(given), request].map(({ parameters = {} }) =>
    RunParameters.text(parameters as JsonObject),
  );
  return first === again;
}

/**
 * The error that the first step found with the request's key, which AWS forgets after 90 days; any other as it is.
 * @param run the key's, where its execution is not forgotten
 */
function ofKey(error: unknown, run: Run | undefined, request: RunRequest): unknown {
  const { errorName } = error as Partial<StepFailedError>;
  const { idempotencyKey = '', parameters = {} } = request;
  if (errorName === 'DeletedRunError') {
    const [, id] = / run (\d+), which was deleted/.exec(messageOf(error)) ?? [];
    return id === undefined ? error : new DeletedRunError(RunId.parse(Number(id)), idempotencyKey);
  }
  if (errorName !== 'ConflictingRunError' || run === undefined) return error;
  return new ConflictingRunError(
    run.id,
    idempotencyKey,
    'parameters',
    RunParameters.text(run.request.parameters),
    RunParameters.text(parameters as JsonObject),
  );
}

/** The key itself where it can be a name with room for an attempt's number, else its digest. */
function executionNameOf(key: string): string {
  return /^[\w-]{1,70}$/.test(key) ? key : createHash('sha256').update(key).digest('hex');
}
