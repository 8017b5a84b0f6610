import { reportOf, Stores } from '@stepcompute/core';
import { AggregateAndStoreValue, resultOf } from '@stepcompute/core/adapters';
import { whyFailed } from '../why-failed.js';
import { parseCaught, parseProcessed } from '../wire/index.js';
import { functionContainer } from './container.js';
import { lambdaHandler } from './lambda-handler.js';

/**
 * Step 3: averages the run that the list is of, and answers with its report. After a Map that failed it
 * fails, and says why, unless another execution has completed the run since.
 */
export const handler = lambdaHandler('aggregate-and-store-value', async (event, _, log) => {
  const { runId, repetitions } = parseProcessed(event);
  log({ runId });
  const container = await functionContainer();
  const { runs, failures } = container.get<Stores>(Stores);
  const caught = parseCaught(event);
  if (caught !== undefined) {
    const before = await runs.get(runId);
    if (before.status !== 'completed') throw await whyFailed({ failures }, before, caught);
  }
  const average = await container.get(AggregateAndStoreValue).execute(runId, repetitions);
  const run = await runs.get(runId);
  const ledger = await failures.ledger(runId);
  return reportOf(resultOf(run, ledger, average));
});
