import { StepCompute, StepComputeDatabase } from '@stepcompute/infra';
import { App, Stack } from 'aws-cdk-lib';
import { DatabaseCluster } from 'aws-cdk-lib/aws-rds';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';

/** A cluster of another app, in a region and an account of the team's. */
const env = { account: '210987654321', region: 'eu-central-1' };
const stack = new Stack(new App(), 'ImportedCluster', { env });
const cluster = DatabaseCluster.fromDatabaseClusterAttributes(stack, 'Cluster', {
  clusterIdentifier: 'team',
});
const secretArn = 'arn:aws:secretsmanager:eu-central-1:210987654321:secret:team-AbCdEf';
const secret = Secret.fromSecretCompleteArn(stack, 'Login', secretArn);
const database = StepComputeDatabase.fromCluster(cluster, secret, 'sims');
new StepCompute(stack, 'Sims', { mode: 'distributed', blockSize: 10, database });
