import { createHash } from 'node:crypto';
import { RunId } from '@stepcompute/core';
import type { DataSource, MigrationInterface, QueryRunner } from 'typeorm';
import {
  migrateSchema,
  migrateTo,
  refuseNewerSchema,
  schemaState,
  stateBeside,
} from '../src/migrate-schema.js';
import { migrations, oldestReader } from '../src/migrations.js';
import { openPglite } from '../src/pglite.js';
import { openPostgres } from '../src/postgres.js';
import { typeOrmStores } from '../src/typeorm-stores.js';
import {
  createDatabase,
  describeOnPostgres,
  type TestDatabase,
} from '../../../testing/postgres/databases.js';

/** A digest of all that a released migration says to the database, in both directions. */
async function digestOf(migration: MigrationInterface): Promise<string> {
  const digest = createHash('sha256');
  const query = (statement: string): Promise<void> => {
    digest.update(`${statement}\n`);
    return Promise.resolve();
  };
  await migration.up({ query } as unknown as QueryRunner);
  await migration.down({ query } as unknown as QueryRunner);
  return digest.digest('hex');
}

it('released migrations are as they were released', async () => {
  const digests: Record<string, string> = {};
  for (const Migration of migrations) {
    const migration = new Migration();
    digests[migration.name] = await digestOf(migration);
  }
  expect(digests).toEqual({
    CreateTables1764000000000: '4e5a997aba1bb3fa08b9dcaf4de2cd7c47b0cdce43c903b62bf8ee31f5a6958c',
    AddIdentity1764300000000: '694ce8868e3744df6c0de050f4f8fdac86091f0961b503f156d10ed08e7dd48b',
    AddTombstones1764400000000: '5f7e5b3a298e9add887c836c97ae38e19a02244bc1fbe7543a0585f8c16f2304',
    AddTolerance1764200000000: 'c017fada2f8e47b14d715486da9cbba69e3ee39008ccac9c41ef74d181f8b58b',
  });
});

async function statementsThatWouldChange(dataSource: DataSource): Promise<string[]> {
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  return upQueries.map(({ query }) => query);
}

describe('the schema on PGlite', () => {
  let dataSource: DataSource;
  beforeAll(async () => {
    dataSource = await openPglite();
  });
  afterAll(() => dataSource.destroy());

  it('is after the migrations what the entities say', async () => {
    expect(await statementsThatWouldChange(dataSource)).toEqual([]);
    expect(await schemaState(dataSource)).toBe('current');
  });

  it('names every constraint', async () => {
    const rows: { conname: string }[] = await dataSource.query(
      `SELECT conname::text FROM pg_constraint
       WHERE conrelid::regclass::text LIKE 'stepcompute_%' AND contype IN ('p', 'u', 'c')
         AND conrelid <> 'stepcompute_migration'::regclass
       ORDER BY conname`,
    );
    expect(rows.map(({ conname }) => conname)).toEqual([
      'stepcompute_average_count',
      'stepcompute_average_mean',
      'stepcompute_average_pk',
      'stepcompute_failure_attempts',
      'stepcompute_failure_iteration',
      'stepcompute_failure_pk',
      'stepcompute_measure_average_count',
      'stepcompute_measure_average_mean',
      'stepcompute_measure_average_pk',
      'stepcompute_run_delay',
      'stepcompute_run_idempotency_key',
      'stepcompute_run_label',
      'stepcompute_run_parameters',
      'stepcompute_run_pk',
      'stepcompute_run_repetitions',
      'stepcompute_run_seed',
      'stepcompute_run_status',
      'stepcompute_run_tolerance',
      'stepcompute_schema_pk',
      'stepcompute_value_finite',
      'stepcompute_value_iteration',
      'stepcompute_value_pk',
    ]);
  });

  it('does not let transactions that run side by side see each other', async () => {
    const attempts = Array.from({ length: 5 }, (_, index) =>
      dataSource.transaction(async (manager) => {
        await manager.query(`INSERT INTO stepcompute_value VALUES (1000, ${index}, 1)`);
        if (index % 2 === 1) throw new Error('rolled back');
      }),
    );
    await Promise.allSettled(attempts);
    const rows: { iteration_id: number }[] = await dataSource.query(
      'SELECT iteration_id FROM stepcompute_value WHERE run_id = 1000 ORDER BY 1',
    );
    expect(rows.map((row) => row.iteration_id)).toEqual([0, 2, 4]);
  });

  it('is worked on when a later version has been at it that this one may follow, and left as it is', async () => {
    await dataSource.query(
      `INSERT INTO stepcompute_migration (timestamp, name) VALUES (1, 'FromTheFuture1')`,
    );
    expect(await schemaState(dataSource)).toBe('current');
    await migrateSchema(dataSource);
    await refuseNewerSchema(dataSource);
    expect(await dataSource.query('SELECT * FROM stepcompute_schema')).toEqual([
      { oldest_reader: oldestReader },
    ]);
  });

  it('is refused when a later version has been at it that this one may not follow', async () => {
    await dataSource.query(
      `UPDATE stepcompute_schema SET oldest_reader = ${migrations.length + 1}`,
    );
    expect(await schemaState(dataSource)).toBe('newer');
    await expect(refuseNewerSchema(dataSource)).rejects.toThrow('upgrade StepCompute');
    await expect(migrateSchema(dataSource)).rejects.toMatchObject({
      name: 'PersistenceError',
      message: expect.stringContaining('upgrade StepCompute') as string,
      retryable: false,
    });
  });
});

describeOnPostgres('the schema on PostgreSQL', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createDatabase();
  });
  afterEach(() => database.drop());

  it('is created once when several processes open an empty database together', async () => {
    const opened = await Promise.all(
      [1, 2, 3, 4].map(() => openPostgres({ url: database.url, poolSize: 2 })),
    );
    for (const dataSource of opened) {
      expect(await schemaState(dataSource)).toBe('current');
      await dataSource.destroy();
    }
  });

  it('is after the migrations what the entities say', async () => {
    const dataSource = await openPostgres({ url: database.url });
    expect(await statementsThatWouldChange(dataSource)).toEqual([]);
    await dataSource.destroy();
  });

  it('is refused when it is newer, and changes nothing', async () => {
    const dataSource = await openPostgres({ url: database.url });
    await dataSource.query(
      `INSERT INTO stepcompute_migration (timestamp, name) VALUES (1, 'FromTheFuture1')`,
    );
    await dataSource.query(`UPDATE stepcompute_schema SET oldest_reader = 99`);
    await dataSource.destroy();
    for (const migrate of [false, true]) {
      await expect(openPostgres({ url: database.url, migrate })).rejects.toMatchObject({
        name: 'PersistenceError',
        message: expect.stringContaining('newer') as string,
      });
    }
  });

  it('is refused when it is older, unless it may be brought up to date', async () => {
    const current = await openPostgres({ url: database.url });
    class AddNote {
      readonly name = 'AddNote9999999999999';
      async up(runner: { query(statement: string): Promise<unknown> }): Promise<void> {
        await runner.query('ALTER TABLE stepcompute_run ADD COLUMN note text');
      }
      async down(): Promise<void> {
        // never undone here
      }
    }
    // A later version of the package would know one migration more than the database has had.
    const later = [...migrations.map((Migration) => new Migration()), new AddNote()];
    expect(await stateBeside(current, later)).toBe('older');
    await migrateTo(current, later);
    expect(await stateBeside(current, later)).toBe('current');
    await current.destroy();
    // The migration has left this version what it reads.
    const rolledBack = await openPostgres({ url: database.url });
    expect(await schemaState(rolledBack)).toBe('current');
    await rolledBack.destroy();
  });

  it('is not migrated to where the code before can’t follow, unless that is asked for', async () => {
    const dataSource = await openPostgres({ url: database.url });
    await dataSource.undoLastMigration();
    await expect(migrateSchema(dataSource, { breaking: false })).rejects.toThrow(
      'deploy with --breaking-schema',
    );
    expect(await schemaState(dataSource)).toBe('older');
    await migrateSchema(dataSource, { breaking: true });
    expect(await schemaState(dataSource)).toBe('current');
    await dataSource.destroy();
  });

  it('is created without asking, since there is no code before', async () => {
    const dataSource = await openPostgres({ url: database.url, create: true });
    await dataSource.query(
      'DROP TABLE stepcompute_run, stepcompute_value, stepcompute_failure, stepcompute_average, ' +
        'stepcompute_measure_average, stepcompute_schema, stepcompute_migration',
    );
    await migrateSchema(dataSource, { breaking: false });
    expect(await schemaState(dataSource)).toBe('current');
    await dataSource.destroy();
  });

  it('keeps the runs of the version before', async () => {
    const dataSource = await openPostgres({ url: database.url });
    const { runs, failures } = typeOrmStores(dataSource);
    await dataSource.undoLastMigration();
    await dataSource.query(
      `INSERT INTO stepcompute_run (repetitions, seed, delay_ms, generator_name)
       VALUES (10, 42, 0, 'test')`,
    );
    await dataSource.query(
      `INSERT INTO stepcompute_failure (run_id, iteration_id, error_name, message)
       VALUES (1, 3, 'RangeError', 'no value')`,
    );
    await migrateSchema(dataSource);
    const id = RunId.parse(1);
    expect(await runs.get(id)).toMatchObject({ repetitions: 10, seed: 42, tolerance: '0' });
    for await (const page of failures.read(id)) {
      expect(page).toEqual([
        { iterationId: 3, errorName: 'RangeError', message: 'no value', attempts: 1 },
      ]);
    }
    expect(await failures.ledger(id)).toMatchObject({ failed: 1, missing: 9 });
    await dataSource.destroy();
  });
});
