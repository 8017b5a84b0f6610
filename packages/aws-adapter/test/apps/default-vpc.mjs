import { StepCompute, StepComputeDatabase } from '@stepcompute/infra';
import { App, Stack } from 'aws-cdk-lib';
import { Vpc } from 'aws-cdk-lib/aws-ec2';

/** CDK's default VPC, with the database and the simulation in it. */
const stack = new Stack(new App(), 'DefaultVpc');
const vpc = new Vpc(stack, 'Vpc', { restrictDefaultSecurityGroup: false });
const database = new StepComputeDatabase(stack, 'Database', { vpc });
new StepCompute(stack, 'Sims', { mode: 'distributed', blockSize: 10, database, vpc });
