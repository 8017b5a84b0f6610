// The same function under the types that Inversify has for ES modules: its class has private members, so that
// those it has for CommonJS are other ones.
import type { ContainerModule } from 'inversify';
import type { DataSource } from 'typeorm';
import * as modules from './inversify.js';
import type { TypeOrmStoresOptions } from './typeorm-stores.js';

/**
 * Binds the `Stores` to the tables of a migrated DataSource.
 * @example
 * container.load(sqlStoresModule(dataSource), inProcessModule());
 */
export const sqlStoresModule: (
  dataSource: DataSource,
  options?: TypeOrmStoresOptions,
) => ContainerModule = modules.sqlStoresModule as never;
