import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { averageOf } from '@stepcompute/core';
import { expectedAverage, expectedValues } from '@stepcompute/core/testing';
import { isExhaustive } from '../../../testing/exhaustive.js';
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
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-resume-'));
  putDatabase(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]): Promise<Outcome> => stepcompute(folder, args);

/** The built-in simulation, which fails at some iterations until a file says that it is mended. */
const flaky = `
  import { existsSync } from 'node:fs';
  export default ({ iterationId, random }) => {
    if (iterationId % 50 === 7 && !existsSync('mended')) throw new RangeError('no value at ' + iterationId);
    return random.integer(0, 1000);
  };`;

const failing = [7, 57, 107, 157];
const survivors = averageOf(
  expectedValues(42, 200).filter((_, iteration) => !failing.includes(iteration)),
);

describe('a run with failures', () => {
  beforeAll(() => writeFileSync(join(folder, 'flaky.mjs'), flaky));
  const begun = ['run', '-n', '200', '--seed', '42', '--generator', 'flaky.mjs', '--json'];

  it('fails when they are not tolerated, and says how to go on', () => {
    const [outcome] = inOneProcess(folder, [...begun, '--verbose']);
    expect(outcome.code).toBe(3);
    expect(lastLine(outcome)).toMatchObject({
      status: 'failed',
      completed: 7,
      failed: 1,
      missing: 192,
      average: null,
      error: { code: 'ITERATION_FAILED' },
    });
    expect(outcome.stderr).toContain('stepcompute resume 1');
  });

  it('stops beyond its tolerance, says so, and is averaged within it, with a warning', () => {
    const [stopped, resumed, shown] = inOneProcess(
      folder,
      [...begun, '--tolerate', '1.5%'],
      ['resume', '2', '--tolerate', '4', '--json', '--attempts', '2'],
      ['show', '2'],
    );
    expect(stopped.code).toBe(3);
    expect(lastLine(stopped)).toMatchObject({
      tolerance: '1.5%',
      error: {
        code: 'TOLERANCE_EXCEEDED',
        message: expect.stringContaining('run 2 tolerates 3 failures, and 4') as string,
      },
    });
    expect(resumed.code).toBe(0);
    expect(lastLine(resumed)).toMatchObject({
      runId: 2,
      status: 'completed',
      completed: 196,
      failed: 4,
      count: 196,
      average: survivors.mean,
      warning: expect.stringContaining('over 196 of 200 values') as string,
    });
    expect(shown.stderr).toContain('Warning: the average is over 196 of 200');
  });

  it('lists its failures, with what it takes to replay each', () => {
    const [listed, table, replayed] = inOneProcess(
      folder,
      ['failures', '2', '--json'],
      ['failures', '2'],
      ['replay', '2', '57'],
    );
    expect(JSON.parse(listed.stdout)).toEqual(
      failing.map((iterationId) => ({
        runId: 2,
        seed: 42,
        iterationId,
        errorName: 'RangeError',
        message: `no value at ${iterationId}, at flaky.mjs:4:64`,
        attempts: 2,
      })),
    );
    expect(table.stdout).toContain('57\tRangeError\t2\tno value at 57, at flaky.mjs:4:64\n');
    expect(replayed.code).toBe(3);
    expect(replayed.stderr).toContain('On record for it is RangeError: no value at 57');
  });

  it('comes to the bits of one that never failed once they are mended', () => {
    writeFileSync(join(folder, 'mended'), '');
    const [resumed, listed] = inOneProcess(
      folder,
      ['resume', '2', '--json'],
      ['failures', '2', '--json'],
    );
    expect(lastLine(resumed)).toMatchObject({
      completed: 200,
      failed: 0,
      count: 200,
      average: expectedAverage(42, 200).mean,
      warning: null,
    });
    expect(listed.stdout).toBe('[]\n');
  });

  it('is extended: its values are kept, and so is its old average', () => {
    const [extended, report, table] = inOneProcess(
      folder,
      ['extend', '2', '--to', '500', '--json'],
      ['show', '2', '--json'],
      ['show', '2'],
    );
    expect(lastLine(extended)).toMatchObject({
      repetitions: 500,
      count: 500,
      average: expectedAverage(42, 500).mean,
    });
    expect(lastLine(report)).toMatchObject({
      history: [
        { count: 196, average: survivors.mean },
        { count: 200, average: expectedAverage(42, 200).mean },
        { count: 500, average: expectedAverage(42, 500).mean },
      ],
    });
    expect(table.stdout).toContain('earlier average\t');
  });

  it('refuses what can not be, and changes nothing', () => {
    const refused = [
      [2, 'extend', '2', '--to', '499'],
      [2, 'extend', '2', '--to', 'all'],
      [2, 'extend', '2'],
      [2, 'resume', '2', '--tolerate', '101%'],
      [2, 'resume', '2', '--attempts', '0'],
      [2, 'resume', '2', '--seed', '1'],
      [2, 'resume', '2', '--param', 'a=1'],
      [2, 'resume', '2', '--generator', 'nowhere.mjs', '--tolerate', '1'],
      [2, 'resume', 'two'],
      [4, 'resume', '99'],
      [4, 'failures', '99'],
      [2, 'resume', '2', '--db', 'memory'],
      [5, 'resume', '2', '--db', 'elsewhere'],
    ] as const;
    const show = ['show', '2', '--json'];
    const endings: readonly Ending[] = inOneProcess(
      folder,
      show,
      ...refused.map(([, ...args]) => args),
      show,
    );
    const between = endings.slice(1, -1);
    expect(between.map(({ code, args }) => [code, ...args])).toEqual(refused);
    for (const { stderr } of between) expect(stderr).not.toBe('');
    expect(endings.at(-1)?.stdout).toBe(endings[0]?.stdout);
  });
});

it('tries iterations again after the errors that are named', async () => {
  writeFileSync(
    join(folder, 'shaky.mjs'),
    `const calls = new Map();
     export default ({ iterationId, random }) => {
       const call = (calls.get(iterationId) ?? 0) + 1;
       calls.set(iterationId, call);
       if (call < 3) throw Object.assign(new Error('busy'), { name: 'Busy' });
       return random.integer(0, 1000);
     };`,
  );
  const args = ['run', '-n', '50', '--seed', '42', '--generator', 'shaky.mjs', '--db', 'memory'];
  const retried = await run(...args, '--attempts', '3', '--backoff', '1ms', '--json');
  expect(lastLine(retried)).toMatchObject({ average: expectedAverage(42, 50).mean });
  const refused = await run(...args, '--attempts', '3', '--retry-on', 'Lazy, Slow', '--json');
  expect(refused.code).toBe(3);
});

it('resumes a run whose process was killed, as often as that happens, to the same bits', async () => {
  const alone = mkdtempSync(join(folder, 'killed-'));
  putDatabase(alone);
  // Kills its own process when it is called for the 700th time, until it has done so twice.
  writeFileSync(
    join(alone, 'deadly.mjs'),
    `import { existsSync, writeFileSync } from 'node:fs';
     let calls = 0;
     export default ({ random }) => {
       calls += 1;
       const marker = ['killed-1', 'killed-2'].find((file) => !existsSync(file));
       if (calls === 700 && marker !== undefined) {
         writeFileSync(marker, '');
         process.kill(process.pid, 'SIGKILL');
       }
       return random.integer(0, 1000);
     };`,
  );
  const args = ['--json', '--concurrency', '20'];
  const begin = ['run', '-n', '3000', '--seed', '42', '--delay', '1ms'];
  const killed = await stepcompute(alone, [...begin, '--generator', 'deadly.mjs', ...args]);
  expect(killed.code).toBe(137);
  let before = 0;
  for (const code of [137, 0]) {
    const ledger = lastLine(await stepcompute(alone, ['show', '1', '--json']));
    const { completed, failed, missing } = ledger as Record<
      'completed' | 'failed' | 'missing',
      number
    >;
    expect(completed).toBeGreaterThan(before);
    expect(completed + failed + missing).toBe(3000);
    before = completed;
    const resumed = await stepcompute(alone, ['resume', '1', ...args]);
    expect(resumed.code).toBe(code);
    if (code === 0) {
      const { mean, standardDeviation } = expectedAverage(42, 3000);
      expect(lastLine(resumed)).toMatchObject({
        completed: 3000,
        average: mean,
        standardDeviation,
      });
    }
  }
});

if (isExhaustive) {
  it('says that the disk takes no more, keeps what is stored, and goes on when it does', async () => {
    const args = ['-n', '500000', '--seed', '42', '--db', 'full', '--json'];
    // No file may grow beyond this: the table of values needs more. A disk that is full looks alike.
    const full = await stepcompute(folder, ['run', ...args], { fileLimitKilobytes: 17_000 });
    expect(full.code).toBe(5);
    expect(lastLine(full)).toMatchObject({ error: { code: 'PERSISTENCE' } });
    const shown = await run('show', '1', '--json', '--db', 'full');
    const { completed, failed, missing } = lastLine(shown) as Record<string, number>;
    expect((completed ?? NaN) + (failed ?? NaN) + (missing ?? NaN)).toBe(500_000);
    const resumed = await run('resume', '1', '--json', '--db', 'full');
    expect(lastLine(resumed)).toMatchObject({
      completed: 500_000,
      average: expectedAverage(42, 500_000).mean,
    });
  });
}
