import { App, Stack, Validations } from 'aws-cdk-lib';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { AwsSolutionsChecks } from 'cdk-nag';
import { StepCompute } from '@stepcompute/infra';

/** A workflow, a service that runs it, another that reads it, and somebody who is told of failures. */
const app = new App();
app.node.setContext('@aws-cdk/core:validateAgainstDefaultRules', true);
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
const stack = new Stack(app, 'StepCompute');
const stepCompute = new StepCompute(stack, 'Workflow', { dashboard: false });
const roleOf = (name) =>
  new Role(stack, name, { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') });
stepCompute.grantRun(roleOf('Runner'));
stepCompute.grantRead(roleOf('Reader'));
const topic = new Topic(stack, 'Failures', { enforceSSL: true });
stepCompute.alarm.addAlarmAction(new SnsAction(topic));
