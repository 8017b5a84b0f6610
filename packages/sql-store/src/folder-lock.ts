import { randomUUID } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isError, isStepComputeError, messageOf, PersistenceError } from '@stepcompute/core';

/**
 * Makes `folder` this process's own, creating it if need be; the answer gives it back. A lock whose
 * process is gone does not count, so a killed process leaves nothing to clean up.
 * @throws PersistenceError when another process, or this one, has it; names the process
 */
export function lockFolder(folder: string): () => void {
  const lock = join(folder, 'lock');
  const owner = { pid: process.pid, started: startOf(process.pid), token: randomUUID() };
  const text = JSON.stringify(owner);
  const draft = `${lock}.${owner.token}`;
  try {
    makeFolder(folder);
    writeFileSync(draft, text);
  } catch (cause) {
    throw folderError(folder, cause);
  }
  try {
    // Linking is what makes the lock appear whole or not at all.
    while (!tryLink(draft, lock)) removeStaleLock(folder, lock, `${draft}.stale`);
  } catch (cause) {
    throw isStepComputeError(cause) ? cause : folderError(folder, cause);
  } finally {
    rmSync(draft, { force: true });
  }
  return () => {
    if (read(lock) === text) rmSync(lock, { force: true });
  };
}

/** As `mkdir -p` does; Node's own recursion never ends where a file system refuses folders, as /proc does. */
function makeFolder(folder: string): void {
  if (existsSync(folder) && statSync(folder).isDirectory()) return;
  if (!existsSync(dirname(folder))) makeFolder(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    if (!isErrno(error, 'EEXIST') || !statSync(folder).isDirectory()) throw error;
  }
}

function isErrno(error: unknown, code: string): boolean {
  return isError(error) && 'code' in error && error.code === code;
}

function folderError(folder: string, cause: unknown): PersistenceError {
  return new PersistenceError(`the database folder ${folder} cannot be used: ${messageOf(cause)}`, {
    cause,
    retryable: false,
  });
}

function tryLink(draft: string, lock: string): boolean {
  try {
    linkSync(draft, lock);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Moves the lock out of the way if its owner is gone, else throws; two who try at once can't both succeed. */
function removeStaleLock(folder: string, lock: string, aside: string): void {
  const text = read(lock);
  if (text === undefined) return; // given back just now
  const owner = parseOwner(text);
  if (owner !== undefined && isRunning(owner)) {
    const holder =
      owner.pid === process.pid ? 'this process already' : `the running process ${owner.pid}`;
    throw new PersistenceError(
      `the database folder ${folder} belongs to ${holder}: ` +
        'an embedded database serves one process at a time; wait for it to end or use another folder',
      { retryable: true },
    );
  }
  try {
    renameSync(lock, aside);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return; // another process was quicker
    throw error;
  }
  // Between reading and moving, another process may have replaced the stale lock with its own.
  if (read(aside) !== text) tryLink(aside, lock);
  unlinkSync(aside);
}

interface Owner {
  readonly pid: number;
  /** Tells a process from a later one with the same pid, where the platform can. */
  readonly started: string | undefined;
}

function parseOwner(text: string): Owner | undefined {
  try {
    const { pid, started } = JSON.parse(text) as { pid?: unknown; started?: unknown };
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid < 1) return undefined;
    return { pid, started: typeof started === 'string' ? started : undefined };
  } catch {
    return undefined; // not a lock that this package wrote: nobody holds it
  }
}

function isRunning({ pid, started }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return isErrno(error, 'EPERM'); // it runs, as another user
  }
  return started === undefined || startOf(pid) === started;
}

/** When the process was started, in clock ticks since the machine was; Linux alone tells. */
function startOf(pid: number): string | undefined {
  // The second field, the program's name, may hold spaces and parentheses; the 22nd is the start.
  return read(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ')[19];
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
