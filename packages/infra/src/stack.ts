import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { StepCompute, type StepComputeProps } from './step-compute.js';

export interface StepComputeStackProps extends StackProps, StepComputeProps {}

/** Those of CDK's, which the workflow has not. */
const stackProps: Readonly<Record<keyof StackProps, true>> = {
  analyticsReporting: true,
  crossRegionReferences: true,
  description: true,
  env: true,
  notificationArns: true,
  permissionsBoundary: true,
  propertyInjectors: true,
  stackName: true,
  suppressTemplateIndentation: true,
  synthesizer: true,
  tags: true,
  terminationProtection: true,
};

/**
 * A stack with one workflow in it. Its outputs tell a client where the workflow and its database are.
 * @example
 * new StepComputeStack(app, 'Pricing', { mode: 'distributed', generator: { entry: 'src/pricing.ts' } });
 */
export class StepComputeStack extends Stack {
  readonly stepCompute: StepCompute;

  constructor(scope: Construct, id: string, props: StepComputeStackProps = {}) {
    super(scope, id, props);
    // The id that leaves no trace in the logical ids of what is within.
    this.stepCompute = new StepCompute(this, 'Default', workflowProps(props));
    for (const [name, value] of Object.entries(this.stepCompute.outputs)) {
      new CfnOutput(this, name, { value });
    }
  }
}

function workflowProps(props: StepComputeStackProps): StepComputeProps {
  return Object.fromEntries(
    Object.entries(props).filter(([name]) => !Object.hasOwn(stackProps, name)),
  );
}
