import { randomUUID } from 'node:crypto';
import pg from 'pg';

/** The server's URL, or undefined where no PostgreSQL is at hand. */
const serverUrl = process.env.STEPCOMPUTE_TEST_POSTGRES_URL;

export const hasPostgres = serverUrl !== undefined;

/** `describe` where there is a real PostgreSQL, `describe.skip` where there is none. */
export const describeOnPostgres = hasPostgres ? describe : describe.skip;

export interface TestDatabase {
  readonly url: string;
  readonly drop: () => Promise<void>;
}

/** A new, empty database on the test server. */
export async function createDatabase(): Promise<TestDatabase> {
  if (serverUrl === undefined) throw new Error('there is no PostgreSQL to create a database on');
  const name = `stepcompute_test_${randomUUID().replaceAll('-', '')}`;
  await administer(`CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => administer(`DROP DATABASE ${name} WITH (FORCE)`) };
}

async function administer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
