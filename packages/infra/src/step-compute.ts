import { variables, type HandlerName } from '@stepcompute/aws-adapter/wire';
import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { Architecture, ILayerVersion, Runtime } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { IStepComputeDatabase } from './database-access.js';
import { StepComputeDatabase } from './database.js';
import { facts } from './facts.js';
import type { SimulationSource } from './function-code.js';
import { refuseWrongFunctionProps } from './function-props.js';
import { migrateOnDeployment } from './migration.js';
import { functionNetwork, type NetworkProps } from './network.js';
import { StepComputeStateMachine, type Mode } from './state-machine.js';
import { StepComputeFunction, type StepComputeFunctionProps } from './step-compute-function.js';

/** When an iteration that failed is tried again. */
export interface IterationRetry {
  /** The most calls of the generator for one iteration. */
  readonly attempts: number;
  /** The longest wait before the second attempt; then it doubles. Default: 100 ms. */
  readonly backoff?: Duration | undefined;
  /** The doubling stops there. Default: 30 s. */
  readonly maximumBackoff?: Duration | undefined;
  /** The names of the errors to try again after. Default: any. */
  readonly errors?: readonly string[] | undefined;
}

/** In `vpc` are the two functions that have the simulation, and all where a database is in one. */
export interface StepComputeProps extends NetworkProps {
  /** How iterations get to their functions: see {@link Mode}. Default: `inline`. */
  readonly mode?: Mode | undefined;
  /**
   * The simulation.
   * @default the built-in one
   */
  readonly generator?: SimulationSource | undefined;
  /** How long each iteration is delayed. Default: the source document's 10 minutes. */
  readonly delay?: Duration | undefined;
  /**
   * Where the delay is waited for: in the function, which costs for as long, or in a state of the
   * state machine, once for each pair or block.
   * @default 'function' inline, 'state' distributed
   */
  readonly delayIn?: 'function' | 'state' | undefined;
  /** The most pairs or blocks worked on at a time. Default: 40 inline, where AWS allows no more; 1,000 distributed. */
  readonly concurrency?: number | undefined;
  /** The least iterations in a block, in distributed mode. Large runs have larger blocks. Default: 1,000. */
  readonly blockSize?: number | undefined;
  /**
   * True to retry throttled invocations for half an hour, with jitter, before the source
   * document's retry has its turn.
   * @default false
   */
  readonly retryThrottles?: boolean | undefined;
  /** How an iteration whose generator failed is tried again, within its function. Default: one attempt. */
  readonly retry?: IterationRetry | undefined;
  /** The longest that one call of an asynchronous generator may take. Default: as long as its function. */
  readonly iterationTimeout?: Duration | undefined;
  /** Of the two functions that have the simulation, in MiB; of the others 256. Default: 256. */
  readonly memorySize?: number | undefined;
  /** Variables of the two functions that have the simulation. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Layers of the two functions that have the simulation. */
  readonly layers?: readonly ILayerVersion[] | undefined;
  /** Of all functions. Default: arm64. */
  readonly architecture?: Architecture | undefined;
  /** Of all functions. Default: Node.js 24. */
  readonly runtime?: Runtime | undefined;
  /** The longest that one invocation of step 2 may take. Default: its delay and 3 minutes, or 5 minutes. */
  readonly writeTimeout?: Duration | undefined;
  /** The longest that an execution may take. Default: 7 days. */
  readonly timeout?: Duration | undefined;
  /** Default: one month. */
  readonly logRetention?: RetentionDays | undefined;
  /** Where runs, values and failures are kept. Default: a new one. */
  readonly database?: IStepComputeDatabase | undefined;
  /** Where averages are kept. Default: `database`. */
  readonly averagesDatabase?: IStepComputeDatabase | undefined;
  /**
   * True to let this deployment migrate the database's schema to where the code that was deployed before
   * can't follow, so that a rollback would end in refusals.
   * @default false, such a deployment fails
   */
  readonly breakingSchema?: boolean | undefined;
}

/** Lambda's own limit. */
const longestInvocation = Duration.seconds(facts.lambda.invocationSeconds);

/**
 * The whole workflow: functions, state machine, database, migrations on each deployment, and an alarm.
 * @example
 * const stepCompute = new StepCompute(stack, 'Pricing', { generator: { entry: 'src/pricing.ts' } });
 * for (const each of stepCompute.simulationFunctions) bucket.grantRead(each);
 */
export class StepCompute extends Construct {
  readonly stateMachine: StateMachine;
  readonly database: IStepComputeDatabase;
  /** Those that have the simulation: grant both what it needs. */
  readonly simulationFunctions: readonly StepComputeFunction[];
  readonly retrieveRunId: StepComputeFunction;
  readonly writeToDb: StepComputeFunction;
  readonly recordFailure: StepComputeFunction;
  readonly aggregateAndStoreValue: StepComputeFunction;
  readonly migrate: StepComputeFunction;
  /** Raised when an execution has failed or timed out. */
  readonly alarm: Alarm;

  constructor(scope: Construct, id: string, props: StepComputeProps = {}) {
    super(scope, id);
    const { mode = 'inline', delay = Duration.minutes(10) } = props;
    const { delayIn = mode === 'inline' ? 'function' : 'state' } = props;
    const { logRetention = RetentionDays.ONE_MONTH, averagesDatabase } = props;
    refuseWrongFunctionProps(props);
    const database: IStepComputeDatabase =
      props.database ?? new StepComputeDatabase(this, 'Database');
    const databases = [database, ...(averagesDatabase ? [averagesDatabase] : [])];
    const network = functionNetwork(this, databases, props);
    const allInVpc = databases.some((each) => each.network !== undefined);
    const inFunction = delayIn === 'function' ? delay : Duration.millis(0);
    const waitsDelay = delayIn === 'state' && delay.toMilliseconds() > 0;
    const timeout = props.timeout ?? Duration.days(7);
    if (waitsDelay) refuseTooLong(delay, timeout);
    const create = (
      name: string,
      handler: HandlerName,
      own: Pick<StepComputeFunctionProps, 'timeout'> & Partial<StepComputeFunctionProps>,
    ): StepComputeFunction =>
      new StepComputeFunction(this, name, {
        handler,
        database,
        averagesDatabase,
        logRetention,
        architecture: props.architecture,
        runtime: props.runtime,
        ...(allInVpc && { network }),
        ...own,
      });
    const withSimulation = {
      simulation: props.generator,
      memorySize: props.memorySize,
      layers: props.layers,
      network,
    };
    // Each may have to wait for a paused database to wake up.
    const brief = Duration.minutes(3);
    const retrieveRunId = create('RetrieveRunId', 'retrieve-run-id', {
      timeout: brief,
      environment: props.environment,
      ...withSimulation,
    });
    const writeToDb = create('WriteToDb', 'write-to-db', {
      timeout: props.writeTimeout ?? timeoutFor(inFunction),
      environment: {
        ...props.environment,
        ...variables.delay.toEnvironment(inFunction.toMilliseconds()),
        ...settingsVariable(props),
      },
      ...withSimulation,
    });
    const recordFailure = create('RecordFailure', 'record-failure', { timeout: brief });
    const aggregateAndStoreValue = create('AggregateAndStoreValue', 'aggregate-and-store-value', {
      // It reads every value of the run.
      timeout: longestInvocation,
    });
    const migrate = create('Migrate', 'migrate', {
      timeout: brief,
      usesTransactions: true,
      environment:
        props.breakingSchema === true ? variables.breakingSchema.toEnvironment(true) : {},
    });
    const machine = new StepComputeStateMachine(this, 'StateMachine', {
      mode,
      retrieveRunId,
      writeToDb,
      recordFailure,
      aggregateAndStoreValue,
      delay,
      waitsDelay,
      concurrency: props.concurrency ?? (mode === 'inline' ? 40 : 1000),
      blockSize: props.blockSize ?? 1000,
      retryThrottles: props.retryThrottles ?? false,
      timeout,
      logRetention,
    });
    migrateOnDeployment(this, {
      migrate,
      // Security groups have the rules that let functions in.
      after: [
        ...databases.flatMap(({ dependencies }) => dependencies),
        ...(network?.securityGroups ?? []),
      ],
      before: machine,
      timeout: brief,
      logRetention,
    });
    this.simulationFunctions = [retrieveRunId, writeToDb];
    this.retrieveRunId = retrieveRunId;
    this.writeToDb = writeToDb;
    this.recordFailure = recordFailure;
    this.aggregateAndStoreValue = aggregateAndStoreValue;
    this.migrate = migrate;
    this.database = database;
    this.stateMachine = machine.stateMachine;
    this.alarm = new Alarm(this, 'FailedExecutions', {
      alarmDescription: 'An execution of the StepCompute state machine has failed.',
      metric: this.stateMachine.metricFailed({ period: Duration.minutes(5), statistic: 'Sum' }),
      threshold: 1,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }
}

function settingsVariable({ retry, iterationTimeout }: StepComputeProps): Record<string, string> {
  return variables.settings.toEnvironment({
    timeoutMs: iterationTimeout?.toMilliseconds(),
    retry: retry && {
      attempts: retry.attempts,
      backoffMs: retry.backoff?.toMilliseconds(),
      maximumBackoffMs: retry.maximumBackoff?.toMilliseconds(),
      errors: retry.errors,
    },
  });
}

/** An execution that waits for as long as it may take would end in the wait. */
function refuseTooLong(delay: Duration, timeout: Duration): void {
  if (delay.toMilliseconds() < timeout.toMilliseconds()) return;
  throw new RangeError(
    `a delay of ${delay.toHumanString()} does not fit an execution, which may take ` +
      `${timeout.toHumanString()} in all: give it a longer timeout`,
  );
}

function timeoutFor(delay: Duration): Duration {
  const timeout =
    delay.toMilliseconds() === 0 ? Duration.minutes(5) : delay.plus(Duration.minutes(3));
  if (timeout.toMilliseconds() > longestInvocation.toMilliseconds()) {
    throw new RangeError(
      `a delay of ${delay.toHumanString()} does not fit a Lambda function, which may take ` +
        `${longestInvocation.toHumanString()} in all: use delayIn: 'state'`,
    );
  }
  return timeout;
}
