import { InvalidInputError } from '@stepcompute/core';
import type { Deployment } from '@stepcompute/aws-adapter';
import { refuseMissingPackages } from './packages.js';

/** A place that runs are executed at, beside this process: `aws:STACK`. */
export interface DeployedPlace {
  readonly stack: string;
  /** As it is typed. */
  readonly text: string;
}

/** @throws InvalidInputError */
export function parsePlace(text: string): DeployedPlace {
  const [, stack] = /^aws:(.+)$/.exec(text) ?? [];
  if (stack !== undefined) return { stack, text };
  throw new InvalidInputError('--on', 'aws:STACK, with the name of a deployed stack', text);
}

/** Opens a deployment, by the region and the credentials of the environment. */
export async function openDeployed({ stack, text }: DeployedPlace): Promise<Deployment> {
  refuseMissingPackages(`--on ${text}`, ['@stepcompute/aws-adapter']);
  // Functions on AWS run on a Node of their own; the warning is about this one.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const { openDeployment } = await import('@stepcompute/aws-adapter');
  return openDeployment(stack);
}
