import { RunStore, ValueStore, type ValueGenerator } from '@stepcompute/core';
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
  const container = await functionContainer(simulationOf(deployed.exported));
  const step = container.get(WriteToDb);
  const run = await container.get<RunStore>(RunStore).get(runId);
  refuseOutside(run, first + count - 1);
  const missing = await container.get<ValueStore>(ValueStore).missing(runId, [{ first, count }]);
  // The run's own delay may have been waited for by the state machine.
  await step.execute({ run: { ...run, delayMs }, missing });
  return event;
});

/**
 * The simulation of the bundle: the default export of the user's module, which is one level further
 * down where that was compiled from ESM to CommonJS, or the built-in one. Step 2 refuses what is no function.
 */
function simulationOf(exported: unknown): ValueGenerator {
  const found = typeof exported === 'function' ? exported : defaultOf(defaultOf(exported));
  return found as ValueGenerator;
}

function defaultOf(exported: unknown): unknown {
  if (typeof exported !== 'object' || exported === null) return exported;
  return 'default' in exported ? exported.default : exported;
}
