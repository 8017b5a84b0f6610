import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs, {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockFolder, ownerOf } from '../src/folder-lock.js';

describe('lockFolder', () => {
  let folder: string;
  let lock: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'stepcompute-lock-'));
    lock = join(folder, 'lock');
  });
  afterEach(() => {
    jest.restoreAllMocks();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A lock as another process would have left it: this one's, but for what is given. */
  function leaveLock(owner: Readonly<Record<string, unknown>>): string {
    rmSync(lock, { force: true });
    const unlock = lockFolder(folder);
    const file = statSync(lock).isDirectory() ? join(lock, 'owner') : lock;
    const own = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    unlock();
    const text = JSON.stringify({ ...own, token: 'another', ...owner });
    writeFileSync(lock, text);
    return text;
  }

  it('names the running process that holds the folder, until that is gone', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    leaveLock({ pid: child.pid, started: null });
    try {
      expect(() => lockFolder(folder)).toThrow(`the running process ${child.pid}`);
    } finally {
      child.stdin.end();
      await ended;
    }
    lockFolder(folder)();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('does not take a later process with the same pid for the holder', () => {
    if (process.platform !== 'linux') return; // elsewhere the pid alone has to do
    leaveLock({ pid: process.ppid, started: '1' });
    lockFolder(folder)();
  });

  it('does not count a killed process whose parent has not asked for its end yet', async () => {
    if (process.platform !== 'linux') return; // elsewhere its pid counts until then
    // The shell becomes a program that never asks.
    const parent = spawn('sh', ['-c', 'sleep 3600 & echo $!; exec sleep 3600'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let pid = NaN;
    try {
      pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)));
      leaveLock({ pid, started: null });
      expect(() => lockFolder(folder)).toThrow(`the running process ${pid}`);
      process.kill(pid, 'SIGKILL');
      const stateOf = (): string | undefined =>
        readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0];
      while (stateOf() !== 'Z') await new Promise(setImmediate);
      lockFolder(folder)();
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      if (pid > 0) process.kill(pid, 'SIGKILL'); // its parent still is, so the pid is its own
      parent.kill('SIGKILL');
    }
  });

  it('counts no lock from before the machine was started again', () => {
    leaveLock({ pid: process.ppid, started: null, boot: 'an earlier one' });
    lockFolder(folder)();
  });

  it.each([
    { host: 'elsewhere' },
    { host: 'elsewhere', boot: 'another' },
    { pidNamespace: 'pid:[1]' },
  ])('leaves a lock alone whose process it cannot see: %j', (place) => {
    const text = leaveLock({ ...place, pid: 2 ** 22 + 1 });
    expect(() => ownerOf(folder)).toThrow(`remove ${lock} if that is gone`);
    expect(() => lockFolder(folder)).toThrow(`remove ${lock} if that is gone`);
    expect(readFileSync(lock, 'utf8')).toBe(text);
  });

  it('does not count a lock that nobody can have written', () => {
    for (const text of ['', 'null', '{}', '{"pid":-1}', '{"pid":"1"}', 'not json']) {
      writeFileSync(lock, text);
      lockFolder(folder)();
    }
  });

  it('does not take away the lock of a process that was quicker to replace a stale one', () => {
    const quicker = leaveLock({ pid: process.ppid, started: null });
    const stale = leaveLock({ boot: 'an earlier one' });
    const readFile = fs.readFileSync;
    jest.spyOn(fs, 'readFileSync').mockImplementation((...parameters) => {
      const text = readFile(...parameters);
      if (text === stale) writeFileSync(lock, quicker);
      return text;
    });
    const removed = jest.spyOn(fs, 'rmSync');
    expect(() => lockFolder(folder)).toThrow(`the running process ${process.ppid}`);
    expect(removed).not.toHaveBeenCalledWith(lock, expect.anything());
    expect(readFileSync(lock, 'utf8')).toBe(quicker);
    expect(readdirSync(folder)).toEqual(['lock']);
  });

  it('lets one process at a time replace a stale lock, and outlives one that died at it', () => {
    const running = leaveLock({ pid: process.ppid, started: null });
    const stale = leaveLock({ boot: 'an earlier one' });
    const removal = `${lock}.${createHash('sha256').update(stale).digest('hex').slice(0, 16)}`;
    writeFileSync(removal, running);
    expect(() => lockFolder(folder)).toThrow(`the running process ${process.ppid}`);
    expect(readFileSync(lock, 'utf8')).toBe(stale);
    writeFileSync(removal, stale);
    lockFolder(folder)();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('tells where its owner answers, until it is given back', () => {
    expect(ownerOf(folder)).toBeUndefined();
    const unlock = lockFolder(folder, 'a socket');
    expect(ownerOf(folder)).toEqual({ pid: process.pid, socket: 'a socket' });
    unlock();
    expect(ownerOf(folder)).toBeUndefined();
  });

  it.each(['EPERM', 'ENOTSUP', 'ENOSYS'])(
    'does without hard links where a file system has none: %s',
    (code) => {
      jest.spyOn(fs, 'linkSync').mockImplementation(() => {
        throw Object.assign(new Error(`${code}: operation not permitted, link`), { code });
      });
      const unlock = lockFolder(folder, 'a socket');
      expect(statSync(lock).isDirectory()).toBe(true);
      expect(() => lockFolder(folder)).toThrow('this process already');
      expect(ownerOf(folder)).toEqual({ pid: process.pid, socket: 'a socket' });
      unlock();
      expect(readdirSync(folder)).toEqual([]);

      // One that was left behind, by a link and by a folder.
      const stale = leaveLock({ boot: 'an earlier one' });
      lockFolder(folder)();
      fs.mkdirSync(lock);
      writeFileSync(join(lock, 'owner'), stale);
      lockFolder(folder)();
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it('does not do without hard links where it may not write', () => {
    jest.spyOn(fs, 'linkSync').mockImplementation(() => {
      throw Object.assign(new Error('EIO: i/o error, link'), { code: 'EIO' });
    });
    expect(() => lockFolder(folder)).toThrow(`${folder} cannot be used: EIO`);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('gives back its own lock alone', () => {
    const unlock = lockFolder(folder);
    writeFileSync(lock, 'another’s');
    unlock();
    expect(readFileSync(lock, 'utf8')).toBe('another’s');
  });
});
