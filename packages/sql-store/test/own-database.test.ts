import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  InProcessOrchestrator,
  IterationId,
  uniformInteger,
  type RunId,
  type RunResult,
  type Stores,
} from '@stepcompute/core';
import { expectedAverage } from '@stepcompute/core/testing';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import pg from 'pg';
import { DataSource, EntitySchema, type MigrationInterface, type QueryRunner } from 'typeorm';
import { migrateSchema, schemaState } from '../src/migrate-schema.js';
import { openPostgres } from '../src/postgres.js';
import { schemas, schemasIn } from '../src/schema.js';
import { typeOrmStores } from '../src/typeorm-stores.js';
import {
  createDatabase,
  describeOnPostgres,
  type TestDatabase,
} from '../../../testing/postgres/databases.js';

type Oid = Parameters<typeof pg.types.getTypeParser>[0];
type Parser = (text: string) => unknown;

const request = { repetitions: 50, seed: 42 };

function runIn(dataSource: DataSource): Promise<RunResult> {
  const stores = typeOrmStores(dataSource);
  return new InProcessOrchestrator({ generator: uniformInteger, stores }).run(request);
}

/** Does all that a store does: a run that is extended, failures, values of several measures. */
async function useEverything(dataSource: DataSource): Promise<void> {
  const stores = typeOrmStores(dataSource);
  const failing = new InProcessOrchestrator({
    generator: {
      measures: ['a', 'b'],
      generate: ({ iterationId }) => {
        if (iterationId === 3) throw new Error('no value');
        return { a: iterationId, b: 1 };
      },
    },
    stores,
  });
  const { run, averages } = await failing.run({ ...request, tolerance: 1 });
  expect(averages.b).toMatchObject({ count: 49, mean: 1 });
  const extended = await failing.resume(run.id, { repetitions: 60 });
  expect(extended.ledger).toEqual({ requested: 60, completed: 59, failed: 1, missing: 0 });
  for await (const [failure] of stores.failures.read(run.id)) expect(failure?.iterationId).toBe(3);
  expect((await stores.runs.list({ limit: 1 }))[0]?.id).toBe(run.id);
}

describeOnPostgres('in a database that has an owner already', () => {
  let database: TestDatabase;
  let admin: pg.Client;
  beforeEach(async () => {
    database = await createDatabase();
    admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
  });
  afterEach(async () => {
    await admin.end();
    await database.drop();
  });

  /** Our tables, by their schemas. */
  async function tables(): Promise<Record<string, number>> {
    const { rows } = await admin.query<{ schemaname: string; count: number }>(
      `SELECT schemaname, count(*)::integer AS count FROM pg_tables
       WHERE tablename LIKE 'stepcompute%' GROUP BY 1`,
    );
    return Object.fromEntries(rows.map(({ schemaname, count }) => [schemaname, count]));
  }

  function urlWith(parameters: string): string {
    return `${database.url}${database.url.includes('?') ? '&' : '?'}${parameters}`;
  }

  it.each(['sim', 'Größe $1 it’s'])(
    'keeps all of its tables in the schema %j, whatever search_path says',
    async (schema) => {
      await admin.query(`CREATE SCHEMA ${pg.escapeIdentifier(schema)}`);
      // Another application's, of an older version, where search_path finds them first.
      await (await openPostgres({ url: database.url })).destroy();
      await admin.query('DROP TABLE public.stepcompute_measure_average');
      await admin.query('ALTER TABLE public.stepcompute_run DROP COLUMN parameters');
      const dataSource = await openPostgres({ url: database.url, schema });
      expect((await runIn(dataSource)).average).toEqual(expectedAverage(42, 50));
      await useEverything(dataSource);
      expect(await schemaState(dataSource)).toBe('current');
      await dataSource.destroy();
      expect(await tables()).toEqual({ public: 6, [schema]: 7 });
      const { rows } = await admin.query('SELECT * FROM public.stepcompute_run');
      expect(rows).toEqual([]);
      const again = await openPostgres({
        url: urlWith(`schema=${encodeURIComponent(schema)}`),
        create: false,
      });
      expect(await typeOrmStores(again).runs.list({ limit: 10 })).toHaveLength(2);
      await again.destroy();
    },
  );

  it('gives a role with a schema of its own tables of its own', async () => {
    await (await openPostgres({ url: database.url })).destroy();
    await admin.query('CREATE SCHEMA own');
    const dataSource = await openPostgres({
      url: urlWith('options=-c%20search_path%3Down%2Cpublic'),
    });
    await runIn(dataSource);
    await dataSource.destroy();
    expect(await tables()).toEqual({ public: 7, own: 7 });
  });

  it('refuses a schema that is not there, and creates nothing', async () => {
    await expect(openPostgres({ url: database.url, schema: 'sim' })).rejects.toMatchObject({
      name: 'InvalidInputError',
      message: expect.stringContaining(
        'schema must be one that the database has: CREATE SCHEMA makes it; got "sim"',
      ) as string,
    });
    const nowhere = urlWith('options=-c%20search_path%3Dnone');
    await expect(openPostgres({ url: nowhere })).rejects.toMatchObject({
      name: 'InvalidInputError',
      field: 'schema',
    });
    expect(await tables()).toEqual({});
  });

  it('uses a pool of the caller’s, and leaves it open', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 3 });
    const before = pool.listenerCount('error');
    const dataSource = await openPostgres({ pool });
    expect((await runIn(dataSource)).average).toEqual(expectedAverage(42, 50));
    await dataSource.destroy();
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(pool.listenerCount('error')).toBe(before);
    await pool.end();
    await expect(openPostgres({ pool })).rejects.toMatchObject({
      name: 'InvalidInputError',
      message: expect.stringContaining('one that has not been ended') as string,
    });
  });

  it('takes a pool’s settings, with a password that is asked for anew', async () => {
    const asked: number[] = [];
    const dataSource = await openPostgres({
      pool: {
        connectionString: database.url,
        password: async () => {
          asked.push(asked.length);
          return 'a token';
        },
      },
    });
    expect((await runIn(dataSource)).average).toEqual(expectedAverage(42, 50));
    await dataSource.destroy();
    // Where the server trusts its users it asks for none.
    expect(asked.length).toBeGreaterThanOrEqual(0);
  });

  it('reads a service file, as libpq does', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stepcompute-service-'));
    const { PGSERVICEFILE: before } = process.env;
    try {
      const { host, port, user, database: dbname } = admin as unknown as Record<string, string>;
      process.env.PGSERVICEFILE = join(folder, 'pg_service.conf');
      writeFileSync(
        process.env.PGSERVICEFILE,
        `# services\n[other]\nhost=nowhere.invalid\n[sim]\nhost=${host}\nport=${port}\nuser=${user}\ndbname=${dbname}\n`,
      );
      const dataSource = await openPostgres({ url: 'postgres:///?service=sim' });
      expect((await runIn(dataSource)).average).toEqual(expectedAverage(42, 50));
      await dataSource.destroy();
    } finally {
      if (before === undefined) delete process.env.PGSERVICEFILE;
      else process.env.PGSERVICEFILE = before;
      rmSync(folder, { recursive: true, force: true });
    }
  });

  describe('with readings of its own of what the database answers', () => {
    const refuse = (): never => {
      throw new Error('nothing but a text is to be parsed');
    };
    /** TypeORM asks for names of its own accord. */
    const isTextual = (oid: Oid): boolean => ['25', '19'].includes(String(oid));
    const types: pg.CustomTypesConfig = {
      getTypeParser: (oid: Oid) => (isTextual(oid) ? String : refuse),
    };
    const arrayOfDoubles: unknown = 1022;
    const others = [...Object.values(pg.types.builtins), arrayOfDoubles as Oid].filter(
      (oid) => !isTextual(oid),
    );

    /** A run of doubles that need all of their digits. */
    const thirds = {
      measures: ['a', 'b'] as const,
      generate: ({ iterationId }: { readonly iterationId: number }) => ({
        a: 1 / (iterationId + 3),
        b: -1e100 / (iterationId + 7),
      }),
    };
    const asked = { repetitions: 100, seed: 2 ** 53 - 1, delayMs: 0.1, idempotencyKey: 'a key' };

    /** All that is known of a run. */
    async function seenOf(stores: Stores, id: RunId): Promise<unknown> {
      const values: unknown[] = [];
      for await (const batch of stores.values.scan(id)) values.push(batch);
      const run = await stores.runs.get(id);
      return { run, values, averages: await stores.averages.history(id) };
    }

    async function expectTheSame(dataSource: DataSource): Promise<void> {
      await useEverything(dataSource);
      const stores = typeOrmStores(dataSource);
      const orchestrator = new InProcessOrchestrator({ generator: thirds, stores });
      const { run, averages } = await orchestrator.run(asked);
      const inMemory = inMemoryStores();
      const expected = await new InProcessOrchestrator({
        generator: thirds,
        stores: inMemory,
      }).run(asked);
      expect(averages).toEqual(expected.averages);
      // A repeated key meets the run as it was asked for, and its average as it is stored.
      expect((await orchestrator.run(asked)).averages).toEqual(averages);
      await stores.averages.save(run.id, (await stores.averages.history(run.id))[0]!);
      await expect(
        stores.values.write(run.id, [
          { iterationId: IterationId.parse(0), value: 1 / 7, more: [1 / 9] },
        ]),
      ).rejects.toMatchObject({ name: 'ConflictingValueError', kept: 1 / 3, offered: 1 / 7 });
      const usual = await openPostgres({ url: database.url });
      expect(await seenOf(stores, run.id)).toEqual(await seenOf(typeOrmStores(usual), run.id));
      expect(run.startedAt.getTime()).toBeLessThanOrEqual(Date.now() + 60_000);
      await usual.destroy();
      await dataSource.destroy();
    }

    it('takes the parsers of a pool for what they are: the service’s', async () => {
      const pool = new pg.Pool({ connectionString: database.url, types });
      await expectTheSame(await openPostgres({ pool }));
      await pool.end();
    });

    it('takes parsers that hold for all of pg so too', async () => {
      const parserOf = (oid: Oid): Parser => pg.types.getTypeParser(oid, 'text') as Parser;
      const before = others.map((oid) => [oid, parserOf(oid)] as const);
      for (const oid of others) pg.types.setTypeParser(oid, refuse);
      try {
        const dataSource = new DataSource({
          type: 'postgres',
          url: database.url,
          entities: schemas,
        });
        await dataSource.initialize();
        await migrateSchema(dataSource);
        await expectTheSame(dataSource);
      } finally {
        for (const [oid, parser] of before) pg.types.setTypeParser(oid, parser);
      }
    });

    it('reads what a session writes with few digits, and times in another way', async () => {
      const settings = {
        extra_float_digits: '-10',
        DateStyle: 'German',
        TimeZone: 'Asia/Kolkata',
        bytea_output: 'escape',
      };
      const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
      const url = urlWith(`options=${encodeURIComponent(options.join(' '))}`);
      await expectTheSame(await openPostgres({ url }));
    });
  });

  describe('with a DataSource of the service’s own', () => {
    const order = new EntitySchema<{ id: number }>({
      name: 'order_item',
      columns: { id: { type: 'integer', primary: true } },
    });
    class CreateOrders1700000000000 implements MigrationInterface {
      async up(runner: QueryRunner): Promise<void> {
        await runner.query('CREATE TABLE order_item (id integer PRIMARY KEY)');
      }
      async down(runner: QueryRunner): Promise<void> {
        await runner.query('DROP TABLE order_item');
      }
    }

    it.each<[string, EntitySchema[], string | undefined, string]>([
      ['beside the service’s tables', schemas, undefined, 'public'],
      ['in the DataSource’s schema', schemas, 'app', 'app'],
      ['in a schema of their own', schemasIn('sim'), 'app', 'sim'],
    ])(
      'keeps its tables %s, and runs its migrations alone',
      async (_, entities, schema, expected) => {
        await admin.query('CREATE SCHEMA sim; CREATE SCHEMA app');
        const dataSource = new DataSource({
          type: 'postgres',
          url: database.url,
          ...(schema !== undefined && { schema }),
          entities: [order, ...entities],
          migrations: [CreateOrders1700000000000],
        });
        await dataSource.initialize();
        expect(await schemaState(dataSource)).toBe('absent');
        await migrateSchema(dataSource);
        expect(await schemaState(dataSource)).toBe('current');
        await migrateSchema(dataSource);
        await useEverything(dataSource);
        expect(await tables()).toEqual({ [expected]: 7 });
        const { rows } = await admin.query(`SELECT FROM pg_tables WHERE tablename = 'order_item'`);
        expect(rows).toEqual([]);
        await dataSource.runMigrations();
        expect(await schemaState(dataSource)).toBe('current');
        await dataSource.destroy();
      },
    );

    it('takes one of another copy of TypeORM, with entities of another copy of ours', async () => {
      let Copy = DataSource;
      let entities = schemas;
      jest.isolateModules(() => {
        ({ DataSource: Copy } = jest.requireActual<{ DataSource: typeof DataSource }>('typeorm'));
      });
      jest.isolateModules(() => {
        ({ schemas: entities } = jest.requireActual<{ schemas: typeof schemas }>(
          '../src/schema.js',
        ));
      });
      expect(Copy).not.toBe(DataSource);
      expect(entities).not.toBe(schemas);
      const dataSource = new Copy({ type: 'postgres', url: database.url, entities });
      expect(() => typeOrmStores(dataSource)).not.toThrow();
      await dataSource.initialize();
      await migrateSchema(dataSource);
      await useEverything(dataSource);
      const stores = typeOrmStores(dataSource);
      const run = await stores.runs.get((await stores.runs.list({ limit: 1 }))[0]!.id);
      // By the driver's code for a key that is there already.
      await stores.values.write(run.id, [
        { iterationId: IterationId.parse(0), value: 0, more: [1] },
      ]);
      await dataSource.destroy();
    });

    it.each<[string, () => DataSource, string]>([
      [
        'another driver',
        () => JSON.parse('{"options":{"type":"mysql"}}') as DataSource,
        'a DataSource of PostgreSQL',
      ],
      [
        'a prefix',
        () => new DataSource({ type: 'postgres', entityPrefix: 'app_', entities: schemas }),
        'without entityPrefix',
      ],
      [
        'no entities of ours',
        () => new DataSource({ type: 'postgres', entities: [order] }),
        'entities: [...schemas]',
      ],
      [
        'replicas',
        () =>
          new DataSource({
            type: 'postgres',
            replication: { master: {}, slaves: [] },
            entities: schemas,
          }),
        'without replication',
      ],
      [
        'a cache that is always on',
        () =>
          new DataSource({ type: 'postgres', cache: { alwaysEnabled: true }, entities: schemas }),
        'cache is not always enabled',
      ],
      ['no DataSource', () => JSON.parse('{}') as DataSource, 'a DataSource of TypeORM'],
    ])('refuses one with %s where it is given', (_, make, message) => {
      expect(() => typeOrmStores(make())).toThrow(
        expect.objectContaining({
          name: 'InvalidInputError',
          message: expect.stringContaining(message) as string,
        }) as Error,
      );
    });
  });

  it('refuses tables that synchronize has made', async () => {
    const dataSource = new DataSource({
      type: 'postgres',
      url: database.url,
      entities: schemas,
      synchronize: true,
    });
    await dataSource.initialize();
    await expect(migrateSchema(dataSource)).rejects.toMatchObject({
      name: 'PersistenceError',
      message: expect.stringContaining('synchronize') as string,
    });
    await dataSource.destroy();
  });

  describe('with roles of few rights', () => {
    const role = `role_${process.pid}_${Math.random().toString(36).slice(2)}`;
    beforeEach(async () => {
      await admin.query(`CREATE ROLE ${role}`);
    });
    afterEach(async () => {
      await admin.query(`DROP OWNED BY ${role}`);
      await admin.query(`DROP ROLE ${role}`);
    });

    function opened(create = false): Promise<DataSource> {
      return openPostgres({ url: urlWith(`options=-c%20role%3D${role}`), create });
    }

    it('tells what to grant to one that has none', async () => {
      await expect(opened(true)).rejects.toMatchObject({
        name: 'PersistenceError',
        retryable: false,
        message: expect.stringMatching(/GRANT CREATE ON SCHEMA/) as string,
      });
      await (await openPostgres({ url: database.url })).destroy();
      await expect(opened()).rejects.toMatchObject({
        message: expect.stringMatching(
          /GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA/,
        ) as string,
      });
      await admin.query('REVOKE USAGE ON SCHEMA public FROM PUBLIC');
      await expect(opened()).rejects.toMatchObject({
        name: expect.stringMatching(/Error$/) as string,
      });
    });

    it('lets one look that may only read, also where nothing can be written', async () => {
      const dataSource = await openPostgres({ url: database.url });
      const { run, average } = await runIn(dataSource);
      await dataSource.destroy();
      await admin.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`);
      const readOnly = urlWith('options=-c%20default_transaction_read_only%3Don');
      for (const reader of [await opened(), await openPostgres({ url: readOnly, create: false })]) {
        const stores = typeOrmStores(reader);
        expect(await stores.averages.history(run.id)).toEqual([average]);
        expect((await stores.failures.ledger(run.id)).completed).toBe(50);
        expect(await stores.values.missing(run.id)).toEqual([]);
        expect(await stores.runs.list({ limit: 1 })).toHaveLength(1);
        let count = 0;
        for await (const { values } of stores.values.scan(run.id)) count += values.length;
        for await (const batch of stores.failures.read(run.id)) count += batch.length;
        expect(count).toBe(50);
        // One that is complete answers without writing anything.
        const orchestrator = new InProcessOrchestrator({ generator: uniformInteger, stores });
        expect((await orchestrator.resume(run.id)).average).toEqual(average);
        await expect(orchestrator.run(request)).rejects.toMatchObject({ name: 'PersistenceError' });
        await reader.destroy();
      }
    });
  });
});
