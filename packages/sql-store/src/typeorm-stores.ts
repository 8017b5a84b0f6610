import type { Stores } from '@stepcompute/core';
import { refuseUnknown } from '@stepcompute/core/adapters';
import type { DataSource } from 'typeorm';
import { TypeOrmAverageStore } from './typeorm-average-store.js';
import { TypeOrmFailureStore } from './typeorm-failure-store.js';
import { TypeOrmRunStore } from './typeorm-run-store.js';
import { TypeOrmValueStore } from './typeorm-value-store.js';

/** Where the averages go, when not to the same database. */
export interface TypeOrmStoresOptions {
  /** A migrated DataSource for the averages. Default: the one for everything else. */
  readonly averages?: DataSource | undefined;
}

/**
 * The four stores over one migrated DataSource, the averages over another if so told.
 * @example
 * const orchestrator = new InProcessOrchestrator({ generator, stores: typeOrmStores(dataSource) });
 */
export function typeOrmStores(dataSource: DataSource, options: TypeOrmStoresOptions = {}): Stores {
  const { averages = dataSource } = refuseUnknown(options, 'options', { averages: true });
  return {
    runs: new TypeOrmRunStore(dataSource),
    values: new TypeOrmValueStore(dataSource),
    failures: new TypeOrmFailureStore(dataSource),
    averages: new TypeOrmAverageStore(averages),
  };
}
