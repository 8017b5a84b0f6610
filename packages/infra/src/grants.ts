import { ArnFormat, Stack } from 'aws-cdk-lib';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { acknowledgeExecutions } from './acknowledged.js';
import type { IStepComputeDatabase } from './database-access.js';
import { withMember } from './kinds.js';
import { refusal } from './refusal.js';

/** The part of a workflow that its clients come to. */
export interface Granting {
  readonly stateMachine: StateMachine;
  readonly databases: readonly IStepComputeDatabase[];
}

/** On executions, to follow them. */
const followActions = ['states:DescribeExecution', 'states:GetExecutionHistory'];

/** Of a bare ARN, an account or a service CDK would grant nothing, and say nothing. */
const attachable = 'a role, a user, a group, or what has a role';

const refuseWrongGrantee = withMember(
  'grantPrincipal',
  `${attachable}, as Role.fromRoleArn has one`,
);

/** Allows to start, follow and stop executions, and to run statements: all that `openDeployment` and its orchestrator do. */
export function grantRun(of: Granting, grantee: IGrantable): Grant {
  refuseWrongGrantee('grantee', grantee);
  const start = Grant.addToPrincipal({
    grantee,
    actions: ['states:StartExecution'],
    resourceArns: [of.stateMachine.stateMachineArn],
  });
  return start.combine(grantOnExecutions(of, grantee, [...followActions, 'states:StopExecution']));
}

/** Allows to follow executions and to run statements, but not to start or to stop any. */
export function grantRead(of: Granting, grantee: IGrantable): Grant {
  refuseWrongGrantee('grantee', grantee);
  return grantOnExecutions(of, grantee, followActions);
}

function grantOnExecutions(
  { stateMachine, databases }: Granting,
  grantee: IGrantable,
  actions: string[],
): Grant {
  for (const each of databases) each.grantStatements(grantee, false);
  const { grantPrincipal } = grantee;
  if (Construct.isConstruct(grantPrincipal)) acknowledgeExecutions(grantPrincipal, stateMachine);
  // Its outputs say where all of it is.
  Grant.addToPrincipal({
    grantee,
    actions: ['cloudformation:DescribeStacks'],
    resourceArns: [Stack.of(stateMachine).stackId],
  });
  const grant = Grant.addToPrincipal({
    grantee,
    actions,
    resourceArns: [
      Stack.of(stateMachine).formatArn({
        service: 'states',
        resource: 'execution',
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        resourceName: `${stateMachine.stateMachineName}:*`,
      }),
    ],
  });
  if (!grant.success) throw refusal('grantee', attachable, grantPrincipal);
  return grant;
}
