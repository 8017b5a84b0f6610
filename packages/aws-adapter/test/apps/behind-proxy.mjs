import { StepCompute, StepComputeDatabase } from '@stepcompute/infra';
import { App, Stack } from 'aws-cdk-lib';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import {
  Credentials,
  DatabaseInstance,
  DatabaseInstanceEngine,
  PostgresEngineVersion,
} from 'aws-cdk-lib/aws-rds';

/** A PostgreSQL server without the Data API, reached by connections through an RDS Proxy. */
const stack = new Stack(new App(), 'BehindProxy');
const vpc = new Vpc(stack, 'Vpc', { restrictDefaultSecurityGroup: false });
const instance = new DatabaseInstance(stack, 'Instance', {
  engine: DatabaseInstanceEngine.postgres({ version: PostgresEngineVersion.of('16', '16') }),
  vpc,
  credentials: Credentials.fromGeneratedSecret('sims'),
  databaseName: 'team',
});
const { secret } = instance;
const proxy = instance.addProxy('Proxy', { secrets: [secret], vpc });
const database = StepComputeDatabase.fromPostgres({
  host: proxy.endpoint,
  secret,
  databaseName: 'team',
  vpc,
  server: proxy,
});
new StepCompute(stack, 'Sims', { database });
