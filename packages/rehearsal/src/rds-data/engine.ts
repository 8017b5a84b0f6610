import { PGlite, types } from '@electric-sql/pglite';
import pg, { type PoolClient } from 'pg';

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

/** A PostgreSQL behind the Data API. */
export interface Engine {
  readonly lease: () => Promise<EngineSession>;
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

/** The one session of an embedded PostgreSQL, handed from one caller to the next. */
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

  async close(): Promise<void> {
    await this.pglite.close();
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
  Object.fromEntries(oids.map((oid) => [oid, (text: string) => text]));

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
