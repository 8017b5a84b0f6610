import { join } from 'node:path';
import { StepComputeStack } from '@stepcompute/infra';
import { App, Duration } from 'aws-cdk-lib';

const app = new App();

new StepComputeStack(app, 'ProjectDuration', {
  mode: 'distributed',
  generator: { entry: join(__dirname, '../src/project-duration.ts') },
  delay: Duration.minutes(10),
  blockSize: 50,
});
