import { CreateTables } from './migrations/1764000000000-create-tables.js';
import { AddTolerance } from './migrations/1764200000000-add-tolerance.js';
import { AddIdentity } from './migrations/1764300000000-add-identity.js';
import { AddTombstones } from './migrations/1764400000000-add-tombstones.js';

/** Every migration, oldest first. One that is released is never edited: a change is another migration. */
export const migrations = [CreateTables, AddTolerance, AddIdentity, AddTombstones];

/**
 * How many migrations code must know to work on a schema that has had all of these. It grows when a
 * migration makes of the tables what older code can't read, or must not write; then a rollback ends in
 * a refusal.
 */
export const oldestReader = 4;

/** Where the migrations that a database has had are recorded. */
export const migrationsTableName = 'stepcompute_migration';
