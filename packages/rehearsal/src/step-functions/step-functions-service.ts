import { isDeepStrictEqual } from 'node:util';
import type { FastifyInstance } from 'fastify';
import { readInput, type Kind } from '../input.js';
import { partitionOf } from '../intrinsics.js';
import { ServiceError, UnsupportedError } from '../service-error.js';
import { parseDefinition } from './definition.js';
import { Execution, type Machine } from './execution.js';
import type { ExecutionStatus, MapRun } from './map-run.js';
import { mostPayloadBytes, type Task } from './state-error.js';

export interface StepFunctionsServiceProps {
  readonly timeScale: number;
  /** Of the state machines that are created by a call. */
  readonly account: string;
  readonly region: string;
  /** The work of a task's `Resource`. */
  readonly invoke: Task;
}

/** A state machine to begin with. */
export interface MachineProps {
  readonly arn: string;
  readonly name: string;
  readonly roleArn: string;
  readonly definition: unknown;
}

/** The operations' inputs, with the members that are read. */
interface Input {
  readonly name?: string;
  readonly definition?: string;
  readonly roleArn?: string;
  readonly type?: string;
  readonly stateMachineArn?: string;
  readonly executionArn?: string;
  readonly mapRunArn?: string;
  readonly input?: string;
  readonly error?: string;
  readonly cause?: string;
  readonly clientToken?: string;
  readonly statusFilter?: string;
  readonly redriveFilter?: string;
  readonly maxResults?: number;
  readonly nextToken?: string;
  readonly reverseOrder?: boolean;
  readonly includeExecutionData?: boolean;
  readonly publish?: boolean;
  readonly includedData?: string;
}

const kinds: Readonly<Record<keyof Input, Kind>> = {
  name: 'string',
  definition: 'string',
  roleArn: 'string',
  type: 'string',
  stateMachineArn: 'string',
  executionArn: 'string',
  mapRunArn: 'string',
  input: 'string',
  error: 'string',
  cause: 'string',
  clientToken: 'string',
  statusFilter: 'string',
  redriveFilter: 'string',
  maxResults: 'integer',
  nextToken: 'string',
  reverseOrder: 'boolean',
  includeExecutionData: 'boolean',
  publish: 'boolean',
  includedData: 'string',
};

const prefix = 'AWSStepFunctions.';
/** AWS's own page where none is asked for. */
const defaultPage = 100;
const largestPage = 1000;

/** Step Functions, Standard, over the interpreter: state machines and their executions. */
export class StepFunctionsService {
  readonly #machines = new Map<string, Machine & { readonly creationDate: number }>();
  readonly #executions = new Map<string, Execution>();
  readonly #mapRuns = new Map<string, MapRun>();
  /** When each request to redrive was answered, by execution and token: asked again, it is the same. */
  readonly #redrives = new Map<string, number | undefined>();

  constructor(private readonly props: StepFunctionsServiceProps) {}

  /** Every execution since the start, children too. */
  get executions(): readonly Execution[] {
    return [...this.#executions.values()];
  }

  /** @throws UnsupportedError when the definition can't be run as AWS would run it */
  create({ arn, name, roleArn, definition }: MachineProps): void {
    this.#machines.set(arn, {
      arn,
      name,
      roleArn,
      definition: parseDefinition(definition),
      timeScale: this.props.timeScale,
      invoke: this.props.invoke,
      creationDate: Date.now() / 1000,
      onExecution: (execution) => this.#executions.set(execution.arn, execution),
      onMapRun: (mapRun) => this.#mapRuns.set(mapRun.arn, mapRun),
    });
  }

  /** Ends what is still running. */
  async close(): Promise<void> {
    for (const execution of this.executions) execution.stop();
    await Promise.all(this.executions.map(({ ended }) => ended));
  }

  /** Adds the service's one route to a server. */
  register(server: FastifyInstance): void {
    server.post<{ Body: string | undefined }>(
      '/',
      { bodyLimit: 4 * mostPayloadBytes },
      async ({ headers, body }, reply) => {
        try {
          const target = String(headers['x-amz-target']);
          const answer = JSON.stringify(this.#answer(target, readInput(body, kinds)));
          return await reply.type('application/x-amz-json-1.0').send(answer);
        } catch (error) {
          // AWS has this name for what else is wrong with a definition, too.
          if (error instanceof UnsupportedError) {
            throw new ServiceError('InvalidDefinition', error.message);
          }
          throw error;
        }
      },
    );
  }

  #answer(target: string, input: Input): object {
    assertOneOf(['ALL_DATA'], input.includedData, 'includedData');
    switch (target.startsWith(prefix) ? target.slice(prefix.length) : undefined) {
      case 'CreateStateMachine':
        return this.#createStateMachine(input);
      case 'StartExecution':
        return this.#startExecution(input);
      case 'DescribeExecution':
        return this.#describeExecution(this.#findExecution(input.executionArn));
      case 'GetExecutionHistory':
        return this.#history(input);
      case 'StopExecution':
        return this.#stopExecution(input);
      case 'RedriveExecution':
        return this.#redriveExecution(input);
      case 'ListExecutions':
        return this.#listExecutions(input);
      case 'ListMapRuns':
        return this.#listMapRuns(input);
      case 'DescribeMapRun':
        return describeMapRun(this.#findMapRun(input.mapRunArn));
      case 'DescribeStateMachine':
        return this.#describeStateMachine(input);
      default:
        throw new ServiceError('UnknownOperationException', `${target} is not rehearsed`, 404);
    }
  }

  #createStateMachine({ name = '', definition = '', roleArn = '', type, publish }: Input): object {
    assertName(name);
    assertOneOf(['STANDARD', 'EXPRESS'], type, 'type');
    if (publish === true) {
      throw new ServiceError(
        'ValidationException',
        'publish is not rehearsed: there are no versions',
      );
    }
    if (type === 'EXPRESS') {
      throw new ServiceError('StateMachineTypeNotSupported', 'Express is not rehearsed');
    }
    let parsed: unknown;
    try {
      parsed = JSON.parse(definition);
    } catch {
      throw new ServiceError('InvalidDefinition', 'the definition is no JSON');
    }
    const { account, region } = this.props;
    const arn = `arn:${partitionOf(region)}:states:${region}:${account}:stateMachine:${name}`;
    const known = this.#machines.get(arn);
    // Asked for again, it is the same one; AWS looks at no other role then. So says CreateStateMachine's
    // reference.
    if (known === undefined) this.create({ arn, name, roleArn, definition: parsed });
    else if (!isDeepStrictEqual(known.definition, parsed)) {
      throw new ServiceError('StateMachineAlreadyExists', `State Machine Already Exists: '${arn}'`);
    }
    return { stateMachineArn: arn, creationDate: this.#findMachine(arn).creationDate };
  }

  #describeStateMachine({ stateMachineArn }: Input): object {
    const { arn, name, roleArn, definition, creationDate } = this.#findMachine(stateMachineArn);
    return {
      stateMachineArn: arn,
      name,
      roleArn,
      definition: JSON.stringify(definition),
      type: 'STANDARD',
      status: 'ACTIVE',
      creationDate,
    };
  }

  #startExecution({ stateMachineArn, name = crypto.randomUUID(), input = '{}' }: Input): object {
    const machine = this.#findMachine(stateMachineArn);
    assertName(name);
    try {
      JSON.parse(input);
    } catch {
      throw new ServiceError('InvalidExecutionInput', 'Invalid State Machine Execution Input');
    }
    if (Buffer.byteLength(input) > mostPayloadBytes) {
      throw new ServiceError('InvalidExecutionInput', 'The input is longer than 262144 bytes');
    }
    const arn = `${machine.arn.replace(':stateMachine:', ':execution:')}:${name}`;
    const known = this.#executions.get(arn);
    if (known !== undefined) {
      // The same request again is the same execution, but for one that has ended.
      if (known.status === 'RUNNING' && known.input === input) {
        return { executionArn: arn, startDate: known.startDate };
      }
      throw new ServiceError('ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`);
    }
    const { startDate } = new Execution(machine, arn, name, input);
    return { executionArn: arn, startDate };
  }

  #describeExecution(execution: Execution): object {
    const { arn, stateMachineArn, name, status, startDate, stopDate, input, output } = execution;
    const { error, cause, mapRun, redriveCount, redriveDate, notRedrivable } = execution;
    const redrivable = mapRun === undefined ? 'REDRIVABLE' : 'REDRIVABLE_BY_MAP_RUN';
    return {
      executionArn: arn,
      stateMachineArn,
      name,
      status,
      startDate,
      stopDate,
      input,
      inputDetails: isIncluded,
      output,
      outputDetails: output === undefined ? undefined : isIncluded,
      error,
      cause,
      mapRunArn: mapRun?.arn,
      redriveCount,
      redriveDate,
      redriveStatus: notRedrivable === undefined ? redrivable : 'NOT_REDRIVABLE',
      redriveStatusReason: notRedrivable,
    };
  }

  #history({
    executionArn,
    reverseOrder = false,
    includeExecutionData = true,
    ...page
  }: Input): object {
    const { events } = this.#findExecution(executionArn).history;
    const ordered = reverseOrder ? events.toReversed() : events;
    const { items, nextToken } = pageOf(ordered, page);
    return { events: items.map((event) => toldOf(event, includeExecutionData)), nextToken };
  }

  #stopExecution({ executionArn, error, cause }: Input): object {
    const execution = this.#findExecution(executionArn);
    execution.stop(error, cause);
    return { stopDate: execution.stopDate };
  }

  #redriveExecution({ executionArn, clientToken = crypto.randomUUID() }: Input): object {
    const execution = this.#findExecution(executionArn);
    const request = `${execution.arn} ${clientToken}`;
    if (!this.#redrives.has(request)) {
      const reason =
        execution.mapRun === undefined
          ? execution.notRedrivable
          : 'A child execution is redriven with its parent';
      if (reason !== undefined) throw new ServiceError('ExecutionNotRedrivable', reason);
      execution.redrive();
      this.#redrives.set(request, execution.redriveDate);
    }
    return { redriveDate: this.#redrives.get(request) };
  }

  #listExecutions(input: Input): object {
    const { stateMachineArn, mapRunArn, statusFilter, redriveFilter, ...page } = input;
    assertOneOf(statuses, statusFilter, 'statusFilter');
    assertOneOf(['REDRIVEN', 'NOT_REDRIVEN'], redriveFilter, 'redriveFilter');
    const mapRun = mapRunArn === undefined ? undefined : this.#findMapRun(mapRunArn);
    const machineArn = mapRun === undefined ? this.#findMachine(stateMachineArn).arn : undefined;
    const wanted = this.executions.filter(
      (execution) =>
        execution.mapRun === mapRun &&
        (machineArn === undefined || execution.stateMachineArn === machineArn) &&
        (statusFilter === undefined || execution.status === statusFilter) &&
        (redriveFilter === undefined ||
          execution.redriveCount > 0 === (redriveFilter === 'REDRIVEN')),
    );
    const { items, nextToken } = pageOf(wanted.toReversed(), page);
    const executions = items.map((execution) => {
      const { arn: executionArn, stateMachineArn, name, status, startDate, stopDate } = execution;
      const { redriveCount, redriveDate } = execution;
      return {
        executionArn,
        stateMachineArn,
        mapRunArn,
        name,
        status,
        startDate,
        stopDate,
        redriveCount,
        redriveDate,
      };
    });
    return { executions, nextToken };
  }

  #listMapRuns({ executionArn, ...page }: Input): object {
    const { arn, stateMachineArn } = this.#findExecution(executionArn);
    const all = [...this.#mapRuns.values()].filter((mapRun) => mapRun.executionArn === arn);
    const { items, nextToken } = pageOf(all, page);
    const mapRuns = items.map(({ arn: mapRunArn, startDate, stopDate }) => {
      return { executionArn: arn, mapRunArn, stateMachineArn, startDate, stopDate };
    });
    return { mapRuns, nextToken };
  }

  #findMachine(arn = ''): Machine & { readonly creationDate: number } {
    assertArn(arn, 'stateMachine');
    const machine = this.#machines.get(arn);
    if (machine !== undefined) return machine;
    throw new ServiceError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
  }

  #findExecution(arn = ''): Execution {
    assertArn(arn, 'execution');
    const execution = this.#executions.get(arn);
    if (execution !== undefined) return execution;
    throw new ServiceError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
  }

  #findMapRun(arn = ''): MapRun {
    assertArn(arn, 'mapRun');
    const mapRun = this.#mapRuns.get(arn);
    if (mapRun !== undefined) return mapRun;
    throw new ServiceError('ResourceNotFound', `Resource not found: '${arn}'`, 404);
  }
}

const statuses: readonly ExecutionStatus[] = [
  'RUNNING',
  'SUCCEEDED',
  'FAILED',
  'TIMED_OUT',
  'ABORTED',
  'PENDING_REDRIVE',
];

function assertOneOf(known: readonly string[], value: string | undefined, member: string): void {
  if (value === undefined || known.includes(value)) return;
  throw new ServiceError(
    'ValidationException',
    `${member} must be one of ${known.join(', ')}; got ${JSON.stringify(value)}`,
  );
}

function assertArn(arn: string, kind: string): void {
  if (/^arn:aws[\w-]*:states:[\w-]+:\d{12}:(\w+):[^:]+/.exec(arn)?.[1] === kind) return;
  throw new ServiceError('InvalidArn', `Invalid Arn: '${arn}'`);
}

function isUnsuccessful(status: ExecutionStatus): boolean {
  return status === 'FAILED' || status === 'TIMED_OUT' || status === 'ABORTED';
}

function describeMapRun(mapRun: MapRun): object {
  const { arn, executionArn, status, startDate, stopDate, maxConcurrency, children, total } =
    mapRun;
  const { redriveCount, redriveDate } = mapRun;
  const count = (wanted: string): number =>
    children.filter(({ status: one }) => one === wanted).length;
  const counts = {
    pending: total - children.length,
    running: count('RUNNING'),
    succeeded: count('SUCCEEDED'),
    failed: count('FAILED'),
    timedOut: count('TIMED_OUT'),
    aborted: count('ABORTED'),
    total,
    resultsWritten: 0,
    failuresNotRedrivable: children.filter(
      ({ status: one, notRedrivable }) => isUnsuccessful(one) && notRedrivable !== undefined,
    ).length,
    pendingRedrive: count('PENDING_REDRIVE'),
  };
  return {
    mapRunArn: arn,
    executionArn,
    status,
    startDate,
    stopDate,
    maxConcurrency,
    toleratedFailureCount: 0,
    toleratedFailurePercentage: 0,
    itemCounts: counts,
    executionCounts: counts,
    redriveCount,
    redriveDate,
  };
}

/** Parameters are not among them: by the model, a scheduled task has them always. */
const data = ['input', 'output'];

/** The event without its data, or with the word that these are whole, as they always are here. */
function toldOf(event: object, includeExecutionData: boolean): object {
  return Object.fromEntries(
    Object.entries(event).map(([key, value]: [string, unknown]) => {
      if (typeof value !== 'object' || value === null) return [key, value];
      const details = Object.entries(value);
      if (!includeExecutionData) {
        return [key, Object.fromEntries(details.filter(([name]) => !data.includes(name)))];
      }
      const whole = data.filter((name) => name in value).map((name) => [`${name}Details`, isWhole]);
      return [key, Object.fromEntries([...details, ...whole])];
    }),
  );
}

const isIncluded = { included: true };
const isWhole = { truncated: false };

function pageOf<T>(
  all: readonly T[],
  { maxResults = 0, nextToken }: Pick<Input, 'maxResults' | 'nextToken'>,
): { readonly items: readonly T[]; readonly nextToken: string | undefined } {
  if (nextToken !== undefined && !/^\d{1,15}$/.test(nextToken)) {
    throw new ServiceError('InvalidToken', `Invalid Token: '${nextToken}'`);
  }
  if (maxResults < 0 || maxResults > largestPage) {
    throw new ServiceError('ValidationException', `maxResults must be from 0 to ${largestPage}`);
  }
  const from = Number(nextToken ?? 0);
  // 0 is AWS’s word for a page of its own.
  const end = from + (maxResults === 0 ? defaultPage : maxResults);
  return { items: all.slice(from, end), nextToken: end < all.length ? String(end) : undefined };
}

function assertName(name: string): void {
  if (
    name.length < 1 ||
    name.length > 80 ||
    /[\s<>{}[\]?*"#%\\^|~`$&,;:/\u0000-\u001f\u007f-\u009f]/.test(name)
  ) {
    throw new ServiceError('InvalidName', `Invalid Name: '${name}'`);
  }
}
