import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseNewRun } from './new-run.js';
import { lockFolder } from '../src/folder-lock.js';
import { openPglite } from '../src/pglite.js';
import { typeOrmStores } from '../src/typeorm-stores.js';

describe('an embedded database folder', () => {
  let parent: string;
  let folder: string;
  beforeAll(() => {
    parent = mkdtempSync(join(tmpdir(), 'stepcompute-pglite-'));
    folder = join(parent, 'deep', 'database');
  });
  afterAll(() => rmSync(parent, { recursive: true, force: true }));

  it('is created where there is none, starts at run 1, and remembers', async () => {
    // What a process that was killed while creating it leaves behind.
    mkdirSync(join(folder, 'postgres.new'), { recursive: true });
    writeFileSync(join(folder, 'postgres.new', 'half'), 'written');
    const first = await openPglite({ folder });
    const run = await typeOrmStores(first).runs.allocate(parseNewRun({ repetitions: 3, seed: 1 }));
    expect(run.id).toBe(1);
    await first.destroy();
    expect(existsSync(join(folder, 'postgres.new'))).toBe(false);

    const second = await openPglite({ folder });
    expect(await typeOrmStores(second).runs.get(run.id)).toEqual(run);
    await second.destroy();
    expect(existsSync(join(folder, 'lock'))).toBe(false);
  });

  it('belongs to whoever opened it, until it is given back', async () => {
    const dataSource = await openPglite({ folder });
    await expect(openPglite({ folder })).rejects.toMatchObject({
      name: 'PersistenceError',
      message: expect.stringContaining('this process already') as string,
    });
    await dataSource.destroy();
    const again = await openPglite({ folder });
    await again.destroy();
  });

  it('is refused when it cannot be a folder', async () => {
    const file = join(parent, 'file');
    writeFileSync(file, '');
    for (const place of [file, join(file, 'below')]) {
      await expect(openPglite({ folder: place })).rejects.toMatchObject({
        name: 'PersistenceError',
        retryable: false,
        message: expect.stringContaining(place) as string,
      });
    }
  });

  it('is refused when what it holds is no cluster, and left unlocked', async () => {
    const broken = join(parent, 'broken');
    mkdirSync(join(broken, 'postgres'), { recursive: true });
    writeFileSync(join(broken, 'postgres', 'PG_VERSION'), '9.0\n');
    await expect(openPglite({ folder: broken })).rejects.toMatchObject({
      name: 'PersistenceError',
      message: expect.stringContaining(broken) as string,
    });
    expect(existsSync(join(broken, 'lock'))).toBe(false);
  });
});

describe('lockFolder', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'stepcompute-lock-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('names the running process that holds the folder', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: child.pid }));
    try {
      expect(() => lockFolder(folder)).toThrow(`the running process ${child.pid}`);
    } finally {
      child.stdin.end();
      await ended;
    }
    lockFolder(folder)(); // its process is gone, so it is stale
    expect(existsSync(join(folder, 'lock'))).toBe(false);
  });

  it('does not take a later process with the same pid for the holder', () => {
    if (process.platform !== 'linux') return; // elsewhere the pid alone has to do
    writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: process.ppid, started: '1' }));
    lockFolder(folder)();
  });

  it('does not count a lock that nobody can have written', () => {
    for (const text of ['', 'null', '{}', '{"pid":-1}', '{"pid":"1"}', 'not json']) {
      writeFileSync(join(folder, 'lock'), text);
      lockFolder(folder)();
    }
  });

  it('gives back its own lock alone', () => {
    const unlock = lockFolder(folder);
    writeFileSync(join(folder, 'lock'), 'another’s');
    unlock();
    expect(readFileSync(join(folder, 'lock'), 'utf8')).toBe('another’s');
  });
});
