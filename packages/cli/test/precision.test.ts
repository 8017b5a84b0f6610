import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fingerprint, PrecisionReport } from '@stepcompute/core';
import { unvalidated } from '../../../testing/assembly.js';
import { isExhaustive } from '../../../testing/exhaustive.js';
import { createDatabase, hasPostgres } from '../../../testing/postgres/databases.js';
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
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-precision-'));
  putDatabase(folder);
  // Kills its process in the middle of the third look where a file says so, and waits there for another.
  writeFileSync(
    join(folder, 'queue.mjs'),
    `import { existsSync, rmSync } from 'node:fs';
     export default {
       name: 'queue',
       measures: ['idle', 'wait'],
       async generate({ iterationId, random }) {
         if (iterationId === 250 && existsSync('deadly')) {
           rmSync('deadly');
           process.kill(process.pid, 'SIGKILL');
         }
         if (iterationId >= 200 && existsSync('endless')) await new Promise(() => setInterval(() => {}, 1e8));
         return { idle: random.normal(), wait: random.exponential(1) };
       },
     };`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const goal = ['--until-precision', '10%', '--measure', 'wait', '--min', '100', '--max', '2000'];
const request = ['--generator', 'queue.mjs', '--seed', '42', ...goal];

/** The report but for when, how long and where it was run. */
function comparable(outcome: Pick<Outcome, 'code' | 'stdout'>): Record<string, unknown> {
  expect(outcome).toMatchObject({ code: 0 });
  const { runId, elapsedMs, rehearsal, delayMs, request, simulation, ...report } = lastLine(
    outcome,
  ) as Record<string, object>;
  const { delayMs: asked, ...others } = request as Record<string, unknown>;
  const [{ bundle, files, bundler }] = simulation as unknown as [Fingerprint];
  return { ...report, request: others, simulation: { bundle, files, bundler } };
}

describe('a run with a goal', () => {
  let expected: Record<string, unknown>;
  beforeAll(() => {
    const [inMemory] = inOneProcess(folder, ['run', '--db', 'memory', ...request, '--json']);
    expected = comparable(inMemory);
  });

  it('ends with the first look at which its mean is known so well', () => {
    const { repetitions, count, precision } = expected;
    expect([repetitions, count]).toEqual([800, 800]);
    expect(precision).toMatchObject({
      ...{ goal: '10%', measure: 'wait', confidence: 0.95, minimum: 100, maximum: 2000 },
      reached: { look: 4, looks: 6, isReached: true },
    });
    // Each look before was too early, and would have been the last of a run that had no more.
    const earlier = inOneProcess(
      folder,
      ...[100, 200, 400].map((most) => {
        const repeated = request.map((word) => (word === '2000' ? String(most) : word));
        return ['run', '--db', 'memory', ...repeated, '--json'];
      }),
    );
    for (const outcome of earlier) {
      expect(outcome.code).toBe(0);
      const { precision, warning } = lastLine(outcome);
      expect(precision).toMatchObject({ reached: { isReached: false } });
      expect(warning).toContain('the most that it was to have');
    }
  });

  it('announces its looks, and says how precise it is', () => {
    const [run, short] = inOneProcess(
      folder,
      ['run', '--db', 'memory', ...request],
      ['run', '--db', 'memory', '--generator', 'queue.mjs', ...goal.slice(0, 4), '--max', '50'],
    );
    expect(run.stderr).toBe(
      'Run 1: 100 to 2,000 repetitions of queue, seed 42, into memory\n' +
        'Not precise enough yet: 200 repetitions of at most 2,000\n' +
        'Not precise enough yet: 400 repetitions of at most 2,000\n' +
        'Not precise enough yet: 800 repetitions of at most 2,000\n',
    );
    expect(run.stdout).toMatch(/^precision\t±0\.\d+ with 95%, mean of wait$/m);
    expect(run.stdout).toMatch(/^asked for\t±0\.\d+, 10% of the mean$/m);
    expect(run.stdout).toContain('\nlook\t4 of 6\n');
    expect(short.stderr).toContain('Warning: the mean of wait is known to ±0.');
  });

  it('has the same report in a folder and from worker threads, and keeps its looks', () => {
    const [inFolder, withWorkers, resumed, shown] = inOneProcess(
      folder,
      ['run', ...request, '--json'],
      ['run', ...request, '--json', '--workers', '2'],
      ['resume', '1', '--json'],
      ['show', '1', '--json'],
    );
    expect(comparable(inFolder)).toEqual(expected);
    expect(comparable(withWorkers)).toEqual(expected);
    expect(comparable(resumed)).toEqual(expected);
    const { history, startedAt, finishedAt, ...shownReport } = comparable(shown);
    expect(shownReport).toEqual(expected);
    expect((history as { count: number }[]).map(({ count }) => count)).toEqual([
      100, 200, 400, 800,
    ]);
  });

  if (hasPostgres) {
    it('has the same report on a server', async () => {
      const { url, drop } = await createDatabase();
      try {
        const [onServer] = inOneProcess(folder, ['run', '--db', url, ...request, '--json']);
        expect(comparable(onServer)).toEqual(expected);
      } finally {
        await drop();
      }
    });
  }

  it.each(isExhaustive ? ['distributed', 'inline'] : ['distributed'])(
    'has the same report rehearsed, %s',
    async (mode) => {
      const rehearsed = await stepcompute(
        folder,
        ['rehearse', '--mode', mode, ...request, '--json'],
        { environment: { ...unvalidated, TMPDIR: folder } },
      );
      expect(comparable(rehearsed)).toEqual(expected);
    },
  );

  it('comes to the same report when its process is killed in the middle of a look', async () => {
    writeFileSync(join(folder, 'deadly'), '');
    const args = [...request, '--concurrency', '10', '--json'];
    const killed = await stepcompute(folder, ['run', ...args]);
    expect(killed).toMatchObject({ code: 137, stdout: '' });
    const [shown] = inOneProcess(folder, ['list', '--json', '--limit', '1']);
    const [{ runId }] = JSON.parse(shown.stdout) as [{ readonly runId: number }];
    const [begun, resumed] = inOneProcess(
      folder,
      ['show', String(runId), '--json'],
      ['resume', String(runId), '--json'],
    );
    expect(lastLine(begun)).toMatchObject({
      status: 'started',
      repetitions: 400,
      count: 200,
      precision: { reached: { look: 2, isReached: false } },
    });
    expect(lastLine(begun).missing).toBeGreaterThan(0);
    expect(comparable(resumed)).toEqual(expected);
  });

  it('comes to the same report when it is cancelled between looks, and resumed', async () => {
    writeFileSync(join(folder, 'endless'), '');
    let isAsked = false;
    const cancelled = await stepcompute(folder, ['run', ...request], {
      onStderr: (text, kill) => {
        if (isAsked || !text.includes('Not precise enough yet: 400')) return;
        isAsked = true;
        kill('SIGINT');
      },
    });
    rmSync(join(folder, 'endless'));
    expect(cancelled).toMatchObject({ code: 130, stdout: '' });
    expect(cancelled.stderr).toContain('was cancelled: 200 of 400 values are stored');
    const [, id = ''] = /Take it up again with: stepcompute resume (\d+)\n$/.exec(
      cancelled.stderr,
    )!;
    const [shown, resumed, again] = inOneProcess(
      folder,
      ['show', id, '--json'],
      ['resume', id],
      ['resume', id, '--json'],
    );
    expect(lastLine(shown)).toMatchObject({ status: 'cancelled', repetitions: 400, missing: 200 });
    expect(resumed.stderr).toBe(
      `Run ${id}: 400 to 2,000 repetitions of queue, seed 42, into .stepcompute, 200 of them stored already\n` +
        'Not precise enough yet: 800 repetitions of at most 2,000\n',
    );
    expect(comparable(again)).toEqual(expected);
  });

  it('can not be extended, since it has settled itself how far it goes', () => {
    const [begun, refused] = inOneProcess(
      folder,
      ['run', ...request, '--json'],
      ['extend', '1', '--to', '5000'],
    );
    expect(begun.code).toBe(0);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('run 1 goes on by itself until its mean is known to ±10%');
  });
});

const precisionOf = (outcome: Ending): PrecisionReport =>
  (lastLine(outcome) as { readonly precision: PrecisionReport }).precision;

it('has defaults for all but the half width, and a first look within the maximum', () => {
  const run = ['run', '--db', 'memory', '--json', '--seed', '1', '--until-precision'];
  const [usual, small, percent, share, extreme] = inOneProcess(
    folder,
    [...run, '100'],
    [...run, '1', '--max', '50'],
    [...run, '100', '--confidence', '99.9%'],
    [...run, '100', '--confidence', '0.999'],
    [...run, '5e1', '--confidence', '99.99999999999999%', '--max', '2000'],
  );
  const defaults = { goal: '100', measure: 'value', confidence: 0.95 };
  expect(precisionOf(usual)).toMatchObject({ ...defaults, minimum: 1000, maximum: 1_000_000 });
  expect(precisionOf(small)).toMatchObject({ minimum: 50, maximum: 50, reached: { looks: 1 } });
  expect(precisionOf(percent).confidence).toBe(0.999);
  expect(precisionOf(share)).toEqual(precisionOf(percent));
  expect(precisionOf(extreme).reached).toMatchObject({
    isReached: false,
    halfWidth: expect.closeTo(53, -1) as number,
  });
});

it('says that equal values tell nothing of a precision', () => {
  writeFileSync(join(folder, 'equal.mjs'), 'export default () => 5;');
  const run = ['run', '--db', 'memory', '--generator', 'equal.mjs', '--until-precision', '1'];
  const [outcome] = inOneProcess(folder, [...run, '--max', '200']);
  expect(outcome.code).toBe(0);
  expect(outcome.stdout).toContain('\nprecision\t–\nasked for\t±1\nlook\t1 of 1\n');
  expect(outcome.stderr).toContain('Run 1: 200 repetitions of equal.mjs');
  expect(outcome.stderr).toContain('Warning: the mean of value rests on so few values that');
});

it('refuses with one clear line, and writes nothing', () => {
  const run = ['run', '--db', 'untouched'];
  const until = [...run, '--until-precision'];
  const rehearse = ['rehearse', '--db', 'untouched', '--until-precision', '1'];
  const refused: readonly (readonly [readonly string[], string])[] = [
    ...['0', '-1', '', 'NaN', 'Infinity', '1e999', '0%', '1 %', '1e', 'abc'].map(
      (text) =>
        [
          [...run, `--until-precision=${text}`],
          '--until-precision must be a number above 0',
        ] as const,
    ),
    [[...until, '1', '-n', '10'], "cannot be used with option '--until-precision"],
    [[...until, '1', '--measure', 'wait'], '--measure must be one of the simulation’s measures'],
    [[...until, '1', '--measure', 'no measure'], '--measure must be a letter, then'],
    ...['0', '1', '100%', '0%', '95', '-1', '', 'abc'].map(
      (text) =>
        [
          [...until, '1', `--confidence=${text}`],
          '--confidence must be between 0% and 100%, such as 95%',
        ] as const,
    ),
    [[...until, '1', '--min', '0'], '--min must be an integer from 1'],
    [[...until, '1', '--min', '1'], '--min must be at least 2, to tell how precise'],
    [[...until, '1', '--max', '1'], '--max must be at least 2, to tell how precise'],
    [[...until, '1', '--max', '1e10'], '--max must be an integer from 1 to 1000000000'],
    [[...until, '1', '--max', '1.5'], '--max must be an integer'],
    [
      [...until, '1', '--min', '100', '--max', '50'],
      "--max must be an integer from the first look's 100",
    ],
    [[...run, '--measure', 'value'], '--measure must be beside --until-precision; got "value"'],
    [[...run, '--confidence', '99%'], '--confidence must be beside --until-precision; got 0.99'],
    [[...run, '--min', '100'], '--min must be beside --until-precision; got 100'],
    [[...run, '--max', '100'], '--max must be beside --until-precision; got 100'],
    [[...rehearse, '--max', '2855'], '--max must be at most 2854 in inline mode'],
    [[...rehearse, '--min', '2855'], '--min must be at most 2854 in inline mode'],
    [
      [...rehearse, '--mode', 'distributed', '--max', '2e8'],
      '--max must be at most 102400000 of this',
    ],
    [[...rehearse, '--measure', 'wait'], '--measure must be one of the simulation’s measures'],
  ];
  const endings: readonly Ending[] = inOneProcess(folder, ...refused.map(([args]) => args));
  for (const [index, [args, message]] of refused.entries()) {
    const { code, stdout, stderr } = endings[index]!;
    expect({ args, code, stdout, stderr }).toEqual({
      args,
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^stepcompute: [^\n]*\n$/) as string,
    });
    expect(stderr).toContain(message);
  }
  expect(existsSync(join(folder, 'untouched'))).toBe(false);
});
