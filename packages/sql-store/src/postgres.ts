import { InvalidInputError, PersistenceError } from '@stepcompute/core';
import { parseInteger, refuseUnknown, type FieldNames } from '@stepcompute/core/adapters';
import pg from 'pg';
import { DataSource } from 'typeorm';
import {
  migrateSchema,
  migrationOptions,
  newerSchemaError,
  schemaState,
} from './migrate-schema.js';
import { warnOfUntested } from './peers.js';
import { codeOf, isOfEncryption, persistenceError } from './persistence-error.js';
import { schemas } from './schema.js';
import { parseConnectionString, type ConnectionParts } from './server/connection-string.js';
import {
  completed,
  heldPool,
  poolClassOf,
  poolSettingsOf,
  type HeldPool,
  type PoolSettings,
} from './server/pool.js';

export interface OpenPostgresOptions {
  /**
   * `postgres://user:password@host:port/database?sslmode=verify-full`, percent-encoded. Its parameters are
   * libpq's; what it leaves out comes from libpq's service file and environment. `?schema=` is {@link schema}.
   */
  readonly url?: string | undefined;
  /**
   * In place of a URL: a pool of your own, which `destroy()` does not end, or the settings of one as pg has them:
   * a `password` that is a function, for tokens that expire, an `ssl` object.
   */
  readonly pool?: pg.Pool | pg.PoolConfig | undefined;
  /**
   * The schema that the tables are in, which must be there; they are looked for nowhere else.
   * Default: the connection's current schema, `public` in most databases.
   */
  readonly schema?: string | undefined;
  /** Creates the tables in a schema that has none. Default: true. */
  readonly create?: boolean | undefined;
  /** Brings older tables up to date instead of refusing them. Default: false. */
  readonly migrate?: boolean | undefined;
  /**
   * False to leave the tables alone, also where they are not there: who is about to migrate them looks himself.
   * @default true
   */
  readonly check?: boolean | undefined;
  /** The most connections held at a time; a pool of your own says for itself. Default: 10. */
  readonly poolSize?: number | undefined;
  /**
   * How long a statement may go without an answer, in milliseconds, before its connection is given up and it is
   * sent again; 0 for no limit. A pool of your own says for itself (`query_timeout`). Default: 20,000.
   */
  readonly statementTimeoutMs?: number | undefined;
  /** How long a connection may take to be made, in milliseconds. Default: the URL's `connect_timeout`, or 10,000. */
  readonly connectTimeoutMs?: number | undefined;
}

const optionFields: FieldNames<OpenPostgresOptions> = {
  url: true,
  pool: true,
  schema: true,
  create: true,
  migrate: true,
  check: true,
  poolSize: true,
  statementTimeoutMs: true,
  connectTimeoutMs: true,
};

/**
 * Opens a PostgreSQL database and sees to its schema. `destroy()` closes it.
 * @throws InvalidInputError when the URL or another option is not valid, or there is no such schema
 * @throws PersistenceError when the server can't be reached or refuses, or the tables are not
 *   there, older or newer
 * @example
 * const dataSource = await openPostgres({ url: process.env.DATABASE_URL! });
 * @example
 * const dataSource = await openPostgres({ pool: myPool, schema: 'sim' });
 */
export async function openPostgres(options: OpenPostgresOptions): Promise<DataSource> {
  refuseUnknown(options, 'options', optionFields);
  warnOfUntested('pg');
  const { url, pool, create = true, migrate = false, check = true, poolSize = 10 } = options;
  const { statementTimeoutMs = 20_000, connectTimeoutMs } = options;
  if ((url === undefined) === (pool === undefined)) {
    throw new InvalidInputError('options', 'an object with a url or a pool, not both', options);
  }
  const given = url === undefined ? {} : parseConnectionString(url);
  const parts = url === undefined ? {} : completed(given);
  const defaults: PoolSettings = {
    application_name: 'stepcompute',
    connectionTimeoutMillis: 10_000,
    statementTimeoutMs: parseInteger(statementTimeoutMs, 'statement timeout', 0, longestMs),
    keepAlive: true,
    max: parseInteger(poolSize, 'pool size', 1, 10_000),
  };
  const ways = pool === undefined ? poolSettingsOf(parts) : [pool];
  const overriding: PoolSettings =
    connectTimeoutMs === undefined
      ? {}
      : {
          connectionTimeoutMillis: parseInteger(connectTimeoutMs, 'connect timeout', 1, longestMs),
        };
  if (
    options.schema !== undefined &&
    parts.schema !== undefined &&
    options.schema !== parts.schema
  ) {
    throw new InvalidInputError('schema', `that of the url, ${parts.schema}`, options.schema);
  }
  const schema = parseSchema(options.schema ?? parts.schema);
  for (const [index, way] of ways.entries()) {
    const held = heldPool(way, defaults, overriding);
    try {
      return await openPool(held, schema, check && { create, migrate });
    } catch (error) {
      if (index + 1 < ways.length && isOfEncryption(error)) continue;
      throw openingError(error, url, given);
    }
  }
  throw new Error('there is always a way to try');
}

/**
 * Opens the database of a pool, which is ended where that fails.
 * @param tables how to see to them; false to leave them alone
 */
export async function openPool(
  held: HeldPool,
  schema: string | undefined,
  tables: false | { readonly create: boolean; readonly migrate: boolean },
): Promise<DataSource> {
  let dataSource: DataSource | undefined;
  try {
    dataSource = dataSourceOver(held, await schemaIn(held.pool, schema));
    await dataSource.initialize();
    if (tables !== false) await seeToTables(dataSource, tables);
    return dataSource;
  } catch (error) {
    await close(dataSource, held);
    throw error;
  }
}

function dataSourceOver(held: HeldPool, schema: string): DataSource {
  return new DataSource({
    type: 'postgres',
    driver: { ...pg, Pool: poolClassOf(held) },
    schema,
    installExtensions: false,
    poolErrorHandler: () => undefined,
    entities: schemas,
    ...migrationOptions,
  });
}

/** The longest that one of Node's timers can run. */
const longestMs = 2 ** 31 - 1;

/** The first error is the one that counts. */
async function close(dataSource: DataSource | undefined, held: HeldPool): Promise<void> {
  const isOpen = dataSource?.isInitialized === true;
  await (isOpen ? dataSource.destroy() : held.end()).catch(() => undefined);
}

async function seeToTables(
  dataSource: DataSource,
  { create, migrate }: { readonly create: boolean; readonly migrate: boolean },
): Promise<void> {
  const state = await schemaState(dataSource);
  if (state === 'newer') throw newerSchemaError();
  if (state === 'older' && !migrate) {
    throw new PersistenceError(
      'the database’s schema is older than this version of StepCompute: bring it up to date ' +
        'with `stepcompute migrate` when no older version works on it any more',
      { retryable: false },
    );
  }
  if (state === 'absent' && !create) {
    throw new PersistenceError(
      'the database holds no runs of StepCompute: its first run, or `stepcompute migrate`, creates the tables',
      { retryable: false },
    );
  }
  if (state !== 'current') await migrateSchema(dataSource);
}

/** The name as it is, in quotes where a statement has it. */
function parseSchema(name: unknown): string | undefined {
  if (name === undefined) return undefined;
  // A dot and a quote TypeORM would take for its own.
  if (typeof name === 'string' && /^[^".\0]{1,63}$/.test(name)) return name;
  throw new InvalidInputError('schema', 'a name of 1 to 63 characters without . and "', name);
}

/**
 * The schema that is asked for, or the connection's own.
 * @throws InvalidInputError when there is no such schema
 */
async function schemaIn(pool: pg.Pool, asked: string | undefined): Promise<string> {
  const { rows } = await pool.query<{ current: string | null; found: string | null }>(
    `SELECT current_schema()::text AS current,
       (SELECT nspname::text FROM pg_catalog.pg_namespace WHERE nspname = $1) AS found`,
    [asked ?? ''],
  );
  const { current = null, found = null } = rows[0] ?? {};
  if (asked !== undefined) {
    if (found !== null) return asked;
    throw new InvalidInputError(
      'schema',
      'one that the database has: CREATE SCHEMA makes it',
      asked,
    );
  }
  if (current !== null) return current;
  throw new InvalidInputError(
    'schema',
    'given, since none of the connection’s search_path is there',
    undefined,
  );
}

/**
 * Where a URL has neither a password nor a host of this machine, its host and its port may be the rest of a
 * password that was mistyped: then nothing of them is told, nor the driver's words, which repeat them.
 */
function openingError(cause: unknown, url: string | undefined, given: ConnectionParts): Error {
  const { host, port, dbname, password } = given;
  if (url === undefined) return persistenceError(cause, 'cannot open the database');
  if (password === undefined && !isLocal(host)) {
    const error = persistenceError(cause);
    if (!(error instanceof PersistenceError) || error.cause === undefined) return error;
    const code = codeOf(cause) ?? 'for a reason that may repeat a part of its URL';
    const { retryable } = error;
    return new PersistenceError(`cannot open the database: ${code}`, { retryable });
  }
  const place = host?.includes(':') === true ? `[${host}]` : (host ?? 'localhost');
  const server = `${place}${port === undefined ? '' : `:${port}`}`;
  return persistenceError(cause, `cannot open postgres://${server}/${dbname ?? ''}`);
}

function isLocal(host: string | undefined): boolean {
  return host === undefined || host === 'localhost' || host.startsWith('/') || host === '127.0.0.1';
}
