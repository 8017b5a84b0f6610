import { PersistenceError } from '@stepcompute/core';
import {
  MigrationExecutor,
  type DataSource,
  type DataSourceOptions,
  type QueryRunner,
} from 'typeorm';
import { migrations, migrationsTableName } from './migrations.js';
import { translated } from './persistence-error.js';

/** How a database's schema stands to the one that this version of the package works with. */
export type SchemaState = 'absent' | 'older' | 'current' | 'newer';

/** Any number that other users of the database are unlikely to lock. */
const advisoryLock = 0x57e9_c0de;

/** Compares the migrations that the database has had with those that this version knows; changes nothing. */
export function schemaState(dataSource: DataSource): Promise<SchemaState> {
  return translated(async () => {
    const runner = dataSource.createQueryRunner();
    try {
      return await stateOf(runner, dataSource);
    } finally {
      await runner.release();
    }
  });
}

async function stateOf(runner: QueryRunner, dataSource: DataSource): Promise<SchemaState> {
  // Also where this user may not read the table, which information_schema would hide.
  const [{ name: table } = { name: null }] = (await runner.query(
    'SELECT to_regclass($1)::text AS name',
    [migrationsTableName],
  )) as { name: string | null }[];
  if (table === null) return 'absent';
  const rows = (await runner.query(`SELECT name FROM ${migrationsTableName}`)) as {
    name: string;
  }[];
  const had = rows.map(({ name }) => name);
  const known = dataSource.migrations.map(
    (migration) => migration.name ?? migration.constructor.name,
  );
  if (had.some((name) => !known.includes(name))) return 'newer';
  if (known.every((name) => had.includes(name))) return 'current';
  return had.length === 0 ? 'absent' : 'older';
}

/**
 * Brings the schema up to date, all or nothing. Safe to call from several processes at once: one
 * does the work, the others wait for it.
 * @throws PersistenceError when the schema is newer than this version of the package
 */
export function migrateSchema(dataSource: DataSource): Promise<void> {
  return translated(async () => {
    const runner = dataSource.createQueryRunner();
    try {
      await runner.startTransaction();
      try {
        // Until the transaction ends, however it does.
        await runner.query('SELECT pg_advisory_xact_lock($1)::text', [advisoryLock]);
        if ((await stateOf(runner, dataSource)) === 'newer') throw newerSchemaError();
        await new MigrationExecutor(dataSource, runner).executePendingMigrations();
        await runner.commitTransaction();
      } catch (error) {
        // Where this fails too the transaction is gone already; what went wrong before counts.
        await runner.rollbackTransaction().catch(() => undefined);
        throw error;
      }
    } finally {
      await runner.release();
    }
  });
}

/** The migrations of this version, and the table that records them: for the DataSource's options. */
export const migrationOptions: Pick<DataSourceOptions, 'migrations' | 'migrationsTableName'> = {
  migrations,
  migrationsTableName,
};

export function newerSchemaError(): PersistenceError {
  return new PersistenceError(
    'the database’s schema is newer than this version of StepCompute: upgrade StepCompute',
    { retryable: false },
  );
}
