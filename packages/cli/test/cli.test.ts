import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { InProcessOrchestrator, IterationId, RunId, type ValueGenerator } from '@stepcompute/core';
import { expectedAverage, expectedValues } from '@stepcompute/core/testing';
import { typeOrmStores } from '@stepcompute/sql-store';
import { openPglite } from '@stepcompute/sql-store/pglite';
import { createDatabase, describeOnPostgres } from '../../../testing/postgres/databases.js';
import {
  inOneProcess,
  lastLine,
  putDatabase,
  stepcompute,
  type Ending,
  type Outcome,
} from './support.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-cli-'));
  writeFileSync(join(folder, 'stuck.mjs'), 'export default () => new Promise(() => {});');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]): Promise<Outcome> => stepcompute(folder, args);

/** `run --json` of a complete run of the built-in simulation. */
function expectedJson(runId: number, seed: number, repetitions: number): object {
  const average = expectedAverage(seed, repetitions);
  return {
    runId,
    seed,
    repetitions,
    status: 'completed',
    completed: repetitions,
    failed: 0,
    missing: 0,
    average: average.mean,
    standardDeviation: average.standardDeviation,
    standardError: average.standardError,
    min: average.minimum,
    max: average.maximum,
    elapsedMs: expect.any(Number) as number,
  };
}

describe('in a fresh folder', () => {
  it('runs, stores, shows, lists, prints and replays', async () => {
    const first = await run('run', '--repetitions', '1000', '--seed', '42', '--json');
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(lastLine(first)).toMatchObject(expectedJson(1, 42, 1000));

    const [second, shown, table, csv, headed, json, replayed, listed] = inOneProcess(
      folder,
      ['run', '--seed', '42', '--json'],
      ['show', '1', '--json'],
      ['show', '1'],
      ['values', '1', '--format', 'csv'],
      ['values', '1', '--header'],
      ['values', '2', '--format', 'json'],
      ['replay', '1', '500', '--json'],
      ['list', '--json'],
    );
    expect(lastLine(second)).toMatchObject(expectedJson(2, 42, 1000));
    expect(lastLine(shown)).toMatchObject(expectedJson(1, 42, 1000));
    expect(table.stdout).toContain('completed\t1,000\n');

    const values = expectedValues(42, 1000);
    expect(csv.stdout).toBe(values.map((value, id) => `${id},${value}\n`).join(''));
    expect(headed.stdout).toBe(`iteration,value\n${csv.stdout}`);
    expect(JSON.parse(json.stdout)).toEqual(
      values.map((value, iterationId) => ({ iterationId, value })),
    );

    expect(lastLine(replayed)).toEqual({
      runId: 1,
      iterationId: 500,
      replayed: values[500],
      stored: values[500],
      matches: true,
    });
    expect(JSON.parse(listed.stdout)).toMatchObject([
      { runId: 2 },
      { runId: 1, status: 'completed' },
    ]);
  });

  it('replays the generator that the run recorded, tells when another’s value is not the stored one, and waits no longer than it may', () => {
    writeFileSync(join(folder, 'other.mjs'), 'export default () => -1;');
    const source = 'module.exports = ({ random }) => random.integer(1, 6);';
    writeFileSync(join(folder, 'die.js'), source);
    const [rolled, replayed, other, limited] = inOneProcess(
      folder,
      ['run', '-n', '20', '--generator', 'die.js', '--json'],
      ['replay', '3', '3', '--json'],
      ['replay', '3', '3', '--generator', 'other.mjs'],
      ['replay', '3', '3', '--generator', 'stuck.mjs', '--timeout', '5ms'],
    );
    expect(rolled.code).toBe(0);
    expect(lastLine(rolled)).toMatchObject({ runId: 3 });
    expect(lastLine(replayed)).toMatchObject({ matches: true });
    expect(other.code).toBe(6);
    expect(other.stdout).toContain('same\tno');
    expect(limited).toMatchObject({ code: 3, stdout: '' });
    expect(limited.stderr).toContain('did not settle within 5 ms');
  });

  it('stores and averages 100,000 repetitions in a heap that could not hold an object for each', async () => {
    const args = ['run', '-n', '100000', '--seed', '7', '--json'];
    const outcome = await stepcompute(folder, args, { heapMegabytes: 40 });
    expect(lastLine(outcome)).toMatchObject({
      completed: 100_000,
      average: expectedAverage(7, 100_000).mean,
    });
  });

  it('records a run as failed whose generator never settles', async () => {
    const stuck = ['--generator', 'stuck.mjs', '--db', 'memory'];
    const outcome = await run('run', '-n', '5', ...stuck, '--json');
    expect(outcome.code).toBe(3);
    expect(lastLine(outcome)).toMatchObject({ status: 'failed', completed: 0, missing: 5 });
  });

  it('needs to be told the generator of a run that a program made, and shows failures that stand', async () => {
    const dataSource = await openPglite({ folder: join(folder, '.stepcompute') });
    const stores = typeOrmStores(dataSource);
    const made = async (generator: ValueGenerator): Promise<RunId> => {
      const orchestrator = new InProcessOrchestrator({ generator, stores });
      await orchestrator.run({ repetitions: 1 }).catch(() => undefined);
      const [newest] = await stores.runs.list({ limit: 1 });
      return RunId.parse(newest?.id);
    };
    const fails = (): never => {
      throw new Error('boom');
    };
    const completed = await made(() => 5);
    const failed = await made(fails);
    const mended = await made(fails);
    await stores.values.write(mended, [{ iterationId: IterationId.parse(0), value: 1 }]);
    await dataSource.destroy();
    const [replayed, standing, gone] = inOneProcess(
      folder,
      ['replay', String(completed), '0'],
      ['show', String(failed)],
      ['show', String(mended)],
    );
    expect(replayed.code).toBe(2);
    expect(replayed.stderr).toContain('--generator');
    expect(standing.stdout).toContain('failure\titeration 0: boom');
    expect(gone.code).toBe(0);
    expect(gone.stdout).not.toContain('boom');
  });

  it('is where runs go when STEPCOMPUTE_DB is empty', async () => {
    const outcome = await stepcompute(folder, ['list', '--json'], {
      environment: { STEPCOMPUTE_DB: '' },
    });
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
  });

  it('says what is stored when it is interrupted, and leaves the folder usable, as a kill does', async () => {
    const args = ['run', '-n', '500', '--delay', '1h', '--concurrency', '10'];
    const outcome = await stepcompute(folder, args, {
      onStderr: (stderr, kill) => {
        if (/500 repetitions.*\n$/.test(stderr)) kill('SIGINT');
      },
    });
    expect(outcome.code).toBe(130);
    expect(outcome.stderr).toMatch(
      /run \d+ was cancelled: 0 of 500 values are stored, 0 failed, 500 missing/,
    );
    const killed = await stepcompute(folder, args, {
      onStderr: (stderr, kill) => {
        if (stderr.includes('500 repetitions')) kill('SIGKILL');
      },
    });
    expect(killed.code).toBe(137);
    const listed = JSON.parse((await run('list', '--json')).stdout) as object[];
    expect(listed.slice(0, 2)).toMatchObject([
      { status: 'started', repetitions: 500 },
      { status: 'cancelled', repetitions: 500 },
    ]);
  });

  it('looks and runs in a folder where another run is at work, beside others that do', async () => {
    const others: Promise<Outcome[]>[] = [];
    const args = ['run', '-n', '1', '--delay', '1h'];
    const holder = stepcompute(folder, args, {
      onStderr: (stderr, kill) => {
        if (!/ 1 repetitions.*\n$/.test(stderr) || others.length > 0) return;
        const all = [
          ['list', '--json', '--limit', '1'],
          ['show', '1', '--json'],
          ['values', '1'],
          ['run', '-n', '20', '--json'],
        ];
        others.push(Promise.all(all.map((each) => run(...each))).finally(() => kill('SIGTERM')));
      },
    });
    expect((await holder).code).toBe(143);
    const [[listed, shown, values, added] = []] = await Promise.all(others);
    for (const outcome of [listed, shown, values, added]) expect(outcome?.code).toBe(0);
    expect(shown?.stdout).toBe((await run('show', '1', '--json')).stdout);
    expect(values?.stdout).toBe((await run('values', '1')).stdout);
    expect(lastLine(added!)).toMatchObject({ completed: 20, missing: 0 });
  });

  it('says where to take a run up again, unless that goes without saying', async () => {
    writeFileSync(join(folder, 'fails.mjs'), 'export default () => { throw new Error("no"); };');
    const args = ['run', '-n', '1', '--generator', 'fails.mjs'];
    for (const [place, where] of [
      [[], /resume \d+\n$/],
      [['--db', 'elsewhere'], /resume 1 --db elsewhere\n$/],
      [['--db', 'a friend’s'], /resume 1 --db 'a friend’s'\n$/],
    ] as const) {
      const outcome = await run(...args, ...place);
      expect(outcome.code).toBe(3);
      expect(outcome.stderr).toMatch(where);
    }
  });

  it('refuses a folder that belongs to a process that lets nobody in, naming it', async () => {
    const owned = join(folder, 'owned');
    await run('run', '-n', '1', '--db', owned);
    const isLinux = process.platform === 'linux';
    // As a version of before had it, whose commands each opened the database by themselves.
    const owner = {
      host: hostname(),
      boot: isLinux ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : null,
      pidNamespace: isLinux ? readlinkSync('/proc/self/ns/pid') : null,
      pid: process.pid,
      started: null,
    };
    writeFileSync(join(owned, 'lock'), JSON.stringify(owner));
    const outcome = await run('list', '--db', owned);
    expect(outcome.code).toBe(5);
    expect(outcome.stderr).toContain(`belongs to the running process ${process.pid}, which lets`);
  });

  it('says that a run does not exist', () => {
    const lines = [
      ['show', '99'],
      ['values', '99'],
      ['replay', '99', '0'],
    ];
    for (const outcome of inOneProcess(folder, ...lines)) {
      expect(outcome).toMatchObject({
        code: 4,
        stdout: '',
        stderr: 'stepcompute: run 99 does not exist in this store\n',
      });
    }
  });
});

it('replays in vain what never settles, and says so', async () => {
  const alone = mkdtempSync(join(folder, 'alone-'));
  putDatabase(alone);
  inOneProcess(alone, ['run', '-n', '1']);
  const forever = await stepcompute(alone, ['replay', '1', '0', '--generator', '../stuck.mjs']);
  expect(forever).toMatchObject({ code: 3, stdout: '' });
  expect(forever.stderr).toContain('the generator never settles');
});

describe('in memory', () => {
  it('gives the same bits as the database', async () => {
    const outcome = await run('run', '--seed', '42', '--db', 'memory', '--json');
    expect(lastLine(outcome)).toMatchObject(expectedJson(1, 42, 1000));
  });

  it('gives the same bits with any number of workers', () => {
    const args = ['run', '--db', 'memory', '-n', '2000', '--seed', '42', '--json'];
    const { mean, standardDeviation } = expectedAverage(42, 2000);
    const workers = ['1', '3', 'auto'].map((count) => [...args, '--workers', count]);
    for (const outcome of inOneProcess(folder, args, ...workers)) {
      expect(lastLine(outcome)).toMatchObject({
        completed: 2000,
        average: mean,
        standardDeviation,
      });
    }
  });

  it('ends a simulation that blocks its worker thread', async () => {
    writeFileSync(join(folder, 'blocks.mjs'), 'export default () => { for (;;); }');
    const args = ['--generator', 'blocks.mjs', '--workers', '2', '--timeout', '200ms'];
    const outcome = await run('run', '--db', 'memory', '-n', '4', ...args);
    expect(outcome.code).toBe(3);
    expect(outcome.stderr).toContain('the generator did not settle within 200 ms');
  });

  it('holds a million values in a heap that could not hold an object for each', async () => {
    const args = ['run', '-n', '1000000', '--db', 'memory', '--json'];
    const outcome = await stepcompute(folder, args, { heapMegabytes: 24 });
    expect(lastLine(outcome)).toMatchObject({ completed: 1_000_000, missing: 0 });
  });

  it('ends well when nobody reads its notes', async () => {
    const outcome = await stepcompute(folder, ['run', '--db', 'memory', '-n', '5'], {
      onStart: ({ stderr }) => stderr?.destroy(),
    });
    expect(outcome.code).toBe(0);
    expect(outcome.stdout).toContain('values\t5');
  });

  it('stops at once when it is interrupted while the generator’s file is loading', async () => {
    const source =
      'process.kill(process.pid, "SIGINT"); await new Promise((r) => setTimeout(r, 1e6));';
    writeFileSync(join(folder, 'loading.mjs'), source);
    const outcome = await run('run', '--db', 'memory', '--generator', 'loading.mjs');
    expect(outcome).toMatchObject({ code: 130, stdout: '', stderr: 'stepcompute: interrupted\n' });
  });

  it('prints plain lines where there is no terminal', async () => {
    const { stdout, stderr, code } = await run('run', '-n', '10', '--seed', '1', '--db', 'memory');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^run\t1\nseed\t1\nvalues\t10\naverage\t/);
    expect(stderr).toBe('Run 1: 10 repetitions of uniformInteger, seed 1, into memory\n');
  });
});

describe('bad input', () => {
  const memory = ['run', '--db', 'memory'];

  describe('in an option', () => {
    const cases: readonly (readonly [args: readonly string[], message: string])[] = [
      [['--repetitions', '0'], 'repetitions must be an integer from 1 to 1000000000; got 0'],
      [['--repetitions', '-5'], 'got -5'],
      [['--repetitions', '1.5'], 'got "1.5"'],
      [['--repetitions', 'abc'], 'got "abc"'],
      [['--repetitions', ''], 'got ""'],
      [['--repetitions', '1e400'], 'got Infinity'],
      [['--repetitions', '1000000001'], 'got 1000000001'],
      [['--seed', '-1'], 'seed must be an integer from 0 to 9007199254740991; got -1'],
      [['--seed', '0.5'], 'got "0.5"'],
      [['--seed', '9007199254740992'], 'got 9007199254740992'],
      [['--seed', '9007199254740991.4'], 'got "9007199254740991.4"'],
      [['--delay', 'soon'], 'delay must be a duration such as 500ms, 5s, 10m or 1.5h; got "soon"'],
      [['--delay', '-5m'], 'delay must be a duration'],
      [['--delay', '400d'], 'delay must be a number of milliseconds from 0 to 31536000000'],
      [['--concurrency', '0'], 'concurrency must be an integer from 1'],
      [['--workers', '0'], 'workers must be auto or an integer from 1 to 1024; got 0'],
      [['--workers', 'all'], 'got "all"'],
      [['--retry-on', ''], '--retry-on must be names with commas between them; got ""'],
      [['--retry-on', 'Busy,,Slow'], 'got "Busy,,Slow"'],
      [['--timeout', '0'], 'timeout must be a number of milliseconds from 1'],
      [['--generator', 'nowhere.js'], 'generator must be a file that exists'],
      [['--db', 'mysql://user:secret@host/x'], 'got "another text"'],
      [['--db', 'host=localhost user=me password=secret dbname=x'], 'got "another text"'],
      [['--db', 'postgres//me:secret@host/db'], 'got "another text"'],
      [['--db', 'me:se/cret@host/db'], 'got "another text"'],
      [['--unknown'], "unknown option '--unknown'"],
    ];
    let endings: readonly Ending[];
    beforeAll(() => {
      const lines = cases.map(([args]) => ['run', '--db', 'untouched', ...args]);
      endings = inOneProcess(folder, ...lines);
    });

    it.each(cases)('%j exits 2 with one clear line', (args, message) => {
      const outcome = endings.find((ending) => ending.args.slice(3).join() === args.join());
      expect(outcome).toMatchObject({ code: 2, stdout: '' });
      expect(outcome?.stderr).toContain(message);
      expect(outcome?.stderr).not.toMatch(/^\s+at /m);
    });

    it('creates nothing', () => {
      expect(endings).toHaveLength(cases.length);
      expect(existsSync(join(folder, 'untouched'))).toBe(false);
    });
  });

  it.each<[args: string[], message: string]>([
    [['run', '--unknown'], "unknown option '--unknown' (see --help)"],
    [['run', '--histogram', 'value'], "cannot be used with option '--json' (see --help)"],
    [['extend', '1'], "required option '--to <count>' not specified (see --help)"],
    [['show'], 'give either a run or --experiment NAME (see --help)'],
    [['rnu'], "unknown command 'rnu' (Did you mean run?) (see --help)"],
    [['list', 'all'], 'too many arguments'],
  ])('%j is one JSON object too when asked for', (args, message) => {
    const [outcome] = inOneProcess(folder, [...args, '--json']);
    expect(outcome.code).toBe(2);
    expect(lastLine(outcome)).toMatchObject({
      elapsedMs: expect.any(Number) as number,
      error: {
        name: 'InvalidInputError',
        code: 'INVALID_INPUT',
        message: expect.stringContaining(message) as string,
      },
    });
    expect(outcome.stderr).toMatch(/^stepcompute: .*\n$/);
    expect(outcome.stderr).toContain(message);
  });

  it('a URL with a password in the wrong place is not repeated, also when verbose', () => {
    const url = 'postgres://user:hunter2@host/db';
    const lines = [[url], ['list', `--${url}`], ['run', '--seed', url]];
    const outcomes = inOneProcess(folder, ...lines.map((line) => [...line, '--json', '--verbose']));
    for (const { code, stdout, stderr } of outcomes) {
      expect(code).toBe(2);
      expect(stderr).toContain('postgres:…');
      expect(stdout + stderr).not.toContain('hunter2');
    }
  });

  it('an option that nothing would read exits 2', async () => {
    const outcome = await run('values', '1', '--header', '--format', 'json');
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain('--header must be left out with json');
  });

  it('a failure is one JSON object too when asked for, and the stack is there when verbose', async () => {
    const outcome = await run(...memory, '--repetitions', '0', '--json', '--verbose');
    expect(lastLine(outcome)).toMatchObject({
      error: { name: 'InvalidInputError', code: 'INVALID_INPUT' },
    });
    expect(outcome.stderr).toMatch(/^\s+at /m);
  });

  it.each([
    ['export default () => { throw new RangeError("boom"); }', 'iteration 0 of run 1 failed: boom'],
    ['export default async () => { throw "text"; }', 'iteration 0 of run 1 failed: "text"'],
    ['export default () => NaN', 'the generator returned NaN'],
    ['export default () => -Infinity', 'the generator returned -Infinity'],
    ['export default () => "5"', 'the generator returned "5"'],
    ['export default () => {}', 'the generator returned undefined'],
    ['export default () => new Promise(() => {})', 'the generator never settles'],
    [
      'export default () => new Promise((r) => { setTimeout(() => { throw new Error("late"); }, 1); setTimeout(r, 1e6); })',
      'the simulation broke outside of its promise: late',
    ],
  ])('the generator %j exits 3 with one clear line', async (source, message) => {
    writeFileSync(join(folder, 'bad.mjs'), source);
    const outcome = await run(...memory, '-n', '20', '--generator', 'bad.mjs');
    expect(outcome).toMatchObject({ code: 3, stdout: '' });
    expect(outcome.stderr).toContain(`stepcompute: `);
    expect(outcome.stderr).toContain(message);
    expect(outcome.stderr).not.toMatch(/^\s+at /m);
  });

  it('an error of the command itself exits 1, and blames no simulation', async () => {
    // Throws where nobody catches it, as soon as the command listens for that.
    const broken =
      'process.on("newListener", (name) => name === "uncaughtException" && ' +
      'queueMicrotask(() => { throw new RangeError("our own"); }));';
    const outcome = await stepcompute(folder, ['list', '--json'], {
      environment: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(broken)}` },
    });
    expect(outcome.code).toBe(1);
    expect(lastLine(outcome)).toMatchObject({
      error: { code: 'UNEXPECTED', message: expect.stringContaining('our own') as string },
    });
    expect(outcome.stderr).toContain('RangeError: our own');
    expect(outcome.stderr).not.toContain('simulation');
  });

  it('a generator that does not settle within the time-out fails its iteration', async () => {
    writeFileSync(
      join(folder, 'slow.mjs'),
      'export default () => new Promise((r) => setTimeout(r, 1e6))',
    );
    const outcome = await run(...memory, '--generator', 'slow.mjs', '--timeout', '20ms', '--json');
    expect(outcome.code).toBe(3);
    expect(lastLine(outcome)).toMatchObject({
      runId: 1,
      status: 'failed',
      completed: 0,
      failed: 1,
      missing: 999,
      error: { name: 'IterationFailedError' },
    });
  });

  it.each([
    ['export const simulate = () => 1', 'default export is a function'],
    ['export default 5', 'default export is a function'],
    ['this is no JavaScript', 'a module that loads'],
    ['throw new Error("on load")', 'on load'],
  ])('the generator file %j exits 2', async (source, message) => {
    writeFileSync(join(folder, 'broken.mjs'), source);
    const outcome = await run('run', '--db', 'untouched', '--generator', 'broken.mjs');
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain(message);
    expect(existsSync(join(folder, 'untouched'))).toBe(false);
  });

  it('a generator file that never finishes loading exits 3', async () => {
    writeFileSync(
      join(folder, 'endless.mjs'),
      'await new Promise(() => {}); export default () => 1;',
    );
    const outcome = await run(...memory, '--generator', 'endless.mjs');
    expect(outcome).toMatchObject({ code: 3, stdout: '' });
    expect(outcome.stderr).toContain('never finishes loading');
  });

  it('a database that cannot be used exits 5, and nothing is created', async () => {
    writeFileSync(join(folder, 'file'), '');
    const places = ['file', 'file/below', 'postgres://u:secret@127.0.0.1:1/x'];
    const unusable = inOneProcess(folder, ...places.map((place) => ['run', '--db', place]));
    for (const outcome of unusable) {
      expect(outcome).toMatchObject({ code: 5, stdout: '' });
      expect(outcome.stderr).not.toContain('secret');
    }
    const missing = await run('list', '--db', 'nowhere');
    expect(missing.code).toBe(5);
    expect(missing.stderr).toContain('there is no database in');
    expect(existsSync(join(folder, 'nowhere'))).toBe(false);
  });

  it('an unknown command exits 2, help and version exit 0', async () => {
    expect((await run('simulate')).code).toBe(2);
    expect((await run('run', '--help')).stdout).toContain('Examples:');
    const help = await run('--help');
    expect(help.code).toBe(0);
    expect(help.stdout).toContain('Exit codes:');
    expect((await run('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describeOnPostgres('on a PostgreSQL server', () => {
  it('gives the same bits as in memory, and migrates', async () => {
    const database = await createDatabase();
    const outcome = await run('run', '--seed', '42', '--db', database.url, '--json');
    expect(lastLine(outcome)).toMatchObject(expectedJson(1, 42, 1000));
    expect((await run('migrate', '--db', database.url)).code).toBe(0);
    await database.drop();
  });

  it('creates no tables only to look at them', async () => {
    const database = await createDatabase();
    const on = (...args: string[]): string[] => [...args, '--db', database.url];
    const looks = [on('list'), on('show', '1'), on('values', '1'), on('replay', '1', '0')];
    for (const outcome of inOneProcess(folder, ...looks)) {
      expect(outcome).toMatchObject({ code: 5, stdout: '' });
      expect(outcome.stderr).toContain('the database holds no runs of StepCompute');
    }
    const [migrated, listed] = inOneProcess(folder, on('migrate'), on('list', '--json'));
    expect(migrated.code).toBe(0);
    expect(listed.stdout).toBe('[]\n');
    await database.drop();
  });
});
