import { Stack, Token, Validations, type CfnElement } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { IConstruct } from 'constructs';

/** A finding of cdk-nag that stands, and why. */
export function acknowledge(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}

/** X-Ray knows no resources: what may send a trace may send any. */
export function acknowledgeTracing(construct: IConstruct): void {
  acknowledge(
    construct,
    'AwsSolutions-IAM5[Resource::*]',
    'xray:PutTraceSegments and PutTelemetryRecords accept no other resource than *.',
  );
}

/** A network interface has no name before Lambda makes it, and EC2 lists them for nobody alone. */
export function acknowledgeNetwork(construct: IConstruct): void {
  acknowledge(
    construct,
    'AwsSolutions-IAM5[Resource::*]',
    'xray:PutTraceSegments and PutTelemetryRecords, and the EC2 actions by which Lambda makes network ' +
      'interfaces, accept no other resource than *.',
  );
}

/** CDK's task may invoke the function in each of its versions, whose ARNs are not known before they exist. */
export function acknowledgeVersions(construct: IConstruct, invoked: IFunction): void {
  acknowledge(
    construct,
    `AwsSolutions-IAM5[Resource::<${logicalIdOf(invoked)}.Arn>:*]`,
    'The wildcard stands for the versions of this one function.',
  );
}

/** A Distributed Map starts executions of its own state machine, and has to see and stop them. */
export function acknowledgeChildren(stateMachine: IStateMachine): void {
  const name = `{"Fn::Select":[6,{"Fn::Split":[":",{"Ref":"${logicalIdOf(stateMachine)}"}]}]}`;
  for (const children of [`${name}:*`, `${name}/*:*`]) acknowledgeNames(stateMachine, children);
}

/** Who runs or follows a workflow comes to its executions. */
export function acknowledgeExecutions(grantee: IConstruct, stateMachine: IStateMachine): void {
  acknowledgeNames(grantee, `<${logicalIdOf(stateMachine)}.Name>:*`);
}

function acknowledgeNames(construct: IConstruct, executions: string): void {
  const { region, account } = Stack.of(construct);
  // As cdk-nag writes what is known at deployment alone.
  const known = (part: string, pseudo: string): string =>
    Token.isUnresolved(part) ? `<AWS::${pseudo}>` : part;
  const place = `${known(region, 'Region')}:${known(account, 'AccountId')}`;
  acknowledge(
    construct,
    `AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:${place}:execution:${executions}]`,
    'The wildcard stands for the executions of this one state machine, which get their names at run time.',
  );
}

function logicalIdOf(construct: IConstruct): string {
  const stack = Stack.of(construct);
  return String(stack.resolve(stack.getLogicalId(construct.node.defaultChild as CfnElement)));
}
