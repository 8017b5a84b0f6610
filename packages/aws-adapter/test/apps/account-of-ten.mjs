import { StepCompute } from '@stepcompute/infra';
import { App, Stack } from 'aws-cdk-lib';

/** An account that is new: ten functions at a time, which the Map keeps to. */
const stack = new Stack(new App(), 'AccountOfTen');
new StepCompute(stack, 'Sims', { accountConcurrency: 10 });
