import { CfnResource, RemovalPolicy, Stack, type Duration } from 'aws-cdk-lib';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Trigger } from 'aws-cdk-lib/triggers';
import type { Construct, IDependable } from 'constructs';

interface MigrationProps {
  readonly migrate: LambdaFunction;
  /** Constructs that have to be there before the databases can be reached. */
  readonly after: readonly IDependable[];
  /** Is not there to be started before the schema is up to date. */
  readonly before: Construct;
  readonly timeout: Duration;
  readonly logRetention: RetentionDays;
}

/**
 * Calls a function on each deployment that changes its code, which holds the migrations. In a rollback it calls the
 * code that was deployed before, which accepts a schema that it may work on.
 */
export function migrateOnDeployment(scope: Construct, props: MigrationProps): void {
  const { migrate, after, before, timeout, logRetention } = props;
  const trigger = new Trigger(scope, 'MigrateTrigger', {
    handler: migrate,
    timeout,
    executeBefore: [before],
  });
  trigger.node.addDependency(...after);
  const resource = trigger.node.findChild('Default').node.defaultChild as CfnResource;
  // Else CloudFormation waits an hour for an answer that is lost. The function's time, and as long again to be called.
  resource.addPropertyOverride('ServiceTimeout', 2 * timeout.toSeconds());
  keepLog(Stack.of(scope), logRetention);
}

/** The function of CDK's that calls ours is the stack's, and has a log without an end. */
function keepLog(stack: Stack, retention: RetentionDays): void {
  const caller = stack.node.tryFindChild(providerId)?.node.tryFindChild('Handler');
  if (!(caller instanceof CfnResource) || stack.node.tryFindChild(logId) !== undefined) return;
  const log = new LogGroup(stack, logId, {
    retention,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  caller.addPropertyOverride('LoggingConfig', { LogGroup: log.logGroupName });
}

/** Source: aws-cdk-lib/triggers, Trigger. */
const providerId = 'AWSCDK.TriggerCustomResourceProviderCustomResourceProvider';
const logId = 'MigrateTriggerLog';
