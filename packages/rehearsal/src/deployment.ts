import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { CloudAssembly, DatabaseHost, FunctionDefinition } from './assembly.js';
import { readCloudAssembly } from './cloud-assembly.js';
import { CloudFormationService, cloudFormationPath } from './cloud-formation-service.js';
import type { Costs } from './costs.js';
import { Faults } from './faults.js';
import { createServer } from './http-server.js';
import { FunctionPool, type Invocation } from './lambda/function-pool.js';
import type { InstanceProps } from './lambda/instance.js';
import { LambdaService } from './lambda/lambda-service.js';
import { Meter } from './meter.js';
import { createCertificate } from './postgres/certificate.js';
import { openEngine, type Engine } from './postgres/engine.js';
import { PostgresServer } from './postgres/postgres-server.js';
import { RdsDataService } from './rds-data/rds-data-service.js';
import { refuseWrong, type RehearsalProps } from './rehearsal-props.js';
import { SecretsService, secretsPath } from './secrets-service.js';
import { UnsupportedError } from './service-error.js';
import { StateError, type TaskCall } from './step-functions/state-error.js';
import { StepFunctionsService } from './step-functions/step-functions-service.js';
import { TimeScale } from './time-scale.js';

const loopback = '127.0.0.1';

/** A way to a database of the deployment from this machine, as node-postgres takes it. */
export interface DatabaseServer {
  /** The host's name in the deployment. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly ssl: { readonly ca: string; readonly servername: string };
}

/** Everything that a rehearsal holds, so that it can be given back whichever part fails. */
export class Deployment {
  readonly assembly: CloudAssembly;
  rdsData: RdsDataService | undefined;
  servers: readonly DatabaseServer[] = [];
  environment: Readonly<Record<string, string>> = {};
  readonly #faults: Faults;
  readonly #timeScale: TimeScale;
  readonly #server: FastifyInstance = createServer();
  readonly #engines = new Map<string, Engine>();
  readonly #servers: PostgresServer[] = [];
  #instance: Pick<InstanceProps, 'hosts' | 'certificates'> = { hosts: {} };
  #folder: string | undefined;
  #lambda: LambdaService | undefined;
  #stepFunctions: StepFunctionsService | undefined;
  readonly #meter = new Meter();
  /** Nothing goes wrong while it is deployed: that is not what is rehearsed. */
  #isDeployed = false;

  /** @throws RangeError when a property is out of range, or there is no such property */
  constructor(private readonly props: RehearsalProps) {
    refuseWrong(props);
    const { timeScale = 1, scaledVariables = [], faults = {} } = props;
    this.#timeScale = new TimeScale(timeScale, scaledVariables);
    this.#faults = new Faults(faults);
    this.assembly = readCloudAssembly(props.assembly);
  }

  async open(): Promise<string> {
    const { host = loopback, port = 0 } = this.props;
    const engines = await this.#openDatabases();
    await this.#openHosts(engines);
    this.rdsData = this.#openRdsData(engines);
    this.rdsData.register(this.#server);
    new SecretsService(this.assembly.secrets).register(this.#server);
    new CloudFormationService(this.assembly.stacks).register(this.#server);
    this.#lambda = new LambdaService(
      this.assembly.functions.map((definition) => this.#poolOf(definition)),
      (pool, payload) => this.#invoke(pool, payload),
    );
    this.#lambda.register(this.#server);
    this.#stepFunctions = new StepFunctionsService({
      timeScale: this.#timeScale.factor,
      account: this.assembly.account,
      region: this.assembly.region,
      invoke: (resource, given, call) => this.#task(resource, given, call),
    });
    this.#stepFunctions.register(this.#server);
    const endpoint = await this.#server.listen({ host, port });
    this.environment = {
      AWS_ENDPOINT_URL_SFN: endpoint,
      AWS_ENDPOINT_URL_LAMBDA: endpoint,
      AWS_ENDPOINT_URL_RDS_DATA: endpoint,
      AWS_ENDPOINT_URL_CLOUDFORMATION: `${endpoint}${cloudFormationPath}`,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: `${endpoint}${secretsPath}`,
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
    await Promise.all(this.#servers.map((server) => server.close()));
    await Promise.all([...this.#engines.values()].map((engine) => engine.close()));
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  /** Opens each database once, however many ways lead to it. */
  async #openDatabases(): Promise<ReadonlyMap<string, Engine>> {
    const { database = 'memory' } = this.props;
    const { clusters } = this.assembly;
    const ids = [
      ...clusters.map(({ logicalId }) => logicalId),
      ...this.#databaseHosts.map((host) => host.database),
    ];
    const distinct = [...new Set(ids)];
    const isServer = database.includes('://');
    if (isServer && distinct.length > 1) {
      throw new UnsupportedError(
        `one PostgreSQL URL can't stand for several databases: ${distinct.join(', ')}`,
      );
    }
    const isShared = !isServer && database !== 'memory' && distinct.length > 1;
    for (const id of distinct) {
      this.#engines.set(id, await openEngine(isShared ? join(database, id) : database));
    }
    return this.#engines;
  }

  #openRdsData(engines: ReadonlyMap<string, Engine>): RdsDataService {
    const clusters = this.assembly.clusters.filter(({ hasDataApi }) => hasDataApi);
    return new RdsDataService({
      clusters: clusters.map(({ logicalId, arn, secretArn, database }) => {
        return { resourceArn: arn, secretArn, database, engine: engines.get(logicalId)! };
      }),
      nextFault: (endsTransaction) =>
        this.#isDeployed ? this.#faults.nextStatement(endsTransaction) : undefined,
      onCall: (call) => this.#meter.countDataApiCall(call),
    });
  }

  get #databaseHosts(): readonly DatabaseHost[] {
    const { databaseHosts = [] } = this.props;
    const given = databaseHosts.map((host) => ({ host, database: host }));
    return [...this.assembly.databaseHosts, ...given];
  }

  /** Puts a server of PostgreSQL's protocol before each database that has a host, behind one certificate. */
  async #openHosts(engines: ReadonlyMap<string, Engine>): Promise<void> {
    const hosts = this.#databaseHosts;
    if (hosts.length === 0) return;
    const certificate = createCertificate(hosts.map(({ host }) => host));
    const { password } = this.assembly;
    const ports = new Map<string, number>();
    for (const id of new Set(hosts.map(({ database }) => database))) {
      const { host = loopback } = this.props;
      const server = new PostgresServer({ engine: engines.get(id)!, certificate, password, host });
      this.#servers.push(server);
      ports.set(id, await server.listen());
    }
    this.#folder = await mkdtemp(join(tmpdir(), 'rehearsal-'));
    const certificates = join(this.#folder, 'ca-cert.pem');
    await writeFile(certificates, certificate.certificate);
    this.#instance = {
      hosts: Object.fromEntries(
        hosts.map(({ host, database }) => [host, ports.get(database) ?? 0]),
      ),
      certificates,
    };
    this.servers = hosts.map(({ host, database }) => ({
      name: host,
      host: loopback,
      port: ports.get(database) ?? 0,
      user: 'postgres',
      password,
      ssl: { ca: certificate.certificate, servername: host },
    }));
  }

  #poolOf(definition: FunctionDefinition): FunctionPool {
    const scaled = this.#timeScale.scaled(definition);
    return new FunctionPool({
      definition: scaled,
      instance: { waits: this.#timeScale.waitsOf(scaled), ...this.#instance },
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
  async #task(resource: string, given: unknown, call: TaskCall): Promise<unknown> {
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
    const invocation = await this.#invoke(pool, JSON.stringify(Payload ?? {}));
    const { payload, functionError, durationMs, initMs, removedMs } = invocation;
    const overtimeMs = Math.max(0, durationMs + initMs - call.timeoutMs);
    call.onRemoved(Math.max(0, removedMs - overtimeMs));
    // Without the scale the state would not have waited for the end.
    if (overtimeMs > 0 && removedMs > 0) throw new StateError('States.Timeout', '');
    if (fault !== undefined) throw new StateError(fault.error, fault.cause);
    const answer = JSON.parse(payload) as { errorType?: string };
    if (functionError !== undefined)
      throw new StateError(answer.errorType ?? 'Lambda.Unknown', payload);
    return isOptimised ? { ExecutedVersion: '$LATEST', Payload: answer, StatusCode: 200 } : answer;
  }
}
