import {
  caughtField,
  recordedErrors,
  type Assignments,
  type Block,
  type MostAssigned,
  type Pair,
  type RetrieveRunIdEnvelope,
  type WriteToDbEvent,
} from '@stepcompute/aws-adapter/wire';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import {
  Chain,
  DefinitionBody,
  DistributedMap,
  Fail,
  JitterType,
  JsonPath,
  LogLevel,
  Map as InlineMap,
  Pass,
  type State,
  StateMachine,
  StateMachineType,
  Succeed,
  TaskInput,
  Wait,
  WaitTime,
  type CatchProps,
  type IChainable,
} from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';
import { acknowledgeChildren, acknowledgeTracing, acknowledgeVersions } from './acknowledged.js';
import { throttleWaits, type Mode } from './limits.js';

/** As {@link StepCompute} derives it from its own properties, which say more of each. */
export interface StepComputeStateMachineProps {
  readonly mode: Mode;
  readonly retrieveRunId: IFunction;
  readonly writeToDb: IFunction;
  readonly recordFailure: IFunction;
  readonly aggregateAndStoreValue: IFunction;
  /** For the run's record. */
  readonly delay: Duration;
  /** True when the state machine waits the delay, once before each assignment, instead of the function. */
  readonly waitsDelay: boolean;
  readonly concurrency: number;
  /** Of distributed mode alone. */
  readonly blockSize: number;
  /** The most that one execution gets done: see {@link limitsOf}. */
  readonly most: MostAssigned;
  readonly timeout: Duration;
  readonly logRetention: RetentionDays;
}

/** The source document's retry: these four errors, after 2, 4, … 64 seconds. */
const documentRetry = {
  errors: [
    'Lambda.ServiceException',
    'Lambda.AWSLambdaException',
    'Lambda.SdkClientException',
    'Lambda.TooManyRequestsException',
  ],
  interval: Duration.seconds(2),
  maxAttempts: 6,
  backoffRate: 2,
};

const throttle = 'Lambda.TooManyRequestsException';

/** For as long as the execution may take: who waits for a free function has done nothing wrong. */
const throttleRetry = {
  errors: [throttle],
  interval: Duration.seconds(throttleWaits.firstSeconds),
  maxAttempts: throttleWaits.attempts,
  backoffRate: throttleWaits.backoffRate,
  maxDelay: Duration.seconds(throttleWaits.longestSeconds),
  jitterStrategy: JitterType.FULL,
};

/** Where the state machine's data has what the functions call so. */
const pathTo = (field: keyof Assignments | typeof caughtField): string => `$.${field}`;

/** Each item of a Map as it is, with the request's trace context, which would not fit a list of them. */
function traced(fields: object): Record<string, unknown> {
  const item = Object.keys(fields).map(
    (field) => [field, JsonPath.numberAt(`$$.Map.Item.Value.${field}`)] as const,
  );
  const traceparent: keyof WriteToDbEvent & keyof Assignments = 'traceparent';
  return { ...Object.fromEntries(item), [traceparent]: JsonPath.stringAt(pathTo(traceparent)) };
}

/**
 * RetrieveRunId → Map over WriteToDb → Pass → AggregateAndStoreValue → Success. Where a function of
 * the Map ends without its values, RecordFailure puts its iterations on record as failed. The first
 * failure that the run does not tolerate ends the Map.
 */
export class StepComputeStateMachine extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, props: StepComputeStateMachineProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'Log', {
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.stateMachine = new StateMachine(this, 'Resource', {
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromChainable(new States(this, props).chain()),
      timeout: props.timeout,
      tracingEnabled: true,
      logs: { destination: logGroup, level: LogLevel.ALL, includeExecutionData: false },
    });
    acknowledgeTracing(this.stateMachine.role);
    for (const each of [
      props.retrieveRunId,
      props.writeToDb,
      props.recordFailure,
      props.aggregateAndStoreValue,
    ]) {
      acknowledgeVersions(this.stateMachine.role, each);
    }
    if (props.mode === 'distributed') acknowledgeChildren(this.stateMachine);
  }
}

class States {
  constructor(
    private readonly scope: Construct,
    private readonly props: StepComputeStateMachineProps,
  ) {}

  chain(): IChainable {
    const { retrieveRunId, aggregateAndStoreValue, delay, mode, blockSize, most } = this.props;
    const event = {
      // The execution's id makes a repeated allocation answer with the same run.
      executionId: JsonPath.stringAt('$$.Execution.Id'),
      input: JsonPath.objectAt('$'),
      delayMs: delay.toMilliseconds(),
      blockSize: mode === 'distributed' ? blockSize : undefined,
      most: most satisfies MostAssigned,
    } satisfies Record<keyof RetrieveRunIdEnvelope, unknown>;
    const payload = TaskInput.fromObject(event);
    const aggregate = this.#invoke('AggregateAndStoreValue', aggregateAndStoreValue);
    const map = mode === 'inline' ? this.#inlineMap() : this.#distributedMap();
    // It says which failure ended it, or that a child failed: step 3 fails with the run's own reason.
    map.addCatch(aggregate.startState, { resultPath: pathTo(caughtField) });
    return this.#invoke('RetrieveRunId', retrieveRunId, { payload })
      .next(map)
      .next(new Pass(this.scope, 'Pass'))
      .next(aggregate)
      .next(new Succeed(this.scope, 'Success'));
  }

  /** Its output, the list of processed pairs, takes the place of the list that it was given. */
  #inlineMap(): InlineMap {
    return new InlineMap(this.scope, 'Map', {
      itemsPath: pathTo('pairs'),
      itemSelector: traced({ runId: true, iterationId: true } satisfies Record<keyof Pair, true>),
      resultPath: pathTo('pairs'),
      maxConcurrency: this.props.concurrency,
    }).itemProcessor(this.#delayed(this.#write()));
  }

  /** Each child retries by itself: a retry of the Map would run every child again. */
  #distributedMap(): DistributedMap {
    return new DistributedMap(this.scope, 'Map', {
      itemsPath: pathTo('blocks'),
      itemSelector: traced({ runId: true, first: true, count: true } satisfies Record<
        keyof Block,
        true
      >),
      resultPath: JsonPath.DISCARD,
      maxConcurrency: this.props.concurrency,
      mapExecutionType: StateMachineType.STANDARD,
    }).itemProcessor(this.#delayed(this.#write(JsonPath.DISCARD)));
  }

  #write(outputPath?: string): State {
    const { writeToDb, recordFailure } = this.props;
    const told = new Fail(this.scope, 'Failed', {
      errorPath: `${pathTo(caughtField)}.Error`,
      causePath: `${pathTo(caughtField)}.Cause`,
    });
    const record = this.#invoke('RecordFailure', recordFailure, { outputPath });
    const resultPath = pathTo(caughtField);
    return this.#invoke('WriteToDb', writeToDb, {
      outputPath,
      catchers: [
        [told, { errors: [...recordedErrors], resultPath }],
        [record.startState, { resultPath }],
      ],
    }).startState;
  }

  #delayed(work: State): IChainable {
    const { waitsDelay, delay } = this.props;
    if (!waitsDelay) return work;
    return new Wait(this.scope, 'Delay', { time: WaitTime.duration(delay) }).next(work);
  }

  /**
   * Calls a function. The document's retry comes first; an invocation that is still throttled after
   * it goes on in a second state, since of two retriers for one error the first alone counts, and an
   * error that has used it up goes to the catchers.
   */
  #invoke(id: string, lambdaFunction: IFunction, options: InvokeOptions = {}): Chain {
    const { payload, outputPath = '$.Payload', catchers = [] } = options;
    const taskOf = (name: string): LambdaInvoke =>
      new LambdaInvoke(this.scope, name, {
        lambdaFunction,
        ...(payload && { payload }),
        outputPath,
        retryOnServiceExceptions: false,
      });
    const task = taskOf(id).addRetry(documentRetry);
    const whenFree = taskOf(`${id}WhenFree`).addRetry(throttleRetry).addRetry(documentRetry);
    // The error is dropped: the function is to see what it would have seen at first.
    task.addCatch(whenFree, { errors: [throttle], resultPath: JsonPath.DISCARD });
    for (const [target, props] of catchers) {
      task.addCatch(target, props);
      whenFree.addCatch(target, props);
    }
    return Chain.custom(task, [task, whenFree], task);
  }
}

interface InvokeOptions {
  /** Default: the state's input. */
  readonly payload?: TaskInput | undefined;
  /** Default: the function's answer. */
  readonly outputPath?: string | undefined;
  readonly catchers?: readonly (readonly [State, CatchProps])[] | undefined;
}
