import { InvalidInputError, RunStore, ValueStore, WriteToDb } from '@stepcompute/core';
import simulation from '@stepcompute/aws-adapter/simulation';
import { functionContainer } from './container.js';
import { delayFrom } from './environment.js';
import { lambdaHandler } from './lambda-handler.js';
import { parseAssignment } from './messages.js';

/** Step 2, for a pair or a block: generates what is missing of it, waits the function's delay, and stores it. */
export const handler = lambdaHandler('write-to-db', async (event, _, log) => {
  const { runId, first, count } = parseAssignment(event);
  log({ runId, iterationId: first, count });
  const delayMs = delayFrom(process.env);
  const container = await functionContainer(simulation);
  const step = container.get(WriteToDb);
  const run = await container.get<RunStore>(RunStore).get(runId);
  if (first + count > run.repetitions) {
    throw new InvalidInputError(
      'iteration id',
      `below run ${runId}'s ${run.repetitions} repetitions`,
      first + count - 1,
    );
  }
  const missing = await container.get<ValueStore>(ValueStore).missing(runId, { first, count });
  // The run's own delay may have been waited for by the state machine.
  await step.execute({ run: { ...run, delayMs }, missing });
  return event;
});
