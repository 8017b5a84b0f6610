import { PersistenceError } from '@stepcompute/core';
import { refuseUnknown } from '@stepcompute/core/adapters';
import {
  MigrationExecutor,
  type DataSource,
  type DataSourceOptions,
  type QueryRunner,
} from 'typeorm';
import { migrations, migrationsTableName, oldestReader, schemaTableName } from './migrations.js';
import { translated } from './persistence-error.js';

/**
 * How a database's schema stands to the code of this version of the package. `current` is also one
 * that a later version has migrated, as long as this version may still work on it.
 */
export type SchemaState = 'absent' | 'older' | 'current' | 'newer';

/** Any number that other users of the database are unlikely to lock. */
const advisoryLock = 0x57e9_c0de;

/** Compares the migrations that the database has had with those that this version knows; changes nothing. */
export function schemaState(dataSource: DataSource): Promise<SchemaState> {
  return translated(async () => {
    const runner = dataSource.createQueryRunner();
    try {
      return (await look(runner, dataSource)).state;
    } finally {
      await runner.release();
    }
  });
}

/**
 * Refuses a database that this version of the package must not work on; any other passes, also one
 * without a schema.
 * @throws PersistenceError when its schema is newer than this version can read
 */
export async function refuseNewerSchema(dataSource: DataSource): Promise<void> {
  if ((await schemaState(dataSource)) === 'newer') throw newerSchemaError();
}

interface Look {
  readonly state: SchemaState;
  /** How many migrations the database has had. */
  readonly had: number;
}

async function look(runner: QueryRunner, dataSource: DataSource): Promise<Look> {
  // Also where this user may not read the tables, which information_schema would hide.
  const [tables] = (await runner.query(
    'SELECT to_regclass($1)::text AS migrations, to_regclass($2)::text AS readers',
    [migrationsTableName, schemaTableName],
  )) as { migrations: string | null; readers: string | null }[];
  if (tables?.migrations === null || tables === undefined) return { state: 'absent', had: 0 };
  const rows = (await runner.query(`SELECT name FROM ${migrationsTableName}`)) as {
    name: string;
  }[];
  const had = rows.map(({ name }) => name);
  const known = dataSource.migrations.map(
    (migration) => migration.name ?? migration.constructor.name,
  );
  const state = (): SchemaState => {
    if (had.length === 0) return 'absent';
    return known.every((name) => had.includes(name)) ? 'current' : 'older';
  };
  if (had.every((name) => known.includes(name))) return { state: state(), had: had.length };
  const [reader] =
    tables.readers === null
      ? []
      : ((await runner.query(`SELECT oldest_reader FROM ${schemaTableName}`)) as {
          oldest_reader: number;
        }[]);
  const mayWork = reader !== undefined && reader.oldest_reader <= known.length;
  return { state: mayWork ? 'current' : 'newer', had: had.length };
}

export interface MigrateSchemaOptions {
  /**
   * False to refuse a migration after which the code that has worked on the database so far can't any
   * more, so that a rollback of the code would end in refusals.
   * @default true
   */
  readonly breaking?: boolean | undefined;
}

/**
 * Brings the schema up to date, all or nothing. Safe to call from several processes at once: one
 * does the work, the others wait for it. Nothing is done to one that a later version has migrated, as
 * long as this version may work on it.
 * @throws PersistenceError when the schema is newer than this version of the package can read, or
 *   older code would be locked out and that was not asked for
 */
export function migrateSchema(
  dataSource: DataSource,
  options: MigrateSchemaOptions = {},
): Promise<void> {
  const { breaking = true } = refuseUnknown(options, 'options', { breaking: true });
  return translated(async () => {
    const runner = dataSource.createQueryRunner();
    try {
      await runner.startTransaction();
      try {
        // Until the transaction ends, however it does.
        await runner.query('SELECT pg_advisory_xact_lock($1)::text', [advisoryLock]);
        const { state, had } = await look(runner, dataSource);
        if (state === 'newer') throw newerSchemaError();
        if (state === 'older' && !breaking && had < oldestReader) throw breakingSchemaError();
        if (state !== 'current') await bringUpToDate(runner, dataSource);
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

async function bringUpToDate(runner: QueryRunner, dataSource: DataSource): Promise<void> {
  await new MigrationExecutor(dataSource, runner).executePendingMigrations();
  await runner.query(`DELETE FROM ${schemaTableName}`);
  await runner.query(`INSERT INTO ${schemaTableName} (oldest_reader) VALUES ($1)`, [oldestReader]);
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

function breakingSchemaError(): PersistenceError {
  return new PersistenceError(
    'code that works on this database now can’t after the migration: deploy with --breaking-schema ' +
      'when no execution of the older version is under way, and none will be rolled back to',
    { retryable: false },
  );
}
