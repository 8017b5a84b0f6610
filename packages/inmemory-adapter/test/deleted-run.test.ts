import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { deleteRun, InProcessOrchestrator, uniformInteger } from '@stepcompute/core';
import { InMemoryDatabase, inMemoryStores } from '../src/inmemory-stores.js';

it('a deleted run takes no memory any more', async () => {
  const database = new InMemoryDatabase();
  const stores = inMemoryStores(database);
  const orchestrator = new InProcessOrchestrator({ generator: uniformInteger, stores });
  const { id } = (await orchestrator.run({ repetitions: 1000 })).run;
  const held = new WeakRef(database.find(id));
  await deleteRun(stores, id);
  // A weak reference holds what it refers to until the event loop's turn has ended.
  await new Promise(setImmediate);
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  expect(held.deref()).toBeUndefined();
});

it('a run that is deleted while it goes on ends with its next write, and keeps nothing', async () => {
  const stores = inMemoryStores();
  const orchestrator = new InProcessOrchestrator({
    stores,
    concurrency: 10,
    generator: async ({ runId, iterationId }) => {
      if (iterationId === 50) await deleteRun(stores, runId, { force: true });
      return iterationId;
    },
  });
  await expect(orchestrator.run({ repetitions: 100 })).rejects.toMatchObject({
    name: 'RunNotFoundError',
  });
  expect(await stores.runs.list()).toEqual([]);
  expect(await deleteRun(stores, 1)).toEqual({ runId: 1, failures: 0, averages: 0, values: 0 });
});

it('a repeated key may leave the label out, and may say no other one', async () => {
  const orchestrator = new InProcessOrchestrator({
    generator: uniformInteger,
    stores: inMemoryStores(),
  });
  const request = { repetitions: 5, idempotencyKey: 'nightly' };
  const { run } = await orchestrator.run({ ...request, label: 'first' });
  expect((await orchestrator.run(request)).run).toEqual(run);
  await expect(orchestrator.run({ ...request, label: 'second' })).rejects.toMatchObject({
    name: 'ConflictingRunError',
    field: 'label',
  });
  expect(run.label).toBe('first');
});
