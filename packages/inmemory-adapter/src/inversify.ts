import 'reflect-metadata';
import {
  Clock,
  InProcessOrchestrator,
  Orchestrator,
  Stores,
  SystemClock,
  ValueGenerator,
  type AnySimulation,
  type WriteToDbSettings,
} from '@stepcompute/core';
import { ContainerModule } from 'inversify';
import { inMemoryStores } from './inmemory-stores.js';

/** Binds the {@link Stores} to new in-memory ones, shared within the container. */
export function inMemoryStoresModule(): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(Stores).toConstantValue(inMemoryStores());
  });
}

/**
 * Binds the {@link Orchestrator} to an in-process one over whatever {@link Stores} and
 * {@link ValueGenerator}, a simulation, the container has, and the {@link Clock} to the system's.
 */
export function inProcessModule(settings: WriteToDbSettings = {}): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(Clock)
      .toResolvedValue(() => new SystemClock())
      .inSingletonScope();
    bind(Orchestrator)
      .toResolvedValue(
        (generator: AnySimulation, clock: Clock, stores: Stores) =>
          new InProcessOrchestrator({ ...settings, generator, clock, stores }),
        [ValueGenerator, Clock, Stores],
      )
      .inSingletonScope();
  });
}
