import { openDeployment } from '@stepcompute/aws-adapter';
import type { RunRequest, RunResult } from '@stepcompute/core';

/**
 * Runs the deployed simulation to its averages, as a service does that has the rights of a client:
 * `stepCompute.grantRun(role)` gives them. Region and credentials are the environment's.
 */
export async function estimate(request: RunRequest): Promise<RunResult> {
  const { orchestrator, close } = await openDeployment('ProjectDuration');
  try {
    return await orchestrator.run(request);
  } finally {
    await close();
  }
}
