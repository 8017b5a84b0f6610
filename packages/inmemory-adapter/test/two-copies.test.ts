import type * as core from '@stepcompute/core';
import { Orchestrator, Stores, uniformInteger, ValueGenerator } from '@stepcompute/core';
import { expectedAverage } from '@stepcompute/core/testing';
import type * as inversify from 'inversify';
import { Container } from 'inversify';
import { inMemoryStores } from '../src/inmemory-stores.js';
import { InProcessOrchestrator } from '../src/index.js';
import { inMemoryStoresModule, inProcessModule } from '../src/inversify.js';

/** Modules of a copy of their own, as a second version of a package in one process has them. */
function copyOf(path: string): object {
  let copy!: object;
  jest.isolateModules(() => {
    copy = jest.requireActual<object>(path);
  });
  return copy;
}

describe('of two copies', () => {
  it('core takes the other’s stores, and knows its errors by name', async () => {
    const other = copyOf('@stepcompute/core') as typeof core;
    expect(other.InProcessOrchestrator).not.toBe(InProcessOrchestrator);
    const stores = inMemoryStores();
    const orchestrator = new other.InProcessOrchestrator({ generator: uniformInteger, stores });
    const { run, average } = await orchestrator.run({ repetitions: 100, seed: 42 });
    expect(average).toEqual(expectedAverage(42, 100));
    const resumed = await new InProcessOrchestrator({ generator: uniformInteger, stores }).resume(
      run.id,
      { repetitions: 200 },
    );
    expect(resumed.average).toEqual(expectedAverage(42, 200));
    const failing = new other.InProcessOrchestrator({
      generator: () => {
        throw new other.InvalidInputError('x', 'a number', 'none');
      },
      stores,
    });
    await expect(failing.run({ repetitions: 1, seed: 1 })).rejects.toMatchObject({
      name: 'IterationFailedError',
    });
    await expect(orchestrator.resume(99)).rejects.toMatchObject({ name: 'RunNotFoundError' });
  });

  it('Inversify loads modules that are made by the other', async () => {
    const { Container: Other } = copyOf('inversify') as typeof inversify;
    expect(Other).not.toBe(Container);
    const container = new Other();
    container.loadSync(inMemoryStoresModule(), inProcessModule());
    container.bind<ValueGenerator>(ValueGenerator).toConstantValue(uniformInteger);
    const orchestrator = container.get<Orchestrator>(Orchestrator);
    const { run, average } = await orchestrator.run({ repetitions: 100, seed: 42 });
    expect(average).toEqual(expectedAverage(42, 100));
    expect(await container.get<Stores>(Stores).values.missing(run.id)).toEqual([]);
  });
});
