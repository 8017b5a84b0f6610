import { InvalidInputError, type Stores } from '@stepcompute/core';
import { refuseUnknown } from '@stepcompute/core/adapters';
import type { DataSource, EntitySchema } from 'typeorm';
import { warnOfUntested } from './peers.js';
import { runTable } from './tables.js';
import { TypeOrmAverageStore } from './typeorm-average-store.js';
import { TypeOrmFailureStore } from './typeorm-failure-store.js';
import { TypeOrmRunStore } from './typeorm-run-store.js';
import { TypeOrmTombstoneStore } from './typeorm-tombstone-store.js';
import { TypeOrmValueStore } from './typeorm-value-store.js';

/** Where the averages go, when not to the same database. */
export interface TypeOrmStoresOptions {
  /** A migrated DataSource for the averages. Default: the one for everything else. */
  readonly averages?: DataSource | undefined;
}

/**
 * The stores over one migrated DataSource, the averages over another if so told.
 * @throws InvalidInputError when a DataSource can't work: it is of another database, prefixes the names of
 *   tables, or lacks the entities
 * @example
 * const orchestrator = new InProcessOrchestrator({ generator, stores: typeOrmStores(dataSource) });
 */
export function typeOrmStores(dataSource: DataSource, options: TypeOrmStoresOptions = {}): Stores {
  const { averages = dataSource } = refuseUnknown(options, 'options', { averages: true });
  warnOfUntested('typeorm');
  refuseUnfit(dataSource, 'dataSource');
  refuseUnfit(averages, 'averages');
  return {
    runs: new TypeOrmRunStore(dataSource),
    tombstones: new TypeOrmTombstoneStore(dataSource, averages),
    values: new TypeOrmValueStore(dataSource),
    failures: new TypeOrmFailureStore(dataSource),
    averages: new TypeOrmAverageStore(averages),
  };
}

function refuseUnfit(dataSource: DataSource, field: string): void {
  const refuse = (expected: string, received: unknown): never => {
    throw new InvalidInputError(field, expected, received);
  };
  const options = (dataSource as Partial<DataSource> | undefined)?.options;
  if (options === undefined) return refuse('a DataSource of TypeORM', dataSource);
  const { type, entityPrefix, entities, cache } = options;
  if (type !== 'postgres' && type !== 'aurora-postgres') {
    return refuse('a DataSource of PostgreSQL: of type postgres or aurora-postgres', type);
  }
  if (entityPrefix) return refuse('a DataSource without entityPrefix', entityPrefix);
  if ((options as { readonly replication?: object }).replication !== undefined) {
    return refuse('a DataSource without replication, since replicas are behind', 'one with it');
  }
  if (typeof cache === 'object' && cache.alwaysEnabled === true) {
    return refuse('a DataSource whose cache is not always enabled', 'one whose cache is');
  }
  // Before it is initialized they are what its options say.
  const isThere = dataSource.isInitialized
    ? dataSource.hasMetadata(runTable)
    : Object.values(entities ?? {}).some(
        // Of whichever copy of TypeORM.
        (entity) => (entity as Partial<EntitySchema>).options?.name === runTable,
      );
  if (dataSource.isInitialized && isThere) {
    const { tableName } = dataSource.getMetadata(runTable);
    if (tableName !== runTable) {
      return refuse(`a DataSource whose namingStrategy leaves ${runTable} as it is`, tableName);
    }
  }
  if (!isThere)
    refuse('a DataSource with our entities (entities: [...schemas])', 'one without them');
}
