import { once } from 'node:events';
import type { Socket } from 'node:net';
import { PGlite, types } from '@electric-sql/pglite';
import pg, { type PoolClient } from 'pg';
import { MessageReader, encode, ready } from './protocol.js';

/** A statement's outcome, with every value as PostgreSQL's own text. */
export interface StatementResult {
  readonly columns: readonly { readonly name: string; readonly typeOid: number }[];
  readonly rows: readonly (readonly (string | null)[])[];
  /** How many rows it changed; 0 for one that answers with rows. */
  readonly changed: number;
  /** PostgreSQL's tag of what it did, without the count. */
  readonly command: string | undefined;
}

/** One session of the database, for its holder alone until it is released. */
export interface EngineSession {
  /** Runs one statement, by the protocol that takes no more than one. */
  readonly query: (sql: string, parameters: readonly (string | null)[]) => Promise<StatementResult>;
  /** @param broken whether its state is unknown, so that nobody else may have it */
  readonly release: (broken?: boolean) => void;
}

/** A PostgreSQL, behind the Data API or at an endpoint. */
export interface Engine {
  readonly lease: () => Promise<EngineSession>;
  /**
   * Serves one connection of PostgreSQL's protocol to its end.
   * @param client authenticated, and told so
   * @param parameters of its start
   */
  readonly serve: (client: Socket, parameters: Readonly<Record<string, string>>) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** The longest that a statement may run, as AWS has it. */
export const statementTimeoutMs = 45_000;

/**
 * @param location `memory`, a PostgreSQL URL, or a folder for an embedded one
 * @param timeoutMs how long a statement may run; the embedded one stops none
 */
export async function openEngine(
  location: string,
  timeoutMs = statementTimeoutMs,
): Promise<Engine> {
  if (/^postgres(ql)?:\/\//i.test(location)) return openServer(location, timeoutMs);
  const pglite = location === 'memory' ? new PGlite() : new PGlite(location);
  await pglite.waitReady;
  return new PgliteEngine(pglite);
}

/**
 * The one session of an embedded PostgreSQL, handed from one caller to the next. PGlite's own server,
 * pglite-socket, wants one exact version of PGlite, and knows nothing of the Data API's turns.
 */
class PgliteEngine implements Engine {
  #lastRelease: Promise<void> = Promise.resolve();

  constructor(private readonly pglite: PGlite) {}

  async lease(): Promise<EngineSession> {
    const previous = this.#lastRelease;
    let release!: () => void;
    this.#lastRelease = new Promise((resolve) => {
      release = resolve;
    });
    await previous;
    return { query: (sql, parameters) => this.#query(sql, parameters), release: () => release() };
  }

  async serve(client: Socket, parameters: Readonly<Record<string, string>>): Promise<void> {
    const { rows } = await this.pglite.query<{ version: string }>(
      "SELECT current_setting('server_version') AS version",
    );
    client.write(greeting({ ...reported, server_version: rows[0]?.version ?? '' }));
    const reader = new MessageReader();
    const settings = settingsOf(parameters);
    let batch: Buffer[] = [];
    let release: (() => void) | undefined;
    try {
      for await (const bytes of client as AsyncIterable<Buffer>) {
        reader.push(bytes);
        for (let message = reader.message(); message !== undefined; message = reader.message()) {
          const type = message.toString('latin1', 0, 1);
          if (type === 'X') return void client.end();
          batch.push(message);
          if (!answered.includes(type)) continue;
          release ??= await this.#take(settings);
          const answer = Buffer.from(await this.pglite.execProtocolRaw(Buffer.concat(batch)));
          batch = [];
          client.write(answer);
          // Until the end of its transaction the one session is this connection's.
          if (!answer.subarray(-ready.length).equals(ready)) continue;
          release();
          release = undefined;
        }
      }
    } catch (error) {
      // Whoever hangs up in a transaction has not committed it.
      if (!client.destroyed) throw error;
    } finally {
      if (release !== undefined) {
        await this.pglite.exec('ROLLBACK').catch(() => undefined);
        release();
      }
    }
  }

  async close(): Promise<void> {
    await this.pglite.close();
  }

  async #take(settings: readonly (readonly [string, string])[]): Promise<() => void> {
    const { query, release } = await this.lease();
    for (const setting of settings) await query('SELECT set_config($1, $2, false)', [...setting]);
    return release;
  }

  async #query(sql: string, parameters: readonly (string | null)[]): Promise<StatementResult> {
    const parsers = asText([...Object.keys(this.pglite.parsers), ...Object.values(types)]);
    const { rows, fields, affectedRows, command } = await this.pglite.query<(string | null)[]>(
      sql,
      [...parameters],
      { rowMode: 'array', parsers, serializers: asText(Object.values(types)) },
    );
    return {
      columns: fields.map(({ name, dataTypeID }) => ({ name, typeOid: dataTypeID })),
      rows,
      changed: fields.length > 0 ? 0 : (affectedRows ?? 0),
      command,
    };
  }
}

/** Leaves the values of every type that PGlite would convert as the text that they are. */
const asText = (oids: readonly unknown[]): Record<string, (text: string) => string> =>
  Object.fromEntries(oids.map((oid) => [String(oid), (text: string) => text]));

/** The messages that a client waits for an answer after. */
const answered = ['Q', 'S', 'H', 'c', 'f'];

/** The settings that a server tells of, and drivers read. */
const reported = {
  client_encoding: 'UTF8',
  DateStyle: 'ISO, MDY',
  integer_datetimes: 'on',
  standard_conforming_strings: 'on',
  TimeZone: 'UTC',
};

function greeting(statuses: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat([
    ...Object.entries(statuses).map(([name, value]) => encode('S', name, value)),
    // A key to cancel statements with, which nobody can here.
    encode('K', 0, 0),
    ready,
  ]);
}

/** The settings that a client begins with: each parameter of its start, and those among its options. */
function settingsOf(
  parameters: Readonly<Record<string, string>>,
): readonly (readonly [string, string])[] {
  const { user, database, options = '', client_encoding: encoding, ...settings } = parameters;
  const further = [...options.matchAll(/-c\s*([\w.]+)=((?:\\.|\S)*)/g)].map(
    ([, name = '', value = '']) => [name, value.replace(/\\(.)/g, '$1')] as const,
  );
  return [...Object.entries(settings), ...further];
}

/** Hands a client over to a session of a server, of which it is then the only one to know. */
async function relay(
  url: string,
  client: Socket,
  parameters: Readonly<Record<string, string>>,
): Promise<void> {
  const options = settingsOf(parameters)
    .map(([name, value]) => `-c ${name}=${value.replace(/[\\\s]/g, '\\$&')}`)
    .join(' ');
  const session = new pg.Client({ connectionString: url, options });
  const { connection } = session as unknown as {
    readonly connection: NodeJS.EventEmitter & { readonly stream: Socket };
  };
  const statuses: Record<string, string> = {};
  connection.on('parameterStatus', (status: { parameterName: string; parameterValue: string }) => {
    statuses[status.parameterName] = status.parameterValue;
  });
  session.on('error', () => undefined);
  await session.connect();
  const { stream } = connection;
  stream.removeAllListeners('data');
  client.write(greeting(statuses));
  client.pipe(stream).pipe(client);
  client.once('close', () => stream.destroy());
  if (client.destroyed) stream.destroy();
  if (!stream.closed) await once(stream, 'close');
  client.destroy();
}

function openServer(url: string, timeoutMs: number): Engine {
  const pool = new pg.Pool({
    connectionString: url,
    max: 50,
    statement_timeout: timeoutMs,
    options: '-c TimeZone=UTC',
  });
  pool.on('error', () => undefined);
  return {
    lease: async () => serverSession(await pool.connect()),
    serve: (client, parameters) => relay(url, client, parameters),
    close: () => pool.end(),
  };
}

function serverSession(client: PoolClient): EngineSession {
  return {
    query: async (text, values) => {
      const { rows, fields, rowCount, command } = await client.query<(string | null)[]>({
        text,
        values: [...values],
        rowMode: 'array',
        queryMode: 'extended',
        types: { getTypeParser: () => (value: unknown) => value },
      } as never);
      return {
        columns: fields.map(({ name, dataTypeID }) => ({ name, typeOid: dataTypeID })),
        rows,
        changed: fields.length > 0 ? 0 : (rowCount ?? 0),
        command,
      };
    },
    release: (broken) => client.release(broken),
  };
}
