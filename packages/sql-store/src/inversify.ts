import 'reflect-metadata';
import { AverageStore, FailureStore, RunStore, ValueStore } from '@stepcompute/core';
import { ContainerModule } from 'inversify';
import type { DataSource } from 'typeorm';
import { typeOrmStores, type TypeOrmStoresOptions } from './typeorm-stores.js';

/**
 * Binds the four stores to the tables of a migrated DataSource.
 * @example
 * container.load(sqlStoresModule(dataSource), inProcessModule());
 */
export function sqlStoresModule(
  dataSource: DataSource,
  options: TypeOrmStoresOptions = {},
): ContainerModule {
  const stores = typeOrmStores(dataSource, options);
  return new ContainerModule(({ bind }) => {
    bind(RunStore).toConstantValue(stores.runs);
    bind(ValueStore).toConstantValue(stores.values);
    bind(FailureStore).toConstantValue(stores.failures);
    bind(AverageStore).toConstantValue(stores.averages);
  });
}
