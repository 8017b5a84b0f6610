import { Clock, Orchestrator, uniformInteger, ValueGenerator, ValueStore } from '@stepcompute/core';
import { expectedAverage } from '@stepcompute/core/testing';
import { Container } from 'inversify';
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
    const missing = await container.get<ValueStore>(ValueStore).missing(run.id);
    expect(missing).toEqual([]);
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
