import { StepCompute, StepComputeDatabase } from '@stepcompute/infra';
import { App, Stack } from 'aws-cdk-lib';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { ManagedPolicy, PermissionsBoundary } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Credentials } from 'aws-cdk-lib/aws-rds';

/** A database in CDK's default VPC under a key of the team's, all roles within a boundary. */
const stack = new Stack(new App(), 'DefaultVpc');
const boundary = 'arn:aws:iam::123456789012:policy/boundary';
PermissionsBoundary.of(stack).apply(
  ManagedPolicy.fromManagedPolicyArn(stack, 'Boundary', boundary),
);
const key = new Key(stack, 'Key');
const vpc = new Vpc(stack, 'Vpc', { restrictDefaultSecurityGroup: false });
const database = new StepComputeDatabase(stack, 'Database', {
  vpc,
  storageEncryptionKey: key,
  credentials: Credentials.fromGeneratedSecret('sims', { encryptionKey: key }),
});
const { simulationFunctions } = new StepCompute(stack, 'Sims', {
  mode: 'distributed',
  blockSize: 10,
  database,
  vpc,
});
for (const each of simulationFunctions) key.grantDecrypt(each);
