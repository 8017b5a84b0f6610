import { Stores } from '@stepcompute/core';
import { refuseOutside, WriteToDb } from '@stepcompute/core/adapters';
import { deployed } from '@stepcompute/aws-adapter/simulation';
import { flushOpenTelemetry, registeredOpenTelemetry } from '@stepcompute/opentelemetry';
import { parseWriteToDbEvent, variables } from '../wire/index.js';
import { functionContainer } from './container.js';
import { lambdaHandler } from './lambda-handler.js';

/** Of an SDK that a layer, or the simulation's own module, has registered by now. */
const observer = registeredOpenTelemetry();

/** Step 2, for a pair or a block: generates what is missing of it, waits the function's delay, and stores it. */
export const handler = lambdaHandler('write-to-db', async (event, _, log) => {
  const { assignment, item, traceparent } = parseWriteToDbEvent(event);
  const { runId, first, count } = assignment;
  log({ runId, iterationId: first, count });
  const delayMs = variables.delay.fromEnvironment(process.env);
  const container = await functionContainer(deployed, observer);
  const step = container.get(WriteToDb);
  const { runs, values } = container.get<Stores>(Stores);
  const run = await runs.get(runId);
  refuseOutside(run, first + count - 1);
  const missing = await values.missing(runId, [{ first, count }]);
  const block = { first, count, traceparent };
  try {
    // The run's own delay may have been waited for by the state machine.
    await step.execute({ run: { ...run, delayMs }, missing, block });
  } finally {
    // Between two events the function stands still, and may never go on.
    await flushOpenTelemetry();
  }
  return item;
});
