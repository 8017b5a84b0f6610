import 'reflect-metadata';
import {
  AverageStore,
  Clock,
  FailureStore,
  InProcessOrchestrator,
  Orchestrator,
  RunStore,
  SystemClock,
  ValueGenerator,
  ValueStore,
  type WriteToDbSettings,
} from '@stepcompute/core';
import { ContainerModule } from 'inversify';
import {
  InMemoryAverageStore,
  InMemoryDatabase,
  InMemoryFailureStore,
  InMemoryRunStore,
  InMemoryValueStore,
} from './inmemory-stores.js';

/** Binds the four stores to new in-memory ones, shared within the container. */
export function inMemoryStoresModule(): ContainerModule {
  return new ContainerModule(({ bind }) => {
    const database = new InMemoryDatabase();
    bind(RunStore).toConstantValue(new InMemoryRunStore(database));
    bind(ValueStore).toConstantValue(new InMemoryValueStore(database));
    bind(FailureStore).toConstantValue(new InMemoryFailureStore(database));
    bind(AverageStore).toConstantValue(new InMemoryAverageStore(database));
  });
}

/**
 * Binds the {@link Orchestrator} to an in-process one over whatever stores and {@link ValueGenerator}
 * the container has, and the {@link Clock} to the system's.
 */
export function inProcessModule(settings: WriteToDbSettings = {}): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(Clock)
      .toResolvedValue(() => new SystemClock())
      .inSingletonScope();
    bind(Orchestrator)
      .toResolvedValue(
        (
          generator: ValueGenerator,
          clock: Clock,
          runs: RunStore,
          values: ValueStore,
          failures: FailureStore,
          averages: AverageStore,
        ) =>
          new InProcessOrchestrator({
            ...settings,
            generator,
            clock,
            stores: { runs, values, failures, averages },
          }),
        [ValueGenerator, Clock, RunStore, ValueStore, FailureStore, AverageStore],
      )
      .inSingletonScope();
  });
}
