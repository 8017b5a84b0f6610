import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { StepCompute, type StepComputeProps } from './step-compute.js';

export interface StepComputeStackProps extends StackProps, StepComputeProps {}

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
    this.stepCompute = new StepCompute(this, 'Default', props);
    for (const [name, value] of Object.entries(this.stepCompute.outputs)) {
      new CfnOutput(this, name, { value });
    }
  }
}
