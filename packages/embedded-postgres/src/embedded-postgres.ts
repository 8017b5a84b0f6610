import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import { openPglite } from './cluster.js';
import { Connection } from './connection.js';
import { connectionEnds } from './connection-ends.js';
import { authenticated, MessageReader } from './protocol.js';
import { connectTo } from './server-process.js';
import { SharedSession } from './shared-session.js';

/** An embedded PostgreSQL, for pg and what builds on it. */
export interface EmbeddedPostgres {
  /**
   * The settings of pg's pools and clients.
   * @example
   * const pool = new pg.Pool(database.settings);
   */
  readonly settings: {
    readonly user: string;
    readonly database: string;
    readonly host: string;
    readonly ssl: false;
    readonly options: string;
    readonly idleTimeoutMillis: number;
    readonly allowExitOnIdle: boolean;
    readonly stream: () => Duplex;
  };
  /** Once its pools have ended: waits until the last of their connections is closed. */
  readonly close: () => Promise<void>;
}

/**
 * The PostgreSQL in a folder, created if need be. Any number of processes of this machine may have it at a
 * time: they share one session, a transaction at a time.
 *
 * A process of its own has it open, which the first of them starts, and which ends with the last: when that
 * one has closed it, the folder is nobody's. Should it be killed, the next connection starts another.
 * @throws DatabaseFolderError when the folder can't be used, or belongs to a process of another machine
 * @example
 * const database = await inFolder('my-data');
 * const pool = new pg.Pool(database.settings);
 */
export async function inFolder(folder: string): Promise<EmbeddedPostgres> {
  const place = resolve(folder);
  let first: Duplex | undefined = await connectTo(place);
  const connect = async (): Promise<Duplex> => {
    const prepared = first;
    first = undefined;
    return prepared?.destroyed === false ? prepared : connectTo(place);
  };
  const connections = new Connections(connect);
  return {
    settings: connections.settings,
    close: async () => {
      await connections.closed();
      if (first?.destroyed !== false) return;
      const closed = once(first, 'close');
      first.resume().end();
      await closed;
    },
  };
}

/** A PostgreSQL in this process's memory. */
export async function inMemory(): Promise<EmbeddedPostgres> {
  const pglite = await openPglite();
  const session = new SharedSession({
    pglite,
    idleInTransactionMs: 2 ** 31 - 1,
    onBroken: () => undefined,
  });
  const connect = (): Promise<Duplex> => {
    const [client, server] = connectionEnds();
    void serve(session, server);
    return Promise.resolve(client);
  };
  const connections = new Connections(connect);
  return {
    settings: connections.settings,
    close: async () => {
      await connections.closed();
      if (!pglite.closed) await pglite.close();
    },
  };
}

/** Those that pg has made. */
class Connections {
  readonly #open = new Set<Connection>();
  readonly settings: EmbeddedPostgres['settings'];

  constructor(connect: () => Promise<Duplex>) {
    // Things that pg would take from the environment otherwise are given.
    this.settings = {
      user: 'postgres',
      database: 'postgres',
      host: 'localhost',
      ssl: false,
      options: ' ',
      // A server with no client at all would end.
      idleTimeoutMillis: 0,
      // Nor does a connection keep a process that has nothing left to do.
      allowExitOnIdle: true,
      stream: () => {
        const connection = new Connection(connect);
        this.#open.add(connection);
        return connection.once('close', () => this.#open.delete(connection));
      },
    };
  }

  async closed(): Promise<void> {
    await Promise.all([...this.#open].map((connection) => once(connection, 'close')));
  }
}

async function serve(session: SharedSession, client: Duplex): Promise<void> {
  try {
    const reader = new MessageReader();
    const start = await new Promise<Buffer>((found) => client.once('data', found));
    client.pause();
    reader.push(start);
    client.write(authenticated);
    await session.serve(client, reader.startup()?.parameters ?? {});
    client.end();
  } catch (error) {
    client.destroy(error as Error);
  }
}
