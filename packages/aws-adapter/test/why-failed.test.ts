import { ChangedSimulationError, IterationId, type Run, type Stores } from '@stepcompute/core';
import { parseRunRequest } from '@stepcompute/core/adapters';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import { whyFailed } from '../src/why-failed.js';

const caught = Object.assign(new Error('The specified tolerated failure threshold was exceeded'), {
  name: 'States.ExceedToleratedFailureThreshold',
});

/** A run of ten, of which these iterations failed, and with which errors. */
async function runWith(
  failed: readonly (readonly [iteration: number, error: Error])[],
  tolerance = 0,
): Promise<{ readonly stores: Stores; readonly run: Run }> {
  const stores = inMemoryStores();
  const request = parseRunRequest({ repetitions: 10, seed: 42, tolerance });
  const run = await stores.runs.allocate(request);
  await stores.failures.record(
    run.id,
    failed.map(([iteration, { name: errorName, message }]) => ({
      iterationId: IterationId.parse(iteration),
      errorName,
      message,
      attempts: 1,
    })),
  );
  return { stores, run };
}

it('names the lowest of the iterations that failed, with the reason and the seed', async () => {
  const { stores, run } = await runWith([
    [7, new TypeError('later')],
    [3, new RangeError('sooner')],
  ]);
  const error = await whyFailed(stores, run, caught);
  expect(error).toMatchObject({ name: 'IterationFailedError', iterationId: 3, seed: 42 });
  expect(error.message).toBe(`iteration 3 of run ${run.id} failed: sooner (seed 42)`);
});

it('says that more failed than are tolerated, and which was the lowest', async () => {
  const lost = new Error('lost');
  const { stores, run } = await runWith(
    [
      [9, lost],
      [4, lost],
      [5, lost],
    ],
    2,
  );
  const error = await whyFailed(stores, run, caught);
  expect(error.name).toBe('ToleranceExceededError');
  expect(error.message).toContain(`the lowest: iteration 4 of run ${run.id} failed: lost`);
});

it('repeats what a function told, in its words, though failures before it are tolerated', async () => {
  const { run: other } = await runWith([]);
  const told = new ChangedSimulationError(other.id, 'its code differs');
  const { stores, run } = await runWith(
    [
      [1, new Error('lost')],
      [6, told],
    ],
    5,
  );
  const error = await whyFailed(stores, run, caught);
  expect(error.name).toBe('ChangedSimulationError');
  expect(error.message).toBe(told.message);
  expect(error.stack).toBe(`ChangedSimulationError: ${told.message}`);
});

it.each([
  ['nothing is on record', [], 0],
  ['what is on record is tolerated', [[1, new Error('lost')]], 1],
] as const)('says where the reason is when %s', async (_, failed, tolerance) => {
  const { stores, run } = await runWith(failed, tolerance);
  const error = await whyFailed(stores, run, caught);
  expect(error.name).toBe('StepFailedError');
  expect(error.message).toBe(
    `the Map of run ${run.id} (seed 42) failed with States.ExceedToleratedFailureThreshold: The specified ` +
      'tolerated failure threshold was exceeded; no failed iteration says why, but the Map Run has the execution that failed',
  );
});
