import { createHash, randomUUID } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseFolderError } from './database-folder-error.js';

/**
 * Makes `folder` this process's own, creating it if need be; the answer gives it back. A lock whose
 * process is gone does not count, so a killed process leaves nothing to clean up. Whether a process of
 * another machine or container still runs can't be seen from here: its lock counts until it is removed.
 * @param socket where the owner answers
 * @throws DatabaseFolderError when another process, or this one, has it; names the process
 */
export function lockFolder(folder: string, socket?: string): () => void {
  try {
    makeFolder(folder);
    return take(lockOf(folder), folder, socket);
  } catch (cause) {
    throw cause instanceof DatabaseFolderError ? cause : unusable(folder, cause);
  }
}

/** The running process that has the folder. */
export interface FolderOwner {
  readonly pid: number;
  /** Where it answers; undefined for one that lets nobody else in. */
  readonly socket: string | undefined;
}

/**
 * @returns undefined where the folder has no owner, or one that is gone
 * @throws DatabaseFolderError when the owner is of another machine or container
 */
export function ownerOf(folder: string): FolderOwner | undefined {
  const owner = parseOwner(read(lockOf(folder)));
  if (owner === undefined) return undefined;
  const place = whereabouts(owner);
  if (place === 'elsewhere') throw inUse(owner, lockOf(folder), folder);
  return place === 'here' ? { pid: owner.pid, socket: owner.socket } : undefined;
}

/** The error for a folder whose owner lets nobody else in. */
export function refusal(folder: string, { pid }: FolderOwner): DatabaseFolderError {
  return inUse({ ...thisProcess(), pid }, lockOf(folder), folder);
}

function lockOf(folder: string): string {
  return join(folder, 'lock');
}

/** Takes one lock, over a stale one if need be; the answer gives it back. */
function take(lock: string, folder: string, socket?: string): () => void {
  const text = JSON.stringify({ ...thisProcess(), socket, token: randomUUID() });
  const draft = `${lock}.${randomUUID()}`;
  writeFileSync(draft, text);
  try {
    while (!appear(draft, lock, text)) removeStaleLock(lock, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return () => remove(lock, text);
}

/** Removes this very lock; a folder in one go, since another may take the place of an empty one. */
function remove(lock: string, text: string): void {
  if (read(lock) !== text) return;
  const removed = `${lock}.${randomUUID()}`;
  renameSync(lock, removed);
  rmSync(removed, { recursive: true, force: true });
}

/**
 * Removes the lock if its owner is gone, else throws. Only who holds the lock on removing this very
 * lock may do so: of several that find it stale, one removes it, and none removes its successor.
 */
function removeStaleLock(lock: string, folder: string): void {
  const text = read(lock);
  if (text === undefined) return; // given back just now
  const owner = parseOwner(text);
  if (owner !== undefined && whereabouts(owner) !== 'gone') throw inUse(owner, lock, folder);
  const fingerprint = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const release = take(`${lock}.${fingerprint}`, folder);
  try {
    remove(lock, text);
  } finally {
    release();
  }
}

function whereabouts(owner: Owner): 'here' | 'elsewhere' | 'gone' {
  const here = thisProcess();
  if (owner.host !== here.host) return 'elsewhere';
  // After a restart of the machine nothing of before runs any more.
  if (owner.boot !== here.boot) return 'gone';
  if (owner.pidNamespace !== here.pidNamespace) return 'elsewhere';
  return isRunning(owner) ? 'here' : 'gone';
}

function inUse(owner: Owner, lock: string, folder: string): DatabaseFolderError {
  const holder =
    whereabouts(owner) === 'elsewhere'
      ? `process ${owner.pid} of another machine or container (${owner.host}); remove ${lock} if that is gone`
      : owner.pid === process.pid
        ? 'this process already'
        : `the running process ${owner.pid}`;
  return new DatabaseFolderError(
    `the database folder ${folder} belongs to ${holder}, which lets no other in; ` +
      'wait for it to end or use another folder',
    { isInUse: true },
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

function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}

function unusable(folder: string, cause: unknown): DatabaseFolderError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DatabaseFolderError(`the database folder ${folder} cannot be used: ${reason}`, {
    isInUse: false,
    cause,
  });
}

/**
 * Makes the lock appear, whole or not at all: as a link to its draft. A file system without links gets a
 * folder, which takes its name only where no other with something in it has that.
 * @returns false when there is one
 */
function appear(draft: string, lock: string, text: string): boolean {
  try {
    linkSync(draft, lock);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    if (!isErrno(error, ...linkless)) throw error;
  }
  if (statSync(draft).isFile()) {
    rmSync(draft);
    mkdirSync(draft);
    writeFileSync(join(draft, 'owner'), text);
  }
  try {
    renameSync(draft, lock);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST', 'ENOTEMPTY', 'ENOTDIR') || existsSync(lock)) return false;
    throw error;
  }
}

/** How file systems say that they have no hard links, such as exFAT, SMB and those of virtual machines. */
const linkless = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'EMLINK', 'EACCES'];

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
  readonly socket?: string | undefined;
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

function parseOwner(text: string | undefined): Owner | undefined {
  try {
    const owner = JSON.parse(text ?? '') as Owner;
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

/** The text of a file, or of a lock that is a folder; undefined where there is none. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return isErrno(error, 'EISDIR') ? read(join(path, 'owner')) : undefined;
  }
}
