import { CreateTables } from './migrations/1764000000000-create-tables.js';
import { AddTolerance } from './migrations/1764200000000-add-tolerance.js';

/** Every migration, oldest first. One that is released is never edited: a change is another migration. */
export const migrations = [CreateTables, AddTolerance];

/** Where the migrations that a database has had are recorded. */
export const migrationsTableName = 'stepcompute_migration';
