import { RecordFailure } from '@stepcompute/core/adapters';
import { parseLostAssignment, toldErrors } from '../wire/index.js';
import { functionContainer } from './container.js';
import { lambdaHandler } from './lambda-handler.js';

/**
 * Takes an assignment whose function ended without its values, and puts what is missing of it on record
 * as failed. Where the function told what was wrong, the run fails with that.
 */
export const handler = lambdaHandler('record-failure', async (event, _, log) => {
  const { assignment, item, error } = parseLostAssignment(event);
  const { runId, first, count } = assignment;
  log({ runId, iterationId: first, count });
  const container = await functionContainer();
  await container
    .get(RecordFailure)
    .execute(runId, { first, count }, error, toldErrors.includes(error.name));
  return item;
});
