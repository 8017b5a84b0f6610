import type { Socket } from 'node:net';
import { InvalidInputError } from '@stepcompute/core';
import pg from 'pg';
import { patientMark } from '../patiently.js';
import { parsePort, type ConnectionParts, type ParameterName } from './connection-string.js';
import { readService } from './service-file.js';
import { encryptionsOf } from './tls.js';

/** Where libpq looks for what a URL leaves out. Source: PostgreSQL 18, "34.15. Environment Variables". */
const variables: Readonly<Partial<Record<ParameterName, string>>> = {
  host: 'PGHOST',
  port: 'PGPORT',
  dbname: 'PGDATABASE',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  service: 'PGSERVICE',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  application_name: 'PGAPPNAME',
  options: 'PGOPTIONS',
  connect_timeout: 'PGCONNECT_TIMEOUT',
};

/** The parts with those of the service that they name, then of the environment. */
export function completed(
  given: ConnectionParts,
  environment: NodeJS.ProcessEnv = process.env,
): ConnectionParts {
  const parts: Partial<Record<ParameterName, string>> = { ...given };
  if (parts.ssl !== undefined && parts.sslmode !== undefined) {
    throw new InvalidInputError(
      'ssl',
      'left out where there is sslmode, which says more',
      parts.ssl,
    );
  }
  const service = parts.service ?? environment.PGSERVICE;
  const ofService = service ? readService(service, environment) : new Map<string, string>();
  for (const [name, variable] of Object.entries(variables) as [ParameterName, string][]) {
    const found = ofService.get(name) ?? environment[variable];
    // A URL's own `ssl` says the same as a mode.
    if (!found || (name === 'sslmode' && given.ssl !== undefined)) continue;
    parts[name] ??= found;
  }
  const schema = parts.schema ?? ofService.get('schema');
  if (schema !== undefined) parts.schema = schema;
  if (parts.host?.includes(',') === true) {
    throw new InvalidInputError('host', 'one host', 'several');
  }
  return parts;
}

/**
 * The settings of a pool for these parts: two, where the second is for a server that does not take the first.
 * @throws InvalidInputError
 */
export function poolSettingsOf(parts: ConnectionParts): readonly pg.PoolConfig[] {
  const { host, port, dbname, user, password, options, application_name, connect_timeout } = parts;
  // A socket is of this machine.
  const encryptions = host?.startsWith('/') === true ? [false] : encryptionsOf(parts);
  const settings: pg.PoolConfig = {
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port: Number(parsePort(port)) }),
    ...(dbname !== undefined && { database: dbname }),
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(options !== undefined && { options }),
    ...(application_name !== undefined && { application_name }),
    ...(connect_timeout !== undefined && { connectionTimeoutMillis: secondsOf(connect_timeout) }),
  };
  return encryptions.flatMap((ssl) => (ssl === undefined ? [] : [{ ...settings, ssl }]));
}

function secondsOf(text: string): number {
  if (/^\d{1,6}$/.test(text)) return 1000 * Number(text);
  throw new InvalidInputError('connect_timeout', 'a number of seconds', 'another text');
}

/**
 * Node ends a process whose event emitter has an error that nobody listens to. A server that goes away
 * just when a connection is handed out finds nobody listening yet; whoever uses it is told all the same.
 */
class GuardedPool extends pg.Pool {
  readonly #clients: ReadonlySet<pg.Client>;
  readonly #closeTimeoutMs: number;

  constructor(settings: PoolSettings) {
    const { Client = LightClient } = settings as { readonly Client?: typeof pg.Client };
    const clients = new Set<pg.Client>();
    super({ ...settings, Client: keptIn(clients, Client) });
    this.#clients = clients;
    this.#closeTimeoutMs = settings.closeTimeoutMs ?? 3000;
    this.on('connect', (client) => client.on('error', () => undefined));
    // An idle connection that breaks is replaced; a statement that breaks reports it itself.
    this.on('error', () => undefined);
  }

  /** Ends it, with all connections. A server that does not answer is waited for so long, also by those being made. */
  async close(): Promise<void> {
    const cut = (): void => {
      for (const client of this.#clients) socketOf(client).destroy();
    };
    // Connections outlast the pool's own end; the process lasts as long as they do, not as the timer.
    setTimeout(cut, this.#closeTimeoutMs).unref();
    await this.end();
  }
}

/** The class with its instances kept in the set until they have ended. */
function keptIn(clients: Set<pg.Client>, Client: typeof pg.Client): typeof pg.Client {
  return class extends Client {
    constructor(settings?: pg.ClientConfig) {
      super(settings);
      clients.add(this);
      this.once('end', () => clients.delete(this));
    }
  };
}

function socketOf(client: pg.Client): Socket {
  return (client as unknown as { readonly connection: { readonly stream: Socket } }).connection
    .stream;
}

/** A connection on which a statement got no answer. */
class SilentServerError extends Error {
  readonly code = 'ETIMEDOUT';

  constructor(ms: number) {
    super(`the server has not answered within ${ms / 1000} s`);
  }
}

/**
 * Ends the connection when a statement gets no answer in time: its server, or what is between, has fallen
 * silent. It may be done all the same; every statement of ours may be sent again.
 *
 * Queries that node-postgres answers by promises of its own outlive young collections, with their
 * parameters, so a long run would pile up its batches until the next full one. Those with callbacks don't.
 */
class LightClient extends pg.Client {
  readonly #statementTimeoutMs: number;

  constructor(settings: PoolSettings = {}) {
    super(settings);
    this.#statementTimeoutMs = settings.statementTimeoutMs ?? 0;
  }

  override query(...args: unknown[]): never {
    const query = super.query.bind(this) as (...args: unknown[]) => unknown;
    const [text, values] = args;
    const isPlain = typeof text === 'string' && (values === undefined || Array.isArray(values));
    if (!isPlain || args.length > 2) return query(...args) as never;
    const limit = text.startsWith(patientMark) ? 0 : this.#statementTimeoutMs;
    return new Promise((resolve, reject) => {
      const silent = (): void => {
        reject(new SilentServerError(limit));
        socketOf(this).destroy();
      };
      const timer = limit === 0 ? undefined : setTimeout(silent, limit);
      query(text, values ?? [], (error: Error | null, result: unknown) => {
        clearTimeout(timer);
        if (error === null) resolve(result);
        else reject(error);
      });
    }) as never;
  }
}

export interface PoolSettings extends pg.PoolConfig {
  /** Default: no limit. */
  readonly statementTimeoutMs?: number | undefined;
  /** How long connections may take to end. Default: 3,000. */
  readonly closeTimeoutMs?: number | undefined;
}

/** A pool, ours or a caller's. */
export interface HeldPool {
  readonly pool: pg.Pool;
  /** For a caller's own pool nothing. */
  readonly end: () => Promise<void>;
  readonly isOwn: boolean;
}

/**
 * A caller's own pool, which stays his, or a new one of these settings.
 * @throws InvalidInputError when it is neither, or was ended
 */
export function heldPool(
  given: pg.Pool | pg.PoolConfig,
  defaults: PoolSettings,
  overriding: PoolSettings = {},
): HeldPool {
  if (typeof given !== 'object' || (given as unknown) === null) {
    throw new InvalidInputError('pool', 'a pool of pg, or the settings of one', given);
  }
  if ('connect' in given && typeof given.connect === 'function') {
    const pool = given;
    if (pool.ended || pool.ending) {
      throw new InvalidInputError('pool', 'one that has not been ended', 'one that has been ended');
    }
    return { pool, end: () => Promise.resolve(), isOwn: false };
  }
  const pool = new GuardedPool({ ...defaults, ...(given as pg.PoolConfig), ...overriding });
  return { pool, end: () => pool.close(), isOwn: true };
}

/** The `Pool` that TypeORM makes one of: the one that there is. */
export function poolClassOf({ pool, end, isOwn }: HeldPool): new () => pg.Pool {
  const held: pg.Pool = new Proxy(pool, {
    get(target, name) {
      if (name === 'end') return ending;
      // A listener to its errors is the caller's to add.
      if (name === 'on' && !isOwn) return () => held;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const ending = (callback?: (error?: Error) => void): Promise<void> => {
    const ended = end();
    if (callback !== undefined) ended.then(() => callback(), callback);
    return ended;
  };
  // A function that TypeORM calls with `new`, and that answers with the pool.
  function Pool(): pg.Pool {
    return held;
  }
  return Pool as unknown as new () => pg.Pool;
}
