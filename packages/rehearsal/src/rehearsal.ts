import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { dollarsOf, type Account } from './account.js';
import {
  readCloudAssembly,
  type ClusterDefinition,
  type FunctionDefinition,
} from './cloud-assembly.js';
import { Faults, type FaultProps } from './faults.js';
import { createServer } from './http-server.js';
import { region } from './intrinsics.js';
import { FunctionPool, type Invocation } from './lambda/function-pool.js';
import { LambdaService } from './lambda/lambda-service.js';
import { openEngine, type Engine } from './rds-data/engine.js';
import { RdsDataService } from './rds-data/rds-data-service.js';
import { UnsupportedError } from './service-error.js';
import { StateError } from './step-functions/state-error.js';
import { StepFunctionsService } from './step-functions/step-functions-service.js';
import { TimeScale } from './time-scale.js';

export interface RehearsalProps {
  /** The folder of a cloud assembly, with its `manifest.json`. */
  readonly assembly: string;
  /** What is behind the Data API: `memory`, a folder, or a PostgreSQL URL. Default: `memory`. */
  readonly database?: string | undefined;
  /** How much faster states wait and retry than on AWS. Default: 1, no faster. */
  readonly timeScale?: number | undefined;
  /**
   * Environment variables in which functions are told how long to wait, in milliseconds, which the
   * time scale divides too; one that is no number is refused. What that takes off is put back in the
   * account.
   * @default none
   */
  readonly scaledVariables?: readonly string[] | undefined;
  readonly faults?: FaultProps | undefined;
  /** The most processes of each function. Default: 4. */
  readonly mostInstances?: number | undefined;
  /** Default: 127.0.0.1, so that nobody else can call. */
  readonly host?: string | undefined;
  /** Default: any that is free. */
  readonly port?: number | undefined;
  /** Gets what the functions write to their logs, line by line. */
  readonly onLog?: ((functionName: string, line: string) => void) | undefined;
}

/** AWS on the desk: Step Functions, Lambda and the RDS Data API on one loopback port. */
export class Rehearsal {
  /** The state machines, by logical id. */
  readonly stateMachines: Readonly<Record<string, string>>;
  /** The names of the functions, which are their logical ids. */
  readonly functionNames: readonly string[];
  /** The clusters behind the Data API. */
  readonly clusters: readonly ClusterDefinition[];

  private constructor(
    readonly endpoint: string,
    private readonly parts: Parts,
  ) {
    const { assembly } = parts;
    this.stateMachines = Object.fromEntries(
      assembly.stateMachines.map(({ logicalId, arn }) => [logicalId, arn]),
    );
    this.functionNames = assembly.functions.map(({ logicalId }) => logicalId);
    this.clusters = assembly.clusters;
  }

  /**
   * Deploys the assembly: checks that all of it can be rehearsed, and calls what a deployment calls.
   * @throws UnsupportedError naming what can't be
   */
  static async start(props: RehearsalProps): Promise<Rehearsal> {
    const parts = new Parts(props);
    try {
      const endpoint = await parts.open();
      await parts.deploy();
      return new Rehearsal(endpoint, parts);
    } catch (error) {
      await parts.close();
      throw error;
    }
  }

  /** What a process needs in its environment to call this instead of AWS. */
  get environment(): Readonly<Record<string, string>> {
    return this.parts.environment;
  }

  /** What has been recorded until now. */
  account(): Account {
    return this.parts.account();
  }

  /** How many transactions of the Data API are open. */
  get openTransactions(): number {
    return this.parts.rdsData?.openTransactions ?? 0;
  }

  /** Ends executions, functions, database and server. */
  close(): Promise<void> {
    return this.parts.close();
  }
}

/** Everything that a rehearsal holds, so that it can be given back whichever part fails. */
class Parts {
  readonly assembly: ReturnType<typeof readCloudAssembly>;
  rdsData: RdsDataService | undefined;
  environment: Readonly<Record<string, string>> = {};
  readonly #faults: Faults;
  readonly #timeScale: TimeScale;
  readonly #server: FastifyInstance = createServer();
  readonly #engines: Engine[] = [];
  #lambda: LambdaService | undefined;
  #stepFunctions: StepFunctionsService | undefined;
  #lambdaRequests = 0;
  #gigabyteSeconds = 0;
  #dataApiCalls = 0;
  #dataApiErrors = 0;
  /** Nothing goes wrong while it is deployed: that is not what is rehearsed. */
  #isDeployed = false;

  constructor(private readonly props: RehearsalProps) {
    const { timeScale = 1, scaledVariables = [], faults = {} } = props;
    this.#timeScale = new TimeScale(timeScale, scaledVariables);
    this.#faults = new Faults(faults);
    this.assembly = readCloudAssembly(props.assembly);
  }

  async open(): Promise<string> {
    const { host = '127.0.0.1', port = 0 } = this.props;
    this.rdsData = await this.#openRdsData();
    this.rdsData.register(this.#server);
    this.#lambda = new LambdaService(
      this.assembly.functions.map((definition) => this.#poolOf(definition)),
      (pool, payload) => this.#invoke(pool, payload),
    );
    this.#lambda.register(this.#server);
    this.#stepFunctions = new StepFunctionsService({
      timeScale: this.#timeScale.factor,
      invoke: (resource, given) => this.#task(resource, given),
    });
    this.#stepFunctions.register(this.#server);
    const endpoint = await this.#server.listen({ host, port });
    this.environment = {
      AWS_ENDPOINT_URL_SFN: endpoint,
      AWS_ENDPOINT_URL_LAMBDA: endpoint,
      AWS_ENDPOINT_URL_RDS_DATA: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: 'rehearsal',
      AWS_SECRET_ACCESS_KEY: 'rehearsal',
    };
    return endpoint;
  }

  async deploy(): Promise<void> {
    for (const { logicalId, arn, roleArn, definition } of this.assembly.stateMachines) {
      this.#stepFunctions?.create({ arn, name: logicalId, roleArn, definition });
    }
    for (const arn of this.assembly.triggered) {
      const pool = this.#lambda?.find(arn);
      if (pool === undefined)
        throw new UnsupportedError(`the deployment calls ${arn}, which is not in the assembly`);
      const { functionError, payload } = await pool.invoke('{}');
      if (functionError !== undefined) {
        throw new UnsupportedError(`the deployment calls ${arn}, which failed: ${payload}`);
      }
    }
    this.#lambdaRequests = 0;
    this.#gigabyteSeconds = 0;
    this.#dataApiCalls = 0;
    this.#dataApiErrors = 0;
    this.#isDeployed = true;
  }

  account(): Account {
    const executions = this.#stepFunctions?.executions ?? [];
    const children = executions.filter(({ mapRun }) => mapRun !== undefined).length;
    const most = (values: readonly number[]): number =>
      values.reduce((largest, value) => Math.max(largest, value), 0);
    const billed = {
      stateTransitions:
        executions.reduce((sum, { history }) => sum + history.transitions, 0) + children,
      lambdaRequests: this.#lambdaRequests,
      lambdaGigabyteSeconds: this.#gigabyteSeconds,
      dataApiCalls: this.#dataApiCalls,
    };
    return {
      ...billed,
      executions: executions.length - children,
      childExecutions: children,
      dataApiErrors: this.#dataApiErrors,
      largestPayloadBytes: most(executions.map(({ history }) => history.largestPayload)),
      longestHistory: most(executions.map(({ history }) => history.events.length)),
      faults: Object.fromEntries(this.#faults.injected),
      dollars: dollarsOf(billed),
    };
  }

  async close(): Promise<void> {
    await this.#lambda?.close();
    await this.#stepFunctions?.close();
    await this.#server.close();
    await this.rdsData?.close();
    await Promise.all(this.#engines.map((engine) => engine.close()));
  }

  async #openRdsData(): Promise<RdsDataService> {
    const { database = 'memory' } = this.props;
    const { clusters } = this.assembly;
    const isServer = database.includes('://');
    if (isServer && clusters.length > 1) {
      throw new UnsupportedError('one PostgreSQL URL cannot stand for several clusters');
    }
    const opened = [];
    for (const { logicalId, arn, secretArn, database: name } of clusters) {
      const isFolder = !isServer && database !== 'memory';
      const engine = await openEngine(isFolder ? join(database, logicalId) : database);
      this.#engines.push(engine);
      opened.push({ resourceArn: arn, secretArn, database: name, engine });
    }
    return new RdsDataService({
      clusters: opened,
      nextFault: () => (this.#isDeployed ? this.#faults.nextStatement() : undefined),
      onCall: ({ error }) => {
        this.#dataApiCalls += 1;
        if (error !== undefined) this.#dataApiErrors += 1;
      },
    });
  }

  #poolOf(definition: FunctionDefinition): FunctionPool {
    return new FunctionPool({
      definition: this.#timeScale.scaled(definition),
      // Read when an instance starts: by then the server listens.
      environment: () => this.environment,
      mostInstances: this.props.mostInstances ?? 4,
      onLine: (line) => this.props.onLog?.(definition.logicalId, line),
    });
  }

  async #invoke(pool: FunctionPool, payload: string): Promise<Invocation> {
    const crash = this.#isDeployed ? this.#faults.nextCrash() : undefined;
    const invocation = await pool.invoke(payload, crash);
    if (invocation.hasCrashed) this.#faults.countCrash();
    const { definition } = pool;
    const removedMs = this.#timeScale.removedFrom(definition, invocation.durationMs);
    // Billed by the millisecond begun, loading included.
    const seconds = Math.ceil(invocation.durationMs + invocation.initMs + removedMs) / 1000;
    this.#lambdaRequests += 1;
    this.#gigabyteSeconds += seconds * (definition.memoryMegabytes / 1024);
    return invocation;
  }

  #poolFor(name: string): FunctionPool {
    const pool = this.#lambda?.find(name);
    if (pool !== undefined) return pool;
    throw new StateError('Lambda.ResourceNotFoundException', `Function not found: ${name}`);
  }

  /** What Step Functions does for a task: the function's answer, or its error as a state's error. */
  async #task(resource: string, given: unknown): Promise<unknown> {
    const isOptimised = resource.startsWith('arn:aws:states:');
    const { FunctionName, Payload } = (
      isOptimised ? given : { FunctionName: resource, Payload: given }
    ) as {
      readonly FunctionName: string;
      readonly Payload: unknown;
    };
    const pool = this.#poolFor(FunctionName);
    const fault = this.#faults.nextInvocation();
    if (fault?.isDone === false) throw new StateError(fault.error, fault.cause);
    const { payload, functionError } = await this.#invoke(pool, JSON.stringify(Payload ?? {}));
    if (fault !== undefined) throw new StateError(fault.error, fault.cause);
    const answer = JSON.parse(payload) as { errorType?: string };
    if (functionError !== undefined)
      throw new StateError(answer.errorType ?? 'Lambda.Unknown', payload);
    return isOptimised ? { ExecutedVersion: '$LATEST', Payload: answer, StatusCode: 200 } : answer;
  }
}
