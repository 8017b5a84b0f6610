export {
  migrateSchema,
  migrationOptions,
  refuseNewerSchema,
  schemaState,
  type MigrateSchemaOptions,
  type SchemaState,
} from './migrate-schema.js';
export { outageChannel, type Outage } from './patiently.js';
export { iterationsPerDataApiCall } from './scan.js';
export {
  averageSchema,
  failureSchema,
  runSchema,
  schemas,
  schemasIn,
  valueSchema,
  type AverageRow,
  type FailureRow,
  type RunRow,
  type ValueRow,
} from './schema.js';
export { TypeOrmAverageStore } from './typeorm-average-store.js';
export { TypeOrmFailureStore } from './typeorm-failure-store.js';
export { TypeOrmRunStore } from './typeorm-run-store.js';
export { TypeOrmTombstoneStore } from './typeorm-tombstone-store.js';
export { typeOrmStores, type TypeOrmStoresOptions } from './typeorm-stores.js';
export { TypeOrmValueStore } from './typeorm-value-store.js';
