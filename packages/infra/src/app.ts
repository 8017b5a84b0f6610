import { App } from 'aws-cdk-lib';
import { stackFromContext } from './stack-from-context.js';

/** The app that `stepcompute rehearse` synthesizes: the stack that its context tells of. */
stackFromContext(new App());
