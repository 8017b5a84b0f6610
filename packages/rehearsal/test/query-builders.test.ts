import { RDSData } from '@aws-sdk/client-rds-data';
import { asc, count, eq, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/aws-data-api/pg';
import {
  bigint,
  boolean,
  date,
  doublePrecision,
  inet,
  integer,
  jsonb,
  numeric,
  pgEnum,
  pgTable,
  serial,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core';
import type { FastifyInstance } from 'fastify';
import { Kysely, sql as kyselySql, type Generated } from 'kysely';
import { DataApiDialect } from 'kysely-data-api';
import { createServer } from '../src/http-server.js';
import { openEngine, type Engine } from '../src/postgres/engine.js';
import { RdsDataService } from '../src/rds-data/rds-data-service.js';
import { clientConfig } from './execute.js';
import './service-models.js';

const resourceArn = 'arn:aws:rds:us-east-1:123456789012:cluster:c';
const secretArn = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:s';
const database = 'd';

let engine: Engine;
let service: RdsDataService;
let server: FastifyInstance;
let client: RDSData;

beforeAll(async () => {
  engine = await openEngine('memory');
  service = new RdsDataService({ clusters: [{ resourceArn, secretArn, database, engine }] });
  server = createServer();
  service.register(server);
  const endpoint = await server.listen({ host: '127.0.0.1', port: 0 });
  client = new RDSData({ ...clientConfig, endpoint });
});
afterAll(async () => {
  client.destroy();
  await server.close();
  await service.close();
  await engine.close();
});

const someUuid = '6f2c4b1e-9f5b-4b5e-8a39-0f6f7c1d2e3f';

describe('Drizzle over the Data API', () => {
  const mood = pgEnum('mood', ['calm', 'wild']);
  const runs = pgTable('runs', {
    id: serial().primaryKey(),
    name: text().notNull(),
    repetitions: integer().notNull(),
    seed: bigint({ mode: 'number' }),
    mean: doublePrecision(),
    price: numeric(),
    isDone: boolean().default(false),
    parameters: jsonb(),
    key: uuid(),
    day: date(),
    startedAt: timestamp(),
    mood: mood(),
    tags: text().array(),
    counts: integer().array(),
    address: inet(),
  });
  const row = {
    name: 'first',
    repetitions: 3,
    seed: Number.MAX_SAFE_INTEGER,
    mean: 0.1,
    price: '12.50',
    isDone: true,
    parameters: { strike: [1, 2] },
    key: someUuid,
    day: '2026-11-24',
    startedAt: new Date('2026-11-24T05:06:07.123Z'),
  };
  const open = () => drizzle({ client, database, resourceArn, secretArn });
  const named = async (name: string): Promise<number | undefined> => {
    const [row] = await open().select({ rows: count() }).from(runs).where(eq(runs.name, name));
    return row?.rows;
  };

  beforeAll(async () => {
    const db = open();
    await db.execute(sql`CREATE TYPE mood AS ENUM ('calm', 'wild')`);
    await db.execute(sql`CREATE TABLE runs (
      id serial PRIMARY KEY, name text NOT NULL, repetitions integer NOT NULL, seed bigint,
      mean double precision, price numeric, "isDone" boolean DEFAULT false, parameters jsonb, key uuid,
      day date, "startedAt" timestamp, mood mood, tags text[], counts integer[], address inet)`);
  });

  it('writes rows and reads them back as they were', async () => {
    const db = open();
    const [written] = await db.insert(runs).values(row).returning();
    expect(written).toMatchObject({ id: 1, ...row, mood: null });
    await db.execute(sql`UPDATE runs SET mood = 'wild', tags = ARRAY['a', 'b'], counts = ARRAY[1, 2],
      address = '10.1.2.3' WHERE id = ${1}`);
    expect(await db.select().from(runs).where(eq(runs.key, someUuid))).toEqual([
      { id: 1, ...row, mood: 'wild', tags: ['a', 'b'], counts: [1, 2], address: '10.1.2.3' },
    ]);
  });

  it('has parameters in every clause', async () => {
    const db = open();
    const many = Array.from({ length: 12 }, (_, index) => ({ name: 'many', repetitions: index }));
    await db.insert(runs).values(many);
    const found = await db
      .select({ repetitions: runs.repetitions, sum: sql<number>`${runs.repetitions} + ${1}::int` })
      .from(runs)
      .where(eq(runs.name, 'many'))
      .orderBy(asc(runs.repetitions))
      .limit(2)
      .offset(9);
    expect(found).toEqual([
      { repetitions: 9, sum: 10 },
      { repetitions: 10, sum: 11 },
    ]);
    await db.update(runs).set({ mean: 0.25 }).where(eq(runs.repetitions, 11));
    await db.delete(runs).where(eq(runs.name, 'many'));
    expect(await named('many')).toBe(0);
  });

  it('takes transactions back, and commits them', async () => {
    const db = open();
    const insert = { name: 'within', repetitions: 1 };
    await expect(
      db.transaction(async (transaction) => {
        await transaction.insert(runs).values(insert);
        throw new Error('no more');
      }),
    ).rejects.toThrow('no more');
    await db.transaction(async (transaction) => {
      await transaction.insert(runs).values(insert);
      await expect(
        transaction.transaction(async (nested) => {
          await nested.insert(runs).values(insert);
          await nested.execute(sql`SELECT 1 / 0`);
        }),
      ).rejects.toThrow();
    });
    expect(await named('within')).toBe(1);
    expect(service.openTransactions).toBe(0);
  });
});

describe('Kysely over the Data API', () => {
  interface Schema {
    readonly trials: {
      readonly id: Generated<number>;
      readonly name: string;
      readonly value: number | null;
      readonly tags: Generated<string[]>;
    };
  }
  let db: Kysely<Schema>;

  beforeAll(async () => {
    const driver = { client, database, resourceArn, secretArn };
    db = new Kysely({ dialect: new DataApiDialect({ mode: 'postgres', driver }) });
    await db.schema
      .createTable('trials')
      .addColumn('id', 'serial', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('value', 'double precision')
      .addColumn('tags', kyselySql`text[]`, (column) => column.defaultTo(kyselySql`ARRAY['new']`))
      .execute();
  });

  it('writes, reads, changes and deletes', async () => {
    const values = Array.from({ length: 12 }, (_, index) => ({
      name: `n${index}`,
      value: index / 8,
    }));
    const written = await db
      .insertInto('trials')
      .values(values)
      .returning(['id', 'tags'])
      .execute();
    expect(written).toHaveLength(12);
    expect(written[11]).toEqual({ id: 12, tags: ['new'] });
    const found = await db
      .selectFrom('trials')
      .selectAll()
      .where('name', 'in', ['n1', 'n10', 'n11'])
      .where('value', '>', 0.5)
      .orderBy('id')
      .limit(1)
      .execute();
    expect(found).toEqual([{ id: 11, name: 'n10', value: 1.25, tags: ['new'] }]);
    await db.updateTable('trials').set({ value: 7.5 }).where('name', '=', 'n1').execute();
    await db.deleteFrom('trials').where('value', '<', 7).execute();
    const left = await db.selectFrom('trials').select(['name', 'value']).execute();
    expect(left).toEqual([{ name: 'n1', value: 7.5 }]);
  });

  it('takes transactions back, and commits them', async () => {
    const insert = (within: Kysely<Schema>, name: string) =>
      within.insertInto('trials').values({ name }).execute();
    await expect(
      db.transaction().execute(async (transaction) => {
        await insert(transaction, 'undone');
        throw new Error('no more');
      }),
    ).rejects.toThrow('no more');
    await db.transaction().execute((transaction) => insert(transaction, 'kept'));
    const names = await db.selectFrom('trials').select('name').where('name', '!=', 'n1').execute();
    expect(names).toEqual([{ name: 'kept' }]);
  });
});
