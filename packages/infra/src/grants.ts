import { ArnFormat, Stack } from 'aws-cdk-lib';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { acknowledgeExecutions } from './acknowledged.js';
import type { IStepComputeDatabase } from './database-access.js';

/** The part of a workflow that its clients come to. */
export interface Granting {
  readonly stateMachine: StateMachine;
  readonly databases: readonly IStepComputeDatabase[];
}

/** On executions, to follow them. */
const followActions = ['states:DescribeExecution', 'states:GetExecutionHistory'];

/** Allows to start, follow and stop executions, and to run statements: all that `openDeployment` and its orchestrator do. */
export function grantRun(of: Granting, grantee: IGrantable): Grant {
  const start = Grant.addToPrincipal({
    grantee,
    actions: ['states:StartExecution'],
    resourceArns: [of.stateMachine.stateMachineArn],
  });
  return start.combine(grantOnExecutions(of, grantee, [...followActions, 'states:StopExecution']));
}

/** Allows to follow executions and to run statements, but not to start or to stop any. */
export function grantRead(of: Granting, grantee: IGrantable): Grant {
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
  return Grant.addToPrincipal({
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
}
