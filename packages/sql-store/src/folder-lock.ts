import { createHash, randomUUID } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { isError, isStepComputeError, messageOf, PersistenceError } from '@stepcompute/core';

/**
 * Makes `folder` this process's own, creating it if need be; the answer gives it back. A lock whose
 * process is gone does not count, so a killed process leaves nothing to clean up. Whether a process of
 * another machine or container still runs can't be seen from here: its lock counts until it is removed.
 * @throws PersistenceError when another process, or this one, has it; names the process
 */
export function lockFolder(folder: string): () => void {
  try {
    makeFolder(folder);
    return take(join(folder, 'lock'), folder);
  } catch (cause) {
    throw isStepComputeError(cause) ? cause : folderError(folder, cause);
  }
}

/** Takes one lock file, over a stale one if need be; the answer gives it back. */
function take(lock: string, folder: string): () => void {
  const text = JSON.stringify({ ...thisProcess(), token: randomUUID() });
  const draft = `${lock}.${randomUUID()}`;
  writeFileSync(draft, text);
  try {
    // Linking is what makes the lock appear whole or not at all.
    while (!tryLink(draft, lock)) removeStaleLock(lock, folder);
  } finally {
    rmSync(draft, { force: true });
  }
  return () => {
    if (read(lock) === text) rmSync(lock, { force: true });
  };
}

/**
 * Removes the lock if its owner is gone, else throws. Only who holds the lock on removing this very
 * lock may do so: of several that find it stale, one removes it, and none removes its successor.
 */
function removeStaleLock(lock: string, folder: string): void {
  const text = read(lock);
  if (text === undefined) return; // given back just now
  refuseIfHeld(text, lock, folder);
  const fingerprint = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const release = take(`${lock}.${fingerprint}`, folder);
  try {
    if (read(lock) === text) rmSync(lock, { force: true });
  } finally {
    release();
  }
}

function refuseIfHeld(text: string, lock: string, folder: string): void {
  const owner = parseOwner(text);
  if (owner === undefined) return;
  const here = thisProcess();
  // After a restart of the machine nothing of before runs any more.
  if (owner.host === here.host && owner.boot !== here.boot) return;
  const isNear = owner.host === here.host && owner.pidNamespace === here.pidNamespace;
  if (isNear && !isRunning(owner)) return;
  const holder = isNear
    ? owner.pid === here.pid
      ? 'this process already'
      : `the running process ${owner.pid}`
    : `process ${owner.pid} of another machine or container (${owner.host}); remove ${lock} if that is gone`;
  throw new PersistenceError(
    `the database folder ${folder} belongs to ${holder}: ` +
      'an embedded database serves one process at a time; wait for it to end or use another folder',
    { retryable: true },
  );
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

/** A process, as far as another one can know it. What a platform does not tell is null. */
interface Owner {
  readonly host: string;
  /** Changes when the machine is started again; on Linux. */
  readonly boot: string | null;
  /** Within which the pid counts: containers have their own; on Linux. */
  readonly pidNamespace: string | null;
  readonly pid: number;
  /** Tells a process from a later one with the same pid; on Linux. */
  readonly started: string | null;
}

function thisProcess(): Owner {
  return {
    host: hostname(),
    boot: read('/proc/sys/kernel/random/boot_id')?.trim() ?? null,
    pidNamespace: pidNamespace(),
    pid: process.pid,
    started: startOf(process.pid),
  };
}

function pidNamespace(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return null;
  }
}

function parseOwner(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Owner;
    const isWhole = typeof owner.host === 'string' && Number.isInteger(owner.pid) && owner.pid > 0;
    return isWhole ? owner : undefined;
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
  const [state] = statusOf(pid);
  // One that has ended keeps its pid until its parent asks how: a zombie, or dead (proc(5)).
  if (state === 'Z' || state === 'X') return false;
  return started === null || startOf(pid) === started;
}

/** When the process was started, in clock ticks since the machine was. */
function startOf(pid: number): string | null {
  return statusOf(pid)[19] ?? null;
}

/** The fields of /proc/<pid>/stat from the third on, the state; none where there is no such file. */
function statusOf(pid: number): readonly string[] {
  // The second field, the program's name, may hold spaces and parentheses.
  return read(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ') ?? [];
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
