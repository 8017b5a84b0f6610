import { StepCompute, StepComputeDatabase } from '@stepcompute/infra';
import { App, Stack } from 'aws-cdk-lib';

/** A deployment whose averages go to another database than its values. */
const stack = new Stack(new App(), 'TwoDatabases');
new StepCompute(stack, 'Default', {
  averagesDatabase: new StepComputeDatabase(stack, 'Averages', { databaseName: 'averages' }),
});
