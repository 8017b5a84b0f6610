import { Clock, Orchestrator, Stores, uniformInteger, ValueGenerator } from '@stepcompute/core';
import { expectedAverage } from '@stepcompute/core/testing';
import { InProcessOrchestrator } from '@stepcompute/core';
import { Container } from 'inversify';
import { inMemoryStores } from '../src/inmemory-stores.js';
import { inMemoryStoresModule, inProcessModule } from '../src/inversify.js';
import { VirtualClock } from '../src/virtual-clock.js';

describe('the Inversify modules', () => {
  const newContainer = (): Container => {
    const container = new Container();
    container.loadSync(inMemoryStoresModule(), inProcessModule({ concurrency: 10 }));
    container.bind<ValueGenerator>(ValueGenerator).toConstantValue(uniformInteger);
    return container;
  };

  it('wire an orchestrator to the stores that the container hands out', async () => {
    const container = newContainer();
    const orchestrator = container.get<Orchestrator>(Orchestrator);
    const { run, average } = await orchestrator.run({ repetitions: 100, seed: 42 });
    expect(average).toEqual(expectedAverage(42, 100));
    const missing = await container.get<Stores>(Stores).values.missing(run.id);
    expect(missing).toEqual([]);
  });

  it('refuse stores of several places, where they are given', () => {
    const [stores, others] = [inMemoryStores(), inMemoryStores()];
    const open = (mixed: Partial<Stores>): InProcessOrchestrator =>
      new InProcessOrchestrator({ generator: uniformInteger, stores: { ...stores, ...mixed } });
    for (const store of ['runs', 'tombstones', 'values', 'failures'] as const) {
      expect(() => open({ [store]: others[store] })).toThrow(
        expect.objectContaining({
          name: 'InvalidInputError',
          message:
            'stores must be one set: runs, tombstones, values and failures of one place; got an object',
        }) as Error,
      );
    }
    expect(() => open({ averages: others.averages })).not.toThrow();
    // One that can't tell where it is, as a stranger's may not.
    const plain = { ...stores.runs, get: () => Promise.reject(new Error('none')) };
    expect(() => open({ runs: plain })).not.toThrow();
  });

  it('let every binding be replaced', async () => {
    const container = newContainer();
    const clock = new VirtualClock();
    (await container.rebind<Clock>(Clock)).toConstantValue(clock);
    const orchestrator = container.get<Orchestrator>(Orchestrator);
    await orchestrator.run({ repetitions: 5, delayMs: 600_000 });
    expect(clock.now()).toBe(600_000);
  });
});
