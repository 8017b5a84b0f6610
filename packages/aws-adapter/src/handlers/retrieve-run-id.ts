import { FailureStore } from '@stepcompute/core';
import { RetrieveRunId, type RunPlan } from '@stepcompute/core/adapters';
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
  const container = await functionContainer();
  const step = container.get(RetrieveRunId);
  if ('runId' in input) {
    const { runId, ...change } = input;
    if (rangeSize === undefined && change.repetitions !== undefined) {
      const { completed } = await container.get<FailureStore>(FailureStore).ledger(runId);
      refuseTooManyPairs(change.repetitions - completed);
    }
    return step.resume(runId, change);
  }
  // Before the run is allocated, so that a refused one leaves nothing behind.
  if (rangeSize === undefined) refuseTooManyPairs(input.repetitions);
  // Called by hand, too, a function may get one event twice.
  return step.execute({ ...input, delayMs, idempotencyKey: executionId ?? awsRequestId });
}
