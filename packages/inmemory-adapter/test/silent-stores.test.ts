import { InProcessOrchestrator, uniformInteger, type Stores } from '@stepcompute/core';
import { interceptedStores } from '@stepcompute/chaos';
import { inMemoryStores } from '../src/inmemory-stores.js';

/** Stores of which one method never answers, and says when it is asked. */
function silentIn(stores: Stores, silent: string, onAsked: () => void): Stores {
  return interceptedStores(stores, (call, _, method) => {
    if (method !== silent) return call();
    onAsked();
    return new Promise(() => undefined);
  });
}

describe('who cancels a run', () => {
  it.concurrent.each([
    'runs.allocate',
    'values.missing',
    'values.write',
    'values.scan',
    'failures.ledger',
    'averages.save',
    'runs.finish',
  ])('is not held up by a store that never answers %s', async (method) => {
    const controller = new AbortController();
    const stores = silentIn(inMemoryStores(), method, () => controller.abort());
    const orchestrator = new InProcessOrchestrator({ generator: uniformInteger, stores });
    await expect(
      orchestrator.run({ repetitions: 10, seed: 42 }, { signal: controller.signal }),
    ).rejects.toMatchObject({ name: 'CancelledError', isKnown: false });
  });

  const asked = { repetitions: 10, seed: 42, idempotencyKey: 'once' };

  it.concurrent.each([
    ['run', 'averages.history'],
    ['run', 'failures.ledger'],
    ['resume', 'runs.get'],
    ['resume', 'averages.history'],
    ['resume', 'failures.ledger'],
    ['extend', 'runs.reopen'],
  ] as const)('of a complete one, neither: %s, %s', async (how, method) => {
    const stores = inMemoryStores();
    const begun = new InProcessOrchestrator({ generator: uniformInteger, stores });
    const { run } = await begun.run(asked);
    const controller = new AbortController();
    const orchestrator = new InProcessOrchestrator({
      generator: uniformInteger,
      stores: silentIn(stores, method, () => controller.abort()),
    });
    const { signal } = controller;
    const again = {
      run: () => orchestrator.run(asked, { signal }),
      resume: () => orchestrator.resume(run.id, {}, { signal }),
      extend: () => orchestrator.resume(run.id, { repetitions: 20 }, { signal }),
    };
    await expect(again[how]()).rejects.toMatchObject({
      name: 'CancelledError',
      runId: run.id,
      isKnown: false,
    });
  });
});
