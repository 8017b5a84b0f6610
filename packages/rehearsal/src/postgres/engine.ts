import { once } from 'node:events';
import type { Socket } from 'node:net';
import { inFolder, inMemory } from '@stepcompute/embedded-postgres';
import { greeting, settingsOf } from '@stepcompute/embedded-postgres/protocol';
import pg, { type ClientConfig, type PoolClient } from 'pg';

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
  if (/^postgres(ql)?:\/\//i.test(location)) {
    const server = { connectionString: location };
    return engineOver(server, { ...server, statement_timeout: timeoutMs });
  }
  const { settings, close } = await (location === 'memory' ? inMemory() : inFolder(location));
  const engine = engineOver(settings, settings);
  return { ...engine, close: () => engine.close().then(close) };
}

/** Hands a client over to a session of a server, of which it is then the only one to know. */
async function relay(
  server: ClientConfig,
  client: Socket,
  parameters: Readonly<Record<string, string>>,
): Promise<void> {
  const options = settingsOf(parameters)
    .map(([name, value]) => `-c ${name}=${value.replace(/[\\\s]/g, '\\$&')}`)
    .join(' ');
  const session = new pg.Client({ ...server, options });
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

function engineOver(server: ClientConfig, settings: ClientConfig): Engine {
  const pool = new pg.Pool({ ...settings, max: 50, options: '-c TimeZone=UTC' });
  pool.on('error', () => undefined);
  return {
    lease: async () => sessionOf(await pool.connect()),
    serve: (client, parameters) => relay(server, client, parameters),
    close: () => pool.end(),
  };
}

function sessionOf(client: PoolClient): EngineSession {
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
