import { Stores } from '@stepcompute/core';
import { refuseOutside, WriteToDb } from '@stepcompute/core/adapters';
import { deployed } from '@stepcompute/aws-adapter/simulation';
import { parseAssignment, variables } from '../wire/index.js';
import { functionContainer } from './container.js';
import { lambdaHandler } from './lambda-handler.js';

/** Step 2, for a pair or a block: generates what is missing of it, waits the function's delay, and stores it. */
export const handler = lambdaHandler('write-to-db', async (event, _, log) => {
  const { runId, first, count } = parseAssignment(event);
  log({ runId, iterationId: first, count });
  const delayMs = variables.delay.fromEnvironment(process.env);
  const container = await functionContainer(deployed);
  const step = container.get(WriteToDb);
  const { runs, values } = container.get<Stores>(Stores);
  const run = await runs.get(runId);
  refuseOutside(run, first + count - 1);
  const missing = await values.missing(runId, [{ first, count }]);
  // The run's own delay may have been waited for by the state machine.
  await step.execute({ run: { ...run, delayMs }, missing });
  return event;
});
