import { StepCompute, StepComputeDatabase } from '@stepcompute/infra';
import { App, Stack } from 'aws-cdk-lib';
import { ManagedPolicy, PermissionsBoundary } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Credentials } from 'aws-cdk-lib/aws-rds';

/** A region and an account of the team's, a database under a key of theirs, all roles within a boundary. */
const env = { account: '210987654321', region: 'eu-central-1' };
const stack = new Stack(new App(), 'OwnRegion', { env });
const boundary = 'arn:aws:iam::210987654321:policy/boundary';
PermissionsBoundary.of(stack).apply(
  ManagedPolicy.fromManagedPolicyArn(stack, 'Boundary', boundary),
);
const key = new Key(stack, 'Key');
const database = new StepComputeDatabase(stack, 'Database', {
  storageEncryptionKey: key,
  credentials: Credentials.fromGeneratedSecret('sims', { encryptionKey: key }),
});
const { simulationFunctions } = new StepCompute(stack, 'Sims', { database });
for (const each of simulationFunctions) key.grantDecrypt(each);
