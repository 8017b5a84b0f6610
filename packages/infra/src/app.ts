import { App } from 'aws-cdk-lib';
import { stackFromContext } from './stack-from-context.js';

/** The app that `stepcompute rehearse` synthesizes: the stack that its context tells of. */
try {
  stackFromContext(new App());
} catch (error) {
  if (error instanceof TypeError || error instanceof ReferenceError) throw error;
  console.error(String(error));
  // Before CDK synthesizes what is there so far.
  process.exit(1);
}
