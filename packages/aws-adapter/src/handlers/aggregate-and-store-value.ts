import { FailureStore, reportOf, RunStore } from '@stepcompute/core';
import { AggregateAndStoreValue, resultOf } from '@stepcompute/core/adapters';
import { parseProcessed } from '../wire/index.js';
import { functionContainer } from './container.js';
import { lambdaHandler } from './lambda-handler.js';

/** Step 3: averages the run that the list is of, and answers with its report. */
export const handler = lambdaHandler('aggregate-and-store-value', async (event, _, log) => {
  const runId = parseProcessed(event);
  log({ runId });
  const container = await functionContainer();
  const average = await container.get(AggregateAndStoreValue).execute(runId);
  const run = await container.get<RunStore>(RunStore).get(runId);
  const ledger = await container.get<FailureStore>(FailureStore).ledger(runId);
  return reportOf(resultOf(run, ledger, average));
});
