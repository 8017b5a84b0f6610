import { Stores } from '@stepcompute/core';
import {
  countOf,
  RetrieveRunId,
  type ParsedSimulation,
  type RunPlan,
} from '@stepcompute/core/adapters';
import { iterationsPerDataApiCall } from '@stepcompute/sql-store';
import { deployed } from '@stepcompute/aws-adapter/simulation';
import {
  assignmentsOf,
  parseRetrieveRunIdEvent,
  refuseTooManyPairs,
  refuseTooManyToAverage,
  requestOf,
  type RetrieveRunIdEvent,
} from '../wire/index.js';
import { functionContainer, Simulation } from './container.js';
import { lambdaHandler } from './lambda-handler.js';

/** Step 1: allocates the run under its execution's id, and lists what is to be done. */
export const handler = lambdaHandler('retrieve-run-id', async (event, { awsRequestId }, log) => {
  const parsed = parseRetrieveRunIdEvent(event);
  const plan = await planOf(parsed, awsRequestId);
  log({ runId: plan.run.id, repetitions: plan.run.repetitions });
  if (parsed.blockSize === undefined) refuseTooManyPairs(countOf(plan.missing));
  return assignmentsOf(plan, parsed.blockSize, parsed.traceparent);
});

async function planOf(
  { input, executionId, delayMs, blockSize }: RetrieveRunIdEvent,
  awsRequestId: string,
): Promise<RunPlan> {
  const container = await functionContainer(deployed);
  const { measures } = container.get<ParsedSimulation>(Simulation);
  const perCall = iterationsPerDataApiCall(measures.length);
  const step = container.get(RetrieveRunId);
  if ('runId' in input) {
    const { runId, parameters, ...change } = input;
    if (change.repetitions !== undefined) refuseTooManyToAverage(change.repetitions, perCall);
    if (blockSize === undefined && change.repetitions !== undefined) {
      const { completed } = await container.get<Stores>(Stores).failures.ledger(runId);
      refuseTooManyPairs(change.repetitions - completed);
    }
    return step.resume(runId, change, parameters);
  }
  // Before the run is allocated, so that a refused one leaves nothing behind.
  refuseTooManyToAverage(input.repetitions, perCall);
  if (blockSize === undefined) refuseTooManyPairs(input.repetitions);
  return step.execute(
    requestOf(input, {
      delayMs,
      // The simulation names itself.
      generatorName: undefined,
      // Called by hand, too, a function may get one event twice.
      idempotencyKey: executionId ?? awsRequestId,
    }),
  );
}
