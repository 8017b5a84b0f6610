import { outputs, variables, type HandlerName } from '@stepcompute/aws-adapter/wire';
import { Duration } from 'aws-cdk-lib';
import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import type { Grant, IGrantable } from 'aws-cdk-lib/aws-iam';
import type { Architecture, ILayerVersion, Runtime } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { databaseKind, type IStepComputeDatabase } from './database-access.js';
import { StepComputeDatabase } from './database.js';
import { facts } from './facts.js';
import type { SimulationSource } from './function-code.js';
import { functionKinds, refuseWrongFunctionProps } from './function-props.js';
import { grantRead, grantRun } from './grants.js';
import {
  boolean,
  duration,
  kind,
  listOf,
  number,
  objectOf,
  oneOf,
  refuseWrongProps,
  text,
  wholeSeconds,
  type Kinds,
} from './kinds.js';
import { limitsOf, mostAssigned, type IterationRetry, type LimitedSettings } from './limits.js';
import { migrateOnDeployment } from './migration.js';
import { dashboardOf, failureAlarm } from './monitoring.js';
import { functionNetwork, networkKinds, type NetworkProps } from './network.js';
import { StepComputeStateMachine } from './state-machine.js';
import { StepComputeFunction, type StepComputeFunctionProps } from './step-compute-function.js';

/** In `vpc` are the two functions that have the simulation, and all where a database is in one. */
export interface StepComputeProps extends LimitedSettings, NetworkProps {
  /**
   * The simulation.
   * @default the built-in one
   */
  readonly generator?: SimulationSource | undefined;
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
  /** Default: one month. */
  readonly logRetention?: RetentionDays | undefined;
  /** Where runs, values and failures are kept. Default: a new one. */
  readonly database?: IStepComputeDatabase | undefined;
  /** Where averages are kept. Default: `database`. */
  readonly averagesDatabase?: IStepComputeDatabase | undefined;
  /**
   * False to leave out the dashboard: AWS bills one that is beyond an account's first three.
   * @default true
   */
  readonly dashboard?: boolean | undefined;
  /**
   * True to let this deployment migrate the database's schema to where the code that was deployed before
   * can't follow, so that a rollback would end in refusals.
   * @default false, such a deployment fails
   */
  readonly breakingSchema?: boolean | undefined;
}

const kinds: Kinds<StepComputeProps> = {
  ...functionKinds,
  ...networkKinds,
  mode: oneOf('inline', 'distributed'),
  delay: duration,
  delayIn: oneOf('function', 'state'),
  concurrency: number,
  accountConcurrency: number,
  iterationDuration: duration,
  blockSize: number,
  retry: objectOf<IterationRetry>({
    attempts: number,
    backoff: duration,
    maximumBackoff: duration,
    errors: listOf(text),
  }),
  iterationTimeout: duration,
  writeTimeout: wholeSeconds,
  timeout: wholeSeconds,
  logRetention: kind('one of RetentionDays', (value) =>
    Object.values(RetentionDays).includes(value as never),
  ),
  database: databaseKind,
  averagesDatabase: databaseKind,
  dashboard: boolean,
  breakingSchema: boolean,
};

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
  /**
   * Raised when an execution has failed or timed out.
   * @example
   * stepCompute.alarm.addAlarmAction(new SnsAction(topic));
   */
  readonly alarm: Alarm;
  /**
   * All that a client has to know, by the names that a stack's outputs have for `openDeployment`.
   * @example
   * for (const [name, value] of Object.entries(stepCompute.outputs)) new CfnOutput(stack, name, { value });
   */
  readonly outputs: Readonly<Record<string, string>>;
  readonly #databases: readonly IStepComputeDatabase[];

  constructor(scope: Construct, id: string, props: StepComputeProps = {}) {
    super(scope, id);
    refuseWrongProps(props, kinds);
    if (props.retry !== undefined) number('retry attempts', props.retry.attempts);
    const limits = limitsOf(props);
    const { mode, delay, delayIn } = limits;
    const waitsDelay = delayIn === 'state' && delay.toMilliseconds() > 0;
    if (waitsDelay) wholeSeconds('delay in a state', delay);
    const { logRetention = RetentionDays.ONE_MONTH, averagesDatabase } = props;
    refuseWrongFunctionProps(props);
    const database: IStepComputeDatabase =
      props.database ?? new StepComputeDatabase(this, 'Database');
    const databases = [database, ...(averagesDatabase ? [averagesDatabase] : [])];
    const network = functionNetwork(this, databases, props);
    const allInVpc = databases.some((each) => each.network !== undefined);
    const inFunction = delayIn === 'function' ? delay : Duration.millis(0);
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
      timeout: limits.writeTimeout,
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
      timeout: Duration.seconds(facts.lambda.invocationSeconds),
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
      concurrency: limits.concurrency,
      blockSize: limits.blockSize,
      most: mostAssigned(limits),
      timeout: limits.timeout,
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
    this.alarm = failureAlarm(this, 'FailedExecutions', this.stateMachine);
    this.#databases = databases;
    this.outputs = outputs.of({
      stateMachineArn: this.stateMachine.stateMachineArn,
      delayMs: delay.toMilliseconds(),
      database: database.address,
      averagesDatabase: averagesDatabase?.address,
    });
    if (props.dashboard ?? true) {
      dashboardOf(this, 'Dashboard', {
        stateMachine: this.stateMachine,
        functions: { retrieveRunId, writeToDb, recordFailure, aggregateAndStoreValue },
        writeToDb,
        cluster: database.cluster,
      });
    }
  }

  /**
   * Allows to run the simulation, from a service or a person's role: to start, follow and stop executions,
   * and to read and record runs in the database.
   * @example
   * stepCompute.grantRun(service.taskDefinition.taskRole);
   */
  grantRun(grantee: IGrantable): Grant {
    const { stateMachine } = this;
    return grantRun({ stateMachine, databases: this.#databases }, grantee);
  }

  /**
   * Allows to look at runs, their values and failures, and to follow executions. What a statement may do is
   * the database's to say: the Data API knows one right for all statements.
   */
  grantRead(grantee: IGrantable): Grant {
    const { stateMachine } = this;
    return grantRead({ stateMachine, databases: this.#databases }, grantee);
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
