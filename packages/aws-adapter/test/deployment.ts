import { cpSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { SFNClient } from '@aws-sdk/client-sfn';
import { RDSDataClient } from '@aws-sdk/client-rds-data';
import type { Stores } from '@stepcompute/core';
import {
  readCloudAssembly,
  Rehearsal,
  type ClusterDefinition,
  type FaultProps,
} from '@stepcompute/rehearsal';
import { typeOrmStores } from '@stepcompute/sql-store';
import { openPostgres } from '@stepcompute/sql-store/postgres';
import type { DataSource } from 'typeorm';
import { synthesize, type TestAssembly } from '../../../testing/assembly.js';
import { isExhaustive } from '../../../testing/exhaustive.js';
import { createDatabase, hasPostgres } from '../../../testing/postgres/databases.js';
import { openDataApi } from '../src/open-data-api.js';
import { StepFunctionsOrchestrator } from '../src/step-functions-orchestrator.js';
import type { SimulationName } from './simulations/chosen.js';
import { variables } from '../src/wire/index.js';

type Mode = 'inline' | 'distributed';

/**
 * The modes to test what differs by nothing but who hands out the assignments: the other one, too, where
 * the suite is exhaustive.
 */
export const modes: readonly Mode[] = isExhaustive ? ['distributed', 'inline'] : ['distributed'];

/** Of a distributed deployment that is not in order. */
export const blockSize = 10;

export interface DeploymentProps {
  readonly mode: Mode;
  /** Default: the built-in one. */
  readonly simulation?: SimulationName;
  /** A module in the folder of simulations, in place of the one that has them all. */
  readonly module?: string;
  /** The module that step 2's function has, as in the middle of a deployment. Default: the same. */
  readonly moduleOfStep2?: string;
  /** A database that stays. Default: one that is gone with the deployment. */
  readonly database?: LastingDatabase;
  /** True when older code may be locked out of the database. Default: false. */
  readonly breakingSchema?: boolean;
  /** Has assignments done one after the other, so that the lowest failure fails first. Default: false. */
  readonly inOrder?: boolean;
  readonly faults?: FaultProps;
  /** A CDK app, by its path from the folder of apps. Default: the product's own. */
  readonly app?: string;
  readonly onLog?: (functionName: string, line: string) => void;
}

/** A rehearsed deployment, ten minutes of which are ten milliseconds. */
export interface Deployment {
  readonly rehearsal: Rehearsal;
  readonly dataSource: DataSource;
  readonly stores: Stores;
  readonly orchestrator: StepFunctionsOrchestrator;
  readonly sfn: SFNClient;
  readonly stateMachineArn: string;
  /** The folder of the cloud assembly. */
  readonly assembly: string;
  readonly close: () => Promise<void>;
}

export async function deploy({
  mode,
  simulation,
  module = simulation && 'chosen.ts',
  moduleOfStep2,
  database: lasting,
  breakingSchema = false,
  inOrder = false,
  faults,
  onLog,
  app,
}: DeploymentProps): Promise<Deployment> {
  const assemblyOf = (file: string | undefined): TestAssembly =>
    synthesize(
      {
        mode,
        ...(file !== undefined && { generator: join(__dirname, 'simulations', file) }),
        ...(mode === 'distributed' && { blockSize: String(inOrder ? 5 : blockSize) }),
        ...(inOrder && { concurrency: '1' }),
        ...(breakingSchema && { breakingSchema: 'true' }),
      },
      { app: app && resolve(__dirname, 'apps', app) },
    );
  const assembly = assemblyOf(module);
  if (simulation !== undefined) writeFileSync(join(assembly.folder, 'simulation'), simulation);
  if (moduleOfStep2 !== undefined) {
    const other = assemblyOf(moduleOfStep2);
    cpSync(simulationOfStep2(other.folder), simulationOfStep2(assembly.folder));
    other.remove();
  }
  const database = lasting === undefined && app === undefined ? await createOnServer() : undefined;
  const rehearsal = await Rehearsal.start({
    assembly: assembly.folder,
    database: (lasting ?? database)?.place,
    mostInstances: 2,
    timeScale: 60_000,
    scaledVariables: [variables.delay.name],
    faults,
    onLog,
  });
  const [stateMachineArn = ''] = Object.values(rehearsal.stateMachines);
  const config = {
    endpoint: rehearsal.endpoint,
    region: rehearsal.environment.AWS_REGION!,
    credentials: { accessKeyId: 'rehearsal', secretAccessKey: 'rehearsal' },
  };
  const sfn = new SFNClient(config);
  const open = ({ arn, secretArn, database = '' }: ClusterDefinition): Promise<DataSource> =>
    openDataApi({ client: new RDSDataClient(config), resourceArn: arn, secretArn, database });
  const isForAverages = ({ database }: ClusterDefinition): boolean => database === 'averages';
  const values = rehearsal.clusters.find((cluster) => !isForAverages(cluster));
  const others = rehearsal.clusters.find(isForAverages);
  const dataSource = await (values === undefined ? openServerOf(rehearsal) : open(values));
  const stores = typeOrmStores(dataSource, others && { averages: await open(others) });
  const orchestrator = new StepFunctionsOrchestrator({
    client: sfn,
    stateMachineArn,
    stores,
    pollMs: 20,
  });
  return {
    rehearsal,
    dataSource,
    stores,
    orchestrator,
    sfn,
    stateMachineArn,
    assembly: assembly.folder,
    close: async () => {
      await rehearsal.close();
      await database?.drop();
      assembly.remove();
    },
  };
}

/** Of a deployment without the Data API: the way that its functions have, from this machine. */
function openServerOf({ databaseServers: [server] }: Rehearsal): Promise<DataSource> {
  if (server === undefined) throw new Error('the deployment has no database');
  const { host, port, user, password, ssl } = server;
  return openPostgres({ pool: { host, port, user, password, ssl, max: 1 }, create: false });
}

/** The file that has step 2's simulation, in the folder of an assembly. */
function simulationOfStep2(folder: string): string {
  const { functions } = readCloudAssembly(folder);
  const step2 = functions.find(({ logicalId }) => logicalId.startsWith('WriteToDb'));
  return join(step2?.code ?? '', 'simulation.mjs');
}

/** A database that several deployments have, one after the other. */
export interface LastingDatabase {
  /** As a rehearsal is told it. */
  readonly place: string;
  readonly drop: () => Promise<void>;
}

/** On a server where there is one, else in a folder. */
export async function createLastingDatabase(): Promise<LastingDatabase> {
  const onServer = await createOnServer();
  if (onServer !== undefined) return onServer;
  const place = mkdtempSync(join(tmpdir(), 'stepcompute-database-'));
  const drop = (): Promise<void> => rm(place, { recursive: true, force: true });
  return { place, drop };
}

/** A database on a server is there at once; an embedded one costs seconds of the processor. */
async function createOnServer(): Promise<LastingDatabase | undefined> {
  if (!hasPostgres) return undefined;
  const { url: text, drop } = await createDatabase();
  const url = new URL(text);
  // The rehearsal keeps the password as a secret, which may not be empty.
  if (url.password === '') url.password = 'unused';
  return { place: url.href, drop };
}
