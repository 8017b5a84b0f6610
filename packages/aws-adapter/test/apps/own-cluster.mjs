import { StepCompute, StepComputeDatabase } from '@stepcompute/infra';
import { App, Stack } from 'aws-cdk-lib';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import {
  AuroraPostgresEngineVersion,
  ClusterInstance,
  DatabaseCluster,
  DatabaseClusterEngine,
} from 'aws-cdk-lib/aws-rds';

/** A cluster that the app has for other reasons, too. */
const stack = new Stack(new App(), 'OwnCluster');
const cluster = new DatabaseCluster(stack, 'Cluster', {
  engine: DatabaseClusterEngine.auroraPostgres({
    version: AuroraPostgresEngineVersion.of('16', '16'),
  }),
  writer: ClusterInstance.serverlessV2('Writer'),
  vpc: new Vpc(stack, 'Vpc', { restrictDefaultSecurityGroup: false }),
  enableDataApi: true,
  defaultDatabaseName: 'team',
});
const database = StepComputeDatabase.fromCluster(cluster, cluster.secret, 'team');
new StepCompute(stack, 'Sims', { database });
