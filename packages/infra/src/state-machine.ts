import {
  caughtField,
  toldErrors,
  type Assignments,
  type Block,
  type Pair,
  type RetrieveRunIdEnvelope,
  type WriteToDbEvent,
} from '@stepcompute/aws-adapter/wire';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import {
  DefinitionBody,
  DistributedMap,
  Fail,
  JitterType,
  JsonPath,
  LogLevel,
  Map as InlineMap,
  Pass,
  StateMachine,
  StateMachineType,
  Succeed,
  TaskInput,
  type TaskStateBase,
  Wait,
  WaitTime,
  type IChainable,
} from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';
import { acknowledgeChildren, acknowledgeTracing, acknowledgeVersions } from './acknowledged.js';

/**
 * `inline`: the source document's Map, a pair at a time, up to 2,854 repetitions. `distributed`: a Map
 * of child executions over blocks of iterations, for any number.
 */
export type Mode = 'inline' | 'distributed';

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
  readonly retryThrottles: boolean;
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

/** Outlasts a function that keeps its environment for ten minutes. */
const throttleRetry = {
  errors: ['Lambda.TooManyRequestsException'],
  interval: Duration.seconds(2),
  maxAttempts: 30,
  backoffRate: 2,
  maxDelay: Duration.minutes(1),
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
 * the Map is lost, RecordFailure puts its iterations on record as failed.
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
    const { retrieveRunId, aggregateAndStoreValue, delay, mode, blockSize } = this.props;
    const event = {
      // The execution's id makes a repeated allocation answer with the same run.
      executionId: JsonPath.stringAt('$$.Execution.Id'),
      input: JsonPath.objectAt('$'),
      delayMs: delay.toMilliseconds(),
      blockSize: mode === 'distributed' ? blockSize : undefined,
    } satisfies Record<keyof RetrieveRunIdEnvelope, unknown>;
    return this.#invoke('RetrieveRunId', retrieveRunId, TaskInput.fromObject(event))
      .next(mode === 'inline' ? this.#inlineMap() : this.#distributedMap())
      .next(new Pass(this.scope, 'Pass'))
      .next(this.#invoke('AggregateAndStoreValue', aggregateAndStoreValue))
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

  #write(outputPath?: string): TaskStateBase {
    const { writeToDb, recordFailure } = this.props;
    const write = this.#invoke('WriteToDb', writeToDb, undefined, outputPath);
    const told = new Fail(this.scope, 'Failed', {
      errorPath: `${pathTo(caughtField)}.Error`,
      causePath: `${pathTo(caughtField)}.Cause`,
    });
    const record = this.#invoke('RecordFailure', recordFailure, undefined, outputPath);
    const resultPath = pathTo(caughtField);
    return write
      .addCatch(told, { errors: [...toldErrors], resultPath })
      .addCatch(record, { resultPath });
  }

  #delayed(work: TaskStateBase): IChainable {
    const { waitsDelay, delay } = this.props;
    if (!waitsDelay) return work;
    return new Wait(this.scope, 'Delay', { time: WaitTime.duration(delay) }).next(work);
  }

  #invoke(
    id: string,
    lambdaFunction: IFunction,
    payload?: TaskInput,
    outputPath = '$.Payload',
  ): TaskStateBase {
    const task = new LambdaInvoke(this.scope, id, {
      lambdaFunction,
      ...(payload && { payload }),
      outputPath,
      retryOnServiceExceptions: false,
    });
    // The first retrier that matches counts.
    if (this.props.retryThrottles) task.addRetry(throttleRetry);
    return task.addRetry(documentRetry);
  }
}
