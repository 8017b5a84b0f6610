import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import {
  readCloudAssembly,
  type CloudAssembly,
  type FunctionDefinition,
} from './cloud-assembly.js';
import type { Costs } from './costs.js';
import { Faults } from './faults.js';
import { createServer } from './http-server.js';
import { FunctionPool, type Invocation } from './lambda/function-pool.js';
import { LambdaService } from './lambda/lambda-service.js';
import { Meter } from './meter.js';
import { openEngine, type Engine } from './rds-data/engine.js';
import { RdsDataService } from './rds-data/rds-data-service.js';
import { refuseUnknown, type RehearsalProps } from './rehearsal-props.js';
import { UnsupportedError } from './service-error.js';
import { StateError } from './step-functions/state-error.js';
import { StepFunctionsService } from './step-functions/step-functions-service.js';
import { TimeScale } from './time-scale.js';

/** Everything that a rehearsal holds, so that it can be given back whichever part fails. */
export class Deployment {
  readonly assembly: CloudAssembly;
  rdsData: RdsDataService | undefined;
  environment: Readonly<Record<string, string>> = {};
  readonly #faults: Faults;
  readonly #timeScale: TimeScale;
  readonly #server: FastifyInstance = createServer();
  readonly #engines: Engine[] = [];
  #lambda: LambdaService | undefined;
  #stepFunctions: StepFunctionsService | undefined;
  readonly #meter = new Meter();
  /** Nothing goes wrong while it is deployed: that is not what is rehearsed. */
  #isDeployed = false;

  /** @throws RangeError when a property is out of range, or there is no such property */
  constructor(private readonly props: RehearsalProps) {
    refuseUnknown(props);
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
      account: this.assembly.account,
      region: this.assembly.region,
      invoke: (resource, given) => this.#task(resource, given),
    });
    this.#stepFunctions.register(this.#server);
    const endpoint = await this.#server.listen({ host, port });
    this.environment = {
      AWS_ENDPOINT_URL_SFN: endpoint,
      AWS_ENDPOINT_URL_LAMBDA: endpoint,
      AWS_ENDPOINT_URL_RDS_DATA: endpoint,
      AWS_REGION: this.assembly.region,
      AWS_ACCESS_KEY_ID: 'rehearsal',
      AWS_SECRET_ACCESS_KEY: 'rehearsal',
    };
    return endpoint;
  }

  async deploy(): Promise<void> {
    for (const { name, arn, roleArn, definition } of this.assembly.stateMachines) {
      this.#stepFunctions?.create({ arn, name, roleArn, definition });
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
    this.#meter.reset();
    this.#isDeployed = true;
  }

  costs(): Costs {
    return this.#meter.costs(this.#stepFunctions?.executions ?? [], this.#faults.injected);
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
    const clusters = this.assembly.clusters.filter(({ hasDataApi }) => hasDataApi);
    const isServer = database.includes('://');
    if (isServer && clusters.length > 1) {
      throw new UnsupportedError('one PostgreSQL URL cannot stand for several clusters');
    }
    const opened = [];
    for (const { logicalId, arn, secretArn, database: name } of clusters) {
      const isShared = !isServer && database !== 'memory' && clusters.length > 1;
      const engine = await openEngine(isShared ? join(database, logicalId) : database);
      this.#engines.push(engine);
      opened.push({ resourceArn: arn, secretArn, database: name, engine });
    }
    return new RdsDataService({
      clusters: opened,
      nextFault: () => (this.#isDeployed ? this.#faults.nextStatement() : undefined),
      onCall: ({ error }) => this.#meter.countDataApiCall(error),
    });
  }

  #poolOf(definition: FunctionDefinition): FunctionPool {
    const scaled = this.#timeScale.scaled(definition);
    return new FunctionPool({
      definition: scaled,
      waits: this.#timeScale.waitsOf(scaled),
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
    const { durationMs, initMs } = invocation;
    this.#meter.countInvocation(durationMs + initMs, pool.definition.memoryMegabytes);
    return invocation;
  }

  #poolFor(name: string): FunctionPool {
    const pool = this.#lambda?.find(name);
    if (pool !== undefined) return pool;
    throw new StateError('Lambda.ResourceNotFoundException', `Function not found: ${name}`);
  }

  /** Calls a function for a task: its answer, or its error as a state's error. */
  async #task(resource: string, given: unknown): Promise<unknown> {
    const isOptimised = /^arn:aws[\w-]*:states:/.test(resource);
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
