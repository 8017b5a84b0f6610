/**
 * The program of the process that has a folder's PGlite open, and answers at a socket as long as there are
 * clients. It says on standard output, in a line of JSON, how its start went.
 */
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { PGliteInterface } from '@electric-sql/pglite';
import { DatabaseFolderError } from './database-folder-error.js';
import { lockFolder } from './folder-lock.js';
import { authenticated, gssRequest, MessageReader, sslRequest } from './protocol.js';
import type { StartReport } from './server-process.js';
import { SharedSession } from './shared-session.js';

const [, , folder = ''] = process.argv;

/** How long a client may hold a transaction without a word, and the process may be without any client at first. */
const idleInTransactionMs = 60_000;
const idleAtFirstMs = 30_000;
/** How long PGlite may take to close, should it have broken. */
const longestCloseMs = 10_000;

/** The longest path of a socket that systems take: 104 bytes with its end, on macOS (unix(4)); 108 on Linux (unix(7)). */
const longestSocketPath = 103;

/** A socket where nobody else's processes come, by the name that libpq and its like look for in a folder. */
function socketPath(): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\stepcompute-${process.pid}`;
  const name = '.s.PGSQL.5432';
  const [place = '/tmp'] = [tmpdir(), '/tmp'].filter(
    (candidate) =>
      Buffer.byteLength(join(candidate, 'stepcompute-XXXXXX', name)) <= longestSocketPath,
  );
  const parent = mkdtempSync(join(place, 'stepcompute-'));
  chmodSync(parent, 0o700);
  return join(parent, name);
}

function report(said: StartReport): void {
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

class FolderServer {
  readonly #server: Server;
  /** Those that may still ask. */
  readonly #clients = new Set<Socket>();
  readonly #session: SharedSession;
  #closing: Promise<void> | undefined;
  #broken = false;

  constructor(
    private readonly pglite: PGliteInterface,
    private readonly release: () => void,
  ) {
    this.#session = new SharedSession({
      pglite,
      idleInTransactionMs,
      onBroken: () => {
        this.#broken = true;
        // What is on the disk is whole, as after a kill: the next server begins from that.
        setImmediate(() => void this.close());
      },
    });
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      // Whoever hangs up says no more.
      socket.on('error', () => undefined);
      void this.#serve(socket);
    });
  }

  async listen(socket: string): Promise<void> {
    this.#server.listen(socket);
    await once(this.#server, 'listening');
    setTimeout(() => {
      if (this.#clients.size === 0) void this.close();
    }, idleAtFirstMs).unref();
  }

  /** A client counts from when it has been answered: it never meets a server that is about to go. */
  async #serve(socket: Socket): Promise<void> {
    this.#clients.add(socket);
    try {
      const parameters = await begin(socket);
      if (parameters !== undefined) await this.#session.serve(socket, parameters);
    } catch {
      socket.destroy();
    }
    this.#clients.delete(socket);
    // The last one waits until the folder is nobody's: then it may be copied, moved or removed.
    if (this.#clients.size === 0) await this.close();
    socket.end();
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#clients) socket.destroy();
    const closed = this.#broken ? Promise.resolve() : this.pglite.close();
    await Promise.race([
      closed.catch(() => undefined),
      new Promise((resolve) => setTimeout(resolve, longestCloseMs)),
    ]);
    this.release();
    // After the last client has been told.
    setImmediate(() => process.exit());
  }
}

/** The start of a connection, up to its parameters; undefined where it is none, or ends before. */
async function begin(socket: Socket): Promise<Readonly<Record<string, string>> | undefined> {
  const reader = new MessageReader();
  for (;;) {
    const bytes = await nextBytes(socket);
    if (bytes === undefined) return undefined;
    reader.push(bytes);
    for (let startup = reader.startup(); startup !== undefined; startup = reader.startup()) {
      if (startup.code === sslRequest || startup.code === gssRequest) {
        socket.write('N');
      } else if (startup.parameters.user === undefined) {
        return undefined;
      } else {
        socket.write(authenticated);
        return startup.parameters;
      }
    }
  }
}

function nextBytes(socket: Socket): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const settle = (bytes?: Buffer): void => {
      socket.off('data', settle).off('end', settle).off('close', settle);
      socket.pause();
      resolve(Buffer.isBuffer(bytes) ? bytes : undefined);
    };
    socket.on('data', settle).once('end', settle).once('close', settle);
    socket.resume();
  });
}

async function main(): Promise<void> {
  const socket = socketPath();
  let unlock: (() => void) | undefined;
  const release = (): void => {
    if (process.platform !== 'win32') rmSync(dirname(socket), { recursive: true, force: true });
    unlock?.();
  };
  try {
    unlock = lockFolder(folder, socket);
    // Only who has the folder loads what takes a while.
    const { openCluster } = await import('./cluster.js');
    const server = new FolderServer(await openCluster(folder), release);
    await server.listen(socket);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
      process.on(signal, () => void server.close());
    }
    report({ isReady: true });
  } catch (error) {
    release();
    const isInUse = error instanceof DatabaseFolderError && error.isInUse;
    report({
      isReady: false,
      isInUse,
      message: error instanceof Error ? error.message : String(error),
    });
    // PGlite may be open, and keep the process.
    process.stdout.write('', () => process.exit(1));
  }
}

// Whoever started it may be gone before it has listened.
process.stdout.on('error', () => undefined);
void main();
