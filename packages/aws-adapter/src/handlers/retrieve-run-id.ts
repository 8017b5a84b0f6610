import { RetrieveRunId, type RunPlan } from '@stepcompute/core';
import { functionContainer } from './container.js';
import { lambdaHandler } from './lambda-handler.js';
import {
  assignmentsOf,
  parseRetrieveRunIdEvent,
  refuseTooManyPairs,
  type RetrieveRunIdEvent,
} from './messages.js';

/** Step 1: allocates the run under its execution's id, and lists what is to be done. */
export const handler = lambdaHandler('retrieve-run-id', async (event, { awsRequestId }, log) => {
  const parsed = parseRetrieveRunIdEvent(event);
  const { run, missing } = await planOf(parsed, awsRequestId);
  log({ runId: run.id, repetitions: run.repetitions });
  if (parsed.rangeSize === undefined) {
    refuseTooManyPairs(missing.reduce((total, { count }) => total + count, 0));
  }
  return assignmentsOf({ run, missing }, parsed.rangeSize);
});

async function planOf(
  { input, executionId, delayMs, rangeSize }: RetrieveRunIdEvent,
  awsRequestId: string,
): Promise<RunPlan> {
  // Before the run is allocated, so that a refused one leaves nothing behind.
  if (rangeSize === undefined && 'repetitions' in input) refuseTooManyPairs(input.repetitions);
  const step = (await functionContainer()).get(RetrieveRunId);
  if ('runId' in input) return step.resume(input.runId);
  // Called by hand, too, a function may get one event twice.
  return step.execute({ ...input, delayMs, idempotencyKey: executionId ?? awsRequestId });
}
