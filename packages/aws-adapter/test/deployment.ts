import { join } from 'node:path';
import { SFNClient } from '@aws-sdk/client-sfn';
import { RDSDataClient } from '@aws-sdk/client-rds-data';
import type { Stores } from '@stepcompute/core';
import { Rehearsal, type ClusterDefinition, type FaultProps } from '@stepcompute/rehearsal';
import { typeOrmStores } from '@stepcompute/sql-store';
import type { DataSource } from 'typeorm';
import { synthesize } from '../../../testing/assembly.js';
import { openDataApi } from '../src/open-data-api.js';
import { StepFunctionsOrchestrator } from '../src/step-functions-orchestrator.js';
import { variables } from '../src/wire/index.js';

export interface DeploymentProps {
  readonly mode: 'inline' | 'distributed';
  /** A module in the folder of simulations. Default: the built-in one. */
  readonly simulation?: string;
  readonly context?: Readonly<Record<string, string>>;
  readonly faults?: FaultProps;
  /** A CDK app in the folder of apps. Default: the product's own. */
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
  context = {},
  faults,
  onLog,
  app,
}: DeploymentProps): Promise<Deployment> {
  const generator = simulation && join(__dirname, 'simulations', `${simulation}.ts`);
  const assembly = synthesize(
    { mode, ...(generator !== undefined && { generator }), ...context },
    app && join(__dirname, 'apps', app),
  );
  const rehearsal = await Rehearsal.start({
    assembly: assembly.folder,
    timeScale: 60_000,
    scaledVariables: [variables.delay.name],
    faults,
    onLog,
  });
  const [stateMachineArn = ''] = Object.values(rehearsal.stateMachines);
  const config = {
    endpoint: rehearsal.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'rehearsal', secretAccessKey: 'rehearsal' },
  };
  const sfn = new SFNClient(config);
  const open = ({ arn, secretArn, database = '' }: ClusterDefinition): Promise<DataSource> =>
    openDataApi({ client: new RDSDataClient(config), resourceArn: arn, secretArn, database });
  const isForAverages = ({ database }: ClusterDefinition): boolean => database === 'averages';
  const values = rehearsal.clusters.find((cluster) => !isForAverages(cluster));
  const others = rehearsal.clusters.find(isForAverages);
  if (values === undefined) throw new Error('the deployment has no database');
  const dataSource = await open(values);
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
      assembly.remove();
    },
  };
}
