import { Stores } from '@stepcompute/core';
import {
  countOf,
  RetrieveRunId,
  type ParsedSimulation,
  type RunPlan,
} from '@stepcompute/core/adapters';
import { deployed } from '@stepcompute/aws-adapter/simulation';
import { mostAveraged } from '../most-averaged.js';
import {
  assignmentsOf,
  parseRetrieveRunIdEvent,
  refuseTooMany,
  refuseTooManyToAverage,
  requestOf,
  variables,
  type RetrieveRunIdEvent,
} from '../wire/index.js';
import { functionContainer, Simulation } from './container.js';
import { lambdaHandler } from './lambda-handler.js';

/** Step 1: allocates the run under its execution's id, and lists what is to be done. */
export const handler = lambdaHandler('retrieve-run-id', async (event, { awsRequestId }, log) => {
  const parsed = parseRetrieveRunIdEvent(event);
  const plan = await planOf(parsed, awsRequestId);
  log({ runId: plan.run.id, repetitions: plan.run.repetitions });
  const { blockSize, most } = parsed;
  refuseTooMany(
    blockSize === undefined ? countOf(plan.missing) : plan.run.repetitions,
    blockSize,
    most,
  );
  return assignmentsOf(plan, blockSize, parsed);
});

async function planOf(
  { input, executionId, delayMs, blockSize, most }: RetrieveRunIdEvent,
  awsRequestId: string,
): Promise<RunPlan> {
  const container = await functionContainer(deployed);
  const { measures } = container.get<ParsedSimulation>(Simulation);
  const database = variables.database.fromEnvironment(process.env);
  const toAverage = mostAveraged('host' in database ? 'connections' : 'Data API', measures.length);
  const step = container.get(RetrieveRunId);
  if ('runId' in input) {
    const { runId, parameters, ...change } = input;
    if (change.repetitions !== undefined) {
      refuseTooManyToAverage(change.repetitions, toAverage);
      const { completed } = await container.get<Stores>(Stores).failures.ledger(runId);
      // Blocks are handed out whole.
      const done = blockSize === undefined ? completed : 0;
      refuseTooMany(change.repetitions - done, blockSize, most);
    }
    return step.resume(runId, change, parameters);
  }
  // Before the run is allocated, so that a refused one leaves nothing behind.
  refuseTooManyToAverage(input.repetitions, toAverage);
  refuseTooMany(input.repetitions, blockSize, most);
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
