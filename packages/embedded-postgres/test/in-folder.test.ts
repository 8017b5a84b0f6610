import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { holdsDatabase, inFolder, type EmbeddedPostgres } from '../src/index.js';
import { lockFolder, ownerOf } from '../src/folder-lock.js';

let parent: string;
let folder: string;
beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), 'stepcompute-embedded-'));
});
afterAll(() => rmSync(parent, { recursive: true, force: true }));

let folders = 0;
const opened: (() => Promise<unknown>)[] = [];
beforeEach(() => {
  folder = join(parent, 'deep', String(++folders));
});
afterEach(async () => {
  for (const close of opened.splice(0)) await close();
});

/** A pool, whose end is that of its database too. */
class Pool extends pg.Pool {
  constructor(private readonly database: EmbeddedPostgres) {
    super({ ...database.settings, max: 2 });
    this.on('error', () => undefined);
  }

  async close(): Promise<void> {
    if (!this.ending) await this.end();
    await this.database.close();
  }
}

/** Another user of the folder, with a pool of its own. */
async function openPool(place = folder): Promise<Pool> {
  const pool = new Pool(await inFolder(place));
  opened.push(() => pool.close());
  return pool;
}

async function numbersIn(pool: pg.Pool | pg.PoolClient): Promise<number[]> {
  const { rows } = await pool.query<{ n: number }>('SELECT n FROM numbers ORDER BY n');
  return rows.map(({ n }) => n);
}

async function withNumbers(): Promise<Pool> {
  const pool = await openPool();
  await pool.query('CREATE TABLE numbers (n int PRIMARY KEY)');
  await pool.query('INSERT INTO numbers VALUES (1)');
  return pool;
}

/** The process that has the folder open. */
function serverPid(place = folder): number {
  return ownerOf(place)?.pid ?? NaN;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // One that nobody has asked how it ended is still listed.
    return (
      process.platform !== 'linux' || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    );
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<void> {
  while (isRunning(pid)) await new Promise(setImmediate);
}

/** A client in a process of its own, which runs what it is given and then says a line. */
async function client(statements: readonly string[]): Promise<ChildProcess> {
  const program = `
    const { inFolder } = require(${JSON.stringify(join(__dirname, '../dist/index.js'))});
    const pg = require('pg');
    (async () => {
      const { settings } = await inFolder(${JSON.stringify(folder)});
      const client = new pg.Client(settings);
      await client.connect();
      for (const statement of ${JSON.stringify(statements)}) await client.query(statement);
      console.log('done');
      process.stdin.resume();
    })();`;
  const child = spawn(process.execPath, ['-e', program], {
    cwd: __dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

describe('a database in a folder', () => {
  it('is created where there is none, and remembers', async () => {
    // A process that is killed while it creates a cluster leaves this behind.
    mkdirSync(join(folder, 'postgres.new'), { recursive: true });
    writeFileSync(join(folder, 'postgres.new', 'half'), 'written');
    expect(holdsDatabase(folder)).toBe(false);
    const first = await withNumbers();
    expect(existsSync(join(folder, 'postgres.new'))).toBe(false);
    expect(holdsDatabase(folder)).toBe(true);
    await first.close();
    expect(await numbersIn(await openPool())).toEqual([1]);
  });

  it('is nobody’s when its last pool has ended: whole, and free to be copied', async () => {
    const pool = await withNumbers();
    const other = await openPool();
    expect(await numbersIn(other)).toEqual([1]);
    const pid = serverPid();
    await pool.close();
    expect(serverPid()).toBe(pid);
    await other.close();
    expect(existsSync(join(folder, 'lock'))).toBe(false);
    const copy = `${folder}-copy`;
    cpSync(folder, copy, { recursive: true });
    await gone(pid);
    expect(await numbersIn(await openPool(copy))).toEqual([1]);
  });

  it('lets a transaction alone, and others wait for its end', async () => {
    const [pool, other] = [await withNumbers(), await openPool()];
    const transaction = await pool.connect();
    await transaction.query('BEGIN');
    await transaction.query('INSERT INTO numbers VALUES (2)');
    const seen = numbersIn(other);
    expect(await numbersIn(transaction)).toEqual([1, 2]);
    await transaction.query('ROLLBACK');
    expect(await seen).toEqual([1]);
    transaction.release();
  });

  it('answers many at once, each with its own', async () => {
    const pools = [await openPool(), await openPool(), await openPool()];
    const answers = await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const { rows } = await (pools[index % 3] as pg.Pool).query('SELECT $1::int AS n', [index]);
        return (rows as { n: number }[])[0]?.n;
      }),
    );
    expect(answers).toEqual(Array.from({ length: 300 }, (_, index) => index));
  });

  it('takes and gives texts of any length', async () => {
    const pool = await openPool();
    const text = 'π'.repeat(3_000_000);
    const { rows } = await pool.query<{ text: string; length: number }>(
      'SELECT $1 AS text, length($1) AS length',
      [text],
    );
    expect(rows[0]?.text === text).toBe(true);
    expect(rows[0]?.length).toBe(text.length);
  });

  it('says why a statement fails, and goes on', async () => {
    const pool = await withNumbers();
    await expect(pool.query('INSERT INTO numbers VALUES (1)')).rejects.toMatchObject({
      code: '23505',
    });
    const transaction = await pool.connect();
    await transaction.query('BEGIN');
    await expect(transaction.query('SELECT no')).rejects.toMatchObject({ code: '42703' });
    await expect(transaction.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    await transaction.query('ROLLBACK');
    transaction.release();
    expect(await numbersIn(pool)).toEqual([1]);
  });

  it('forgets with a connection what that has set', async () => {
    const pool = await openPool();
    const { settings } = await inFolder(folder);
    const other = new pg.Client({ ...settings, options: '-c DateStyle=German' });
    await other.connect();
    expect((await other.query('SHOW DateStyle')).rows).toEqual([{ DateStyle: 'German, DMY' }]);
    expect((await pool.query('SHOW DateStyle')).rows).toEqual([{ DateStyle: 'ISO, MDY' }]);
    const { rows: path } = await pool.query('SHOW search_path');
    await other.query('SET search_path = nowhere');
    await other.query({ name: 'mine', text: 'SELECT 1' });
    await other.end();
    expect((await pool.query('SHOW search_path')).rows).toEqual(path);
    expect((await pool.query('SELECT name FROM pg_prepared_statements')).rows).toEqual([]);
  });

  it('refuses a connection whose settings are none', async () => {
    await openPool();
    const { settings } = await inFolder(folder);
    const other = new pg.Client({ ...settings, options: '-c no_such=1' });
    other.on('error', () => undefined);
    await other.connect();
    await expect(other.query('SELECT 1')).rejects.toMatchObject({ code: '42704' });
    await new Promise((resolve) => other.once('end', resolve));
  });
});

describe('the process that has a folder open', () => {
  it('is another than its clients, and outlives the one that started it', async () => {
    const first = await client(['CREATE TABLE numbers (n int)', 'INSERT INTO numbers VALUES (1)']);
    const pool = await openPool();
    const pid = serverPid();
    expect(pid).not.toBe(first.pid);
    first.kill('SIGKILL');
    await once(first, 'close');
    expect(await numbersIn(pool)).toEqual([1]);
    expect(serverPid()).toBe(pid);
  });

  it('ends with its last client, also where that is killed', async () => {
    const only = await client(['SELECT 1']);
    const pid = serverPid();
    expect(isRunning(pid)).toBe(true);
    only.kill('SIGKILL');
    await gone(pid);
    expect(existsSync(join(folder, 'lock'))).toBe(false);
  });

  it('takes back the transaction of a client that is killed', async () => {
    const pool = await withNumbers();
    const killed = await client(['BEGIN', 'INSERT INTO numbers VALUES (2)']);
    const seen = numbersIn(pool);
    killed.kill('SIGKILL');
    expect(await seen).toEqual([1]);
  });

  it('is followed by another where it is killed, and nothing that was acknowledged is lost', async () => {
    const pool = await withNumbers();
    const pid = serverPid();
    process.kill(pid, 'SIGKILL');
    await gone(pid);
    // The pool hears of it at some time.
    let numbers: number[] | undefined;
    while (numbers === undefined) numbers = await numbersIn(pool).catch(() => undefined);
    expect(numbers).toEqual([1]);
    expect(serverPid()).not.toBe(pid);
  });

  it('closes its database where it is told to end', async () => {
    const pool = await withNumbers();
    const pid = serverPid();
    process.kill(pid, 'SIGTERM');
    await gone(pid);
    expect(existsSync(join(folder, 'lock'))).toBe(false);
    let numbers: number[] | undefined;
    while (numbers === undefined) numbers = await numbersIn(pool).catch(() => undefined);
    expect(numbers).toEqual([1]);
  });

  it('is one, whoever begins at the same time', async () => {
    const pools = await Promise.all(Array.from({ length: 4 }, () => openPool()));
    const { rows } = await (pools[0] as pg.Pool).query('SELECT pg_backend_pid() AS pid');
    for (const pool of pools) {
      expect((await pool.query('SELECT pg_backend_pid() AS pid')).rows).toEqual(rows);
    }
  });

  it('answers no other user of the machine', async () => {
    if (process.platform === 'win32') return;
    await openPool();
    const socket = ownerOf(folder)?.socket ?? '';
    const { statSync } = await import('node:fs');
    expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700);
  });

  it('leaves nothing behind beside the folder', async () => {
    const pool = await openPool();
    const socket = ownerOf(folder)?.socket ?? '';
    expect(existsSync(socket)).toBe(true);
    const pid = serverPid();
    await pool.close();
    await gone(pid);
    expect(existsSync(dirname(socket))).toBe(false);
  });
});

describe('a folder that can’t be used', () => {
  const refusalOf = (place: string): Promise<unknown> =>
    inFolder(place).then(
      (database: EmbeddedPostgres) => database.close(),
      (error: unknown) => error,
    );

  it('is refused when it is none', async () => {
    mkdirSync(parent, { recursive: true });
    const file = join(parent, 'file');
    writeFileSync(file, '');
    for (const place of [file, join(file, 'below')]) {
      expect(await refusalOf(place)).toMatchObject({
        name: 'DatabaseFolderError',
        isInUse: false,
        message: expect.stringContaining(place) as string,
      });
    }
  });

  it('is refused when what it holds is no cluster, and left unlocked', async () => {
    mkdirSync(join(folder, 'postgres'), { recursive: true });
    writeFileSync(join(folder, 'postgres', 'PG_VERSION'), '9.0\n');
    expect(await refusalOf(folder)).toMatchObject({
      name: 'DatabaseFolderError',
      message: expect.stringContaining(
        `the embedded database in ${folder} cannot be opened`,
      ) as string,
    });
    expect(existsSync(join(folder, 'lock'))).toBe(false);
  });

  it('is refused while a process has it that lets nobody else in', async () => {
    const unlock = lockFolder(folder);
    expect(await refusalOf(folder)).toMatchObject({
      name: 'DatabaseFolderError',
      isInUse: true,
      message: expect.stringContaining(`${folder} belongs to this process already`) as string,
    });
    unlock();
    await openPool();
  });
});
