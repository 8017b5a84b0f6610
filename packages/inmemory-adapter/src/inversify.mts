// The same functions under the types that Inversify has for ES modules: its class has private members, so that
// those it has for CommonJS are other ones.
import type { WriteToDbSettings } from '@stepcompute/core';
import type { ContainerModule } from 'inversify';
import * as modules from './inversify.js';

/** Binds the `Stores` to new in-memory ones, shared within the container. */
export const inMemoryStoresModule: () => ContainerModule = modules.inMemoryStoresModule as never;

/**
 * Binds the `Orchestrator` to an in-process one over whatever `Stores` and `ValueGenerator`, a simulation,
 * the container has, and the `Clock` to the system's.
 */
export const inProcessModule: (settings?: WriteToDbSettings) => ContainerModule =
  modules.inProcessModule as never;
