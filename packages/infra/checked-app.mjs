/**
 * The app that `npm run synth` and `npm run deploy` run: a fault in the template, by CDK's own linter, fails the
 * synthesis, and so does a finding of cdk-nag, which comes with no package of ours.
 */
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { stackFromContext } from './dist/stack-from-context.js';

const app = new App();
app.node.setContext('@aws-cdk/core:validateAgainstDefaultRules', true);
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
stackFromContext(app);
