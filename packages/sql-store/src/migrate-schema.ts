import { PersistenceError } from '@stepcompute/core';
import { refuseUnknown } from '@stepcompute/core/adapters';
import type { DataSource, DataSourceOptions, MigrationInterface, QueryRunner } from 'typeorm';
import { migrations, migrationsTableName, oldestReader } from './migrations.js';
import { patientMark } from './patiently.js';
import { translated } from './persistence-error.js';
import { schemaOf, tablesOf } from './tables.js';

/**
 * How a database's schema stands to the code of this version of the package. `current` is also one
 * that a later version has migrated, as long as this version may still work on it.
 */
export type SchemaState = 'absent' | 'older' | 'current' | 'newer';

/** Any number that other users of the database are unlikely to lock. */
const advisoryLock = 0x57e9_c0de;

/**
 * Compares the migrations that the database has had with those that this version knows; changes nothing.
 * The DataSource's own migrations, a service's perhaps, are none of them.
 */
export function schemaState(dataSource: DataSource): Promise<SchemaState> {
  return stateBeside(dataSource, ours);
}

/** @param known the migrations of a version */
export function stateBeside(
  dataSource: DataSource,
  known: readonly Migration[],
): Promise<SchemaState> {
  return translated(async () => {
    const runner = dataSource.createQueryRunner();
    try {
      return (await look(runner, dataSource, known)).state;
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

/** A migration, with the name under which it is recorded. */
export interface Migration extends MigrationInterface {
  readonly name: string;
}

const ours: readonly Migration[] = migrations.map((Migration) => new Migration());

interface Look {
  readonly state: SchemaState;
  /** The names of the migrations that the database has had. */
  readonly had: readonly string[];
}

async function look(
  runner: QueryRunner,
  dataSource: DataSource,
  migrations: readonly Migration[],
): Promise<Look> {
  const tables = tablesOf(dataSource);
  const schema = schemaOf(dataSource);
  // Also where this user may not read the tables, which information_schema would hide; and as they are now,
  // where to_regclass may answer from before a lock was waited for.
  const found = (await runner.query(
    `SELECT relname::text AS name FROM pg_catalog.pg_class
     JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relnamespace
     WHERE relname IN ('stepcompute_migration', 'stepcompute_schema', 'stepcompute_run')
       AND nspname = coalesce($1::text, current_schema())`,
    [schema ?? null],
  )) as { name: string }[];
  const isThere = (table: string): boolean => found.some(({ name }) => name === table);
  if (!isThere('stepcompute_migration')) {
    if (!isThere('stepcompute_run')) return { state: 'absent', had: [] };
    throw new PersistenceError(
      'the tables are there without a record of their migrations, as TypeORM’s synchronize makes them: ' +
        'drop them, and leave synchronize off where our entities are',
      { retryable: false },
    );
  }
  const rows = (await runner.query(`SELECT name::text FROM ${tables.migration}`)) as {
    name: string;
  }[];
  const had = rows.map(({ name }) => name);
  const known = migrations.map(({ name }) => name);
  const state = (): SchemaState => {
    if (had.length === 0) return 'absent';
    return known.every((name) => had.includes(name)) ? 'current' : 'older';
  };
  if (had.every((name) => known.includes(name))) return { state: state(), had };
  const [reader] = isThere('stepcompute_schema')
    ? ((await runner.query(
        `SELECT oldest_reader::text AS "oldestReader" FROM ${tables.schema}`,
      )) as { oldestReader: string }[])
    : [];
  const mayWork = reader !== undefined && Number(reader.oldestReader) <= known.length;
  return { state: mayWork ? 'current' : 'newer', had };
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
 * Brings the schema up to date, all or nothing: with the migrations of this package, and no others that
 * the DataSource may have. Safe to call from several processes at once: one
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
  return migrateTo(dataSource, ours, breaking);
}

/** @param known the migrations of a version */
export function migrateTo(
  dataSource: DataSource,
  known: readonly Migration[],
  breaking = true,
): Promise<void> {
  return translated(async () => {
    const runner = dataSource.createQueryRunner();
    try {
      await runner.startTransaction();
      try {
        // Until the transaction ends, however it does.
        await runner.query(`${patientMark} SELECT pg_advisory_xact_lock($1)::text`, [advisoryLock]);
        const { state, had } = await look(runner, dataSource, known);
        if (state === 'newer') throw newerSchemaError();
        if (state === 'older' && !breaking && had.length < oldestReader)
          throw breakingSchemaError();
        if (state !== 'current') {
          await bringUpToDate(
            runner,
            dataSource,
            known.filter(({ name }) => !had.includes(name)),
          );
        }
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

/** @param pending in their order */
async function bringUpToDate(
  runner: QueryRunner,
  dataSource: DataSource,
  pending: readonly Migration[],
): Promise<void> {
  const tables = tablesOf(dataSource);
  const schema = schemaOf(dataSource);
  // The migrations name no schema. It holds until the transaction ends, also behind a pooler.
  if (schema !== undefined) {
    await runner.query(`SELECT set_config('search_path', quote_ident($1), true)`, [schema]);
  }
  // As TypeORM makes and fills it, which an earlier version let do so.
  await runner.query(
    `CREATE TABLE IF NOT EXISTS ${tables.migration}
       (id serial PRIMARY KEY, "timestamp" bigint NOT NULL, name character varying NOT NULL)`,
  );
  for (const migration of pending) {
    await migration.up(runner);
    await runner.query(`INSERT INTO ${tables.migration} ("timestamp", name) VALUES ($1, $2)`, [
      Number(migration.name.slice(-13)),
      migration.name,
    ]);
  }
  await runner.query(`DELETE FROM ${tables.schema}`);
  await runner.query(`INSERT INTO ${tables.schema} (oldest_reader) VALUES ($1)`, [oldestReader]);
}

/**
 * The migrations of this version, and the table that records them: for the options of a DataSource that is
 * StepCompute's alone, whose migrations TypeORM itself is to run or undo. {@link migrateSchema} needs none of it.
 */
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
