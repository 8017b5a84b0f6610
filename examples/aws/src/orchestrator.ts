import { RDSDataClient } from '@aws-sdk/client-rds-data';
import { SFNClient } from '@aws-sdk/client-sfn';
import { openDataApi, StepFunctionsOrchestrator } from '@stepcompute/aws-adapter';
import type { Orchestrator } from '@stepcompute/core';
import { typeOrmStores } from '@stepcompute/sql-store';

/** A deployment, as the stack's outputs tell of it. */
export interface DeploymentOutputs {
  readonly stateMachineArn: string;
  readonly clusterArn: string;
  readonly secretArn: string;
  readonly databaseName: string;
}

/** An orchestrator of the deployed simulation, for a service that has the rights of a client of it. */
export async function deployedOrchestrator(
  { stateMachineArn, clusterArn, secretArn, databaseName }: DeploymentOutputs,
  clients = { sfn: new SFNClient({}), rdsData: new RDSDataClient({}) },
): Promise<Orchestrator> {
  const dataSource = await openDataApi({
    resourceArn: clusterArn,
    secretArn,
    database: databaseName,
    client: clients.rdsData,
  });
  return new StepFunctionsOrchestrator({
    client: clients.sfn,
    stateMachineArn,
    stores: typeOrmStores(dataSource),
  });
}
