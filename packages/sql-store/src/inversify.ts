import 'reflect-metadata';
import { Stores } from '@stepcompute/core';
import { ContainerModule } from 'inversify';
import type { DataSource } from 'typeorm';
import { warnOfUntested } from './peers.js';
import { typeOrmStores, type TypeOrmStoresOptions } from './typeorm-stores.js';

/**
 * Binds the {@link Stores} to the tables of a migrated DataSource.
 * @example
 * container.load(sqlStoresModule(dataSource), inProcessModule());
 */
export function sqlStoresModule(
  dataSource: DataSource,
  options: TypeOrmStoresOptions = {},
): ContainerModule {
  warnOfUntested('inversify');
  const stores = typeOrmStores(dataSource, options);
  return new ContainerModule(({ bind }) => {
    bind(Stores).toConstantValue(stores);
  });
}
