export {
  migrateSchema,
  migrationOptions,
  schemaState,
  type SchemaState,
} from './migrate-schema.js';
export {
  averageSchema,
  failureSchema,
  runSchema,
  schemas,
  valueSchema,
  type AverageRow,
  type FailureRow,
  type RunRow,
  type ValueRow,
} from './schema.js';
export {
  TypeOrmAverageStore,
  TypeOrmFailureStore,
  TypeOrmRunStore,
  typeOrmStores,
  TypeOrmValueStore,
  type TypeOrmStoresOptions,
} from './typeorm-stores.js';
