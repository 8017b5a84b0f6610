import { InvalidInputError, PersistenceError } from '@stepcompute/core';
import { refuseUnknown, type FieldNames } from '@stepcompute/core/adapters';
import pg from 'pg';
import { DataSource } from 'typeorm';
import {
  migrateSchema,
  migrationOptions,
  newerSchemaError,
  schemaState,
} from './migrate-schema.js';
import { persistenceError } from './persistence-error.js';
import { schemas } from './schema.js';

export interface OpenPostgresOptions {
  /** `postgres://user:password@host:port/database`, with the parameters that node-postgres knows. */
  readonly url: string;
  /** Creates the schema in a database that has none. Default: true. */
  readonly create?: boolean | undefined;
  /** Brings an older schema up to date instead of refusing it. Default: false. */
  readonly migrate?: boolean | undefined;
  /** The most connections held at a time. Default: 10. */
  readonly poolSize?: number | undefined;
}

const optionFields: FieldNames<OpenPostgresOptions> = {
  url: true,
  create: true,
  migrate: true,
  poolSize: true,
};

/**
 * Opens a PostgreSQL database and sees to its schema. `destroy()` closes it.
 * @throws InvalidInputError when the URL is not one
 * @throws PersistenceError when the server can't be reached or refuses, or the schema is not
 *   there, older or newer
 * @example
 * const dataSource = await openPostgres({ url: process.env.DATABASE_URL! });
 */
export async function openPostgres(options: OpenPostgresOptions): Promise<DataSource> {
  refuseUnknown(options, 'options', optionFields);
  const { url, create = true, migrate = false, poolSize = 10 } = options;
  if (!/^postgres(ql)?:\/\//i.test(url)) {
    // The text itself may hold a password.
    throw new InvalidInputError(
      'database url',
      'postgres://user:password@host:port/database',
      'another text',
    );
  }
  const dataSource = new DataSource({
    type: 'postgres',
    driver: { ...pg, Pool: GuardedPool },
    url,
    applicationName: 'stepcompute',
    connectTimeoutMS: 10_000,
    poolSize,
    installExtensions: false,
    // An idle connection that breaks is replaced; a statement that breaks reports it itself.
    poolErrorHandler: () => undefined,
    entities: schemas,
    ...migrationOptions,
  });
  try {
    await dataSource.initialize();
  } catch (error) {
    throw persistenceError(error, `cannot open ${withoutSecrets(url)}`);
  }
  try {
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
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
  return dataSource;
}

/**
 * Node ends a process whose event emitter has an error that nobody listens to. A server that goes away
 * just when a connection is handed out finds nobody listening yet; whoever uses it is told all the same.
 */
class GuardedPool extends pg.Pool {
  constructor(options: pg.PoolConfig) {
    super({ ...options, Client: LightClient });
    this.on('connect', (client) => client.on('error', () => undefined));
  }
}

/**
 * Queries that node-postgres answers by promises of its own outlive young collections, with their
 * parameters, so a long run would pile up its batches until the next full one. Those with callbacks don't.
 */
class LightClient extends pg.Client {
  override query(...args: unknown[]): never {
    const query = super.query.bind(this) as (...args: unknown[]) => unknown;
    const [text, values] = args;
    const isPlain = typeof text === 'string' && (values === undefined || Array.isArray(values));
    if (!isPlain || args.length > 2) return query(...args) as never;
    return new Promise((resolve, reject) => {
      query(text, values ?? [], (error: Error | null, result: unknown) => {
        if (error === null) resolve(result);
        else reject(error);
      });
    }) as never;
  }
}

/** Everything but scheme, host, port and path may hold a secret; a password may hold any character. */
function withoutSecrets(url: string): string {
  return url.replace(/^([a-z]+:\/\/)(?:.*@)?/is, '$1').replace(/\?.*$/s, '');
}
