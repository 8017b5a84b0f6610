import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statfsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { DatabaseFolderError } from './database-folder-error.js';
import { ownerOf, refusal, type FolderOwner } from './folder-lock.js';
import { sslRequest } from './protocol.js';

/** How a server's start went, as it says itself. */
export type StartReport =
  | { readonly isReady: true }
  | { readonly isReady: false; readonly isInUse: boolean; readonly message: string };

/** How long a server may take to answer that has the folder, in milliseconds: one that is beginning, or about to go. */
const longestWaitMs = 60_000;

/**
 * A connection to the server of a folder, which is started where there is none: a process of its own, so
 * that others can look while this one computes, and goes on when this one is killed.
 * @throws DatabaseFolderError when the folder can't be used, or its owner lets nobody else in
 */
export async function connectTo(folder: string): Promise<Socket> {
  const start = performance.now();
  for (let pauseMs = 10; ; pauseMs = Math.min(2 * pauseMs, 250)) {
    const owner = ownerOf(folder);
    if (owner === undefined) {
      await startServer(folder);
      continue;
    }
    if (owner.socket === undefined) throw refusal(folder, owner);
    const socket = await greet(owner.socket);
    if (socket !== undefined) return socket;
    if (performance.now() - start > longestWaitMs) throw silent(folder, owner);
    await wait(pauseMs);
  }
}

/**
 * V8 optimises functions of WebAssembly that are called often: those of PGlite are huge, and that would be
 * half of a start and most of its memory. See docs/decisions/0037.
 */
const flags = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];

/** Starts a server; another that was quicker will do as well. */
async function startServer(folder: string): Promise<void> {
  const child = spawn(
    process.execPath,
    [...flags, join(__dirname, '../dist/server-main.js'), folder],
    {
      // Away from the terminal, whose Ctrl-C is for its clients.
      detached: true,
      windowsHide: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const pieces = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (piece: string) => {
      pieces[name] = (pieces[name] + piece).slice(-4096);
    });
  }
  const answered = new Promise<void>((resolve, reject) => {
    child.stdout.on('data', () => {
      if (pieces.stdout.includes('\n')) resolve();
    });
    child.once('close', () => resolve());
    child.once('error', reject);
  });
  await answered;
  child.stdout.destroy();
  child.stderr.destroy();
  child.unref();
  const said = parse(pieces.stdout);
  if (said?.isReady === true || said?.isInUse === true) return;
  throw unusable(folder, said?.message ?? lastLine(pieces.stderr));
}

function parse(text: string): StartReport | undefined {
  try {
    return JSON.parse(text) as StartReport;
  } catch {
    return undefined;
  }
}

function lastLine(text: string): string {
  const line = text.trim().split('\n').at(-1) ?? '';
  return line === '' ? 'its process ended' : line;
}

/** So much an embedded database needs now and then; without it PGlite says nothing of use. */
const scarceMegabytes = 64;

function unusable(folder: string, reason: string): DatabaseFolderError {
  let space = '';
  if (existsSync(folder)) {
    const { bavail, bsize } = statfsSync(folder);
    const megabytes = Math.floor((bavail * bsize) / 2 ** 20);
    if (megabytes < scarceMegabytes) space = ` (its disk has ${megabytes} MB left)`;
  }
  return new DatabaseFolderError(
    `the embedded database in ${folder} cannot be opened${space}: ${reason}`,
    { isInUse: false },
  );
}

function silent(folder: string, { pid }: FolderOwner): DatabaseFolderError {
  return new DatabaseFolderError(
    `the embedded database in ${folder} does not answer: its process ${pid} runs, and says nothing; ` +
      'end it, and the next command starts another',
    { isInUse: true },
  );
}

/**
 * Connects, and asks for encryption as PostgreSQL's clients do: who is told that there is none has been
 * seen by a server that stays. @returns undefined where nobody answers
 */
async function greet(path: string): Promise<Socket | undefined> {
  const socket = connect(path);
  socket.setTimeout(longestWaitMs, () => socket.destroy());
  try {
    await once(socket, 'connect');
    const request = Buffer.alloc(8);
    request.writeInt32BE(8, 0);
    request.writeInt32BE(sslRequest, 4);
    socket.write(request);
    const [answer] = (await Promise.race([
      once(socket, 'data'),
      once(socket, 'close').then(() => []),
    ])) as [Buffer?];
    if (answer !== undefined) {
      socket.setTimeout(0).pause();
      return socket;
    }
  } catch {
    // Refused, or cut off.
  }
  socket.destroy();
  return undefined;
}
