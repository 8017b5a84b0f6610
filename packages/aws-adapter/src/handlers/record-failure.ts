import { RecordFailure } from '@stepcompute/core/adapters';
import { parseLostAssignment } from '../wire/index.js';
import { functionContainer } from './container.js';
import { lambdaHandler } from './lambda-handler.js';

/** Takes an assignment whose function was lost, and puts what is missing of it on record as failed. */
export const handler = lambdaHandler('record-failure', async (event, _, log) => {
  const { assignment, item, error } = parseLostAssignment(event);
  const { runId, first, count } = assignment;
  log({ runId, iterationId: first, count });
  const container = await functionContainer();
  await container.get(RecordFailure).execute(runId, { first, count }, error);
  return item;
});
