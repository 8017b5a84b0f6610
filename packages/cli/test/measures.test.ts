import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { simulate } from '@stepcompute/inmemory-adapter';
import { defineSimulation } from '@stepcompute/core';
import { openPglite } from '@stepcompute/sql-store/pglite';
import { inOneProcess, lastLine, putDatabase, type Ending } from './support.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-measures-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const dice = defineSimulation({
  measures: ['sum', 'highest'],
  generate({ random }) {
    const [a, b] = [random.integer(1, 6), random.integer(1, 6)];
    return { sum: a + b, highest: Math.max(a, b) };
  },
});

/** The same as a file, with other parts of it where they are given. */
function writeDice(
  name: string,
  measures = "['sum', 'highest']",
  highest = 'Math.max(a, b)',
): string {
  writeFileSync(
    join(folder, name),
    `export default {
       measures: ${measures},
       generate({ random }) {
         const [a, b] = [random.integer(1, 6), random.integer(1, 6)];
         return { sum: a + b, highest: ${highest} };
       },
     };`,
  );
  return name;
}

it('reports, lists and replays each measure of a run', async () => {
  putDatabase(folder);
  const generator = ['--generator', writeDice('dice.mjs')];
  const [run, report, csv, plain, json, shown, shownAsJson, replayed, replayedAsJson, described] =
    inOneProcess(
      folder,
      ['run', '-n', '200', '--seed', '42', ...generator],
      ['run', '-n', '200', '--seed', '42', '--json', ...generator],
      ['values', '1', '--header'],
      ['values', '1'],
      ['values', '1', '--format', 'json'],
      ['show', '1', '--verify'],
      ['show', '1', '--json'],
      ['replay', '1', '7'],
      ['replay', '1', '7', '--json'],
      ['describe', 'dice.mjs'],
    );
  const { averages, valuesOf } = await simulate(dice, { repetitions: 200, seed: 42 });
  const { sum, highest } = averages;
  const head =
    'measure\taverage\t95 % interval\tstandard deviation\tstandard error\tminimum\tmaximum\n';
  expect(run).toMatchObject({ code: 0 });
  expect(run.stdout).toContain(`${head}sum\t${sum.mean}\t`);
  expect(run.stdout).toContain(`\nhighest\t${highest.mean}\t`);
  expect(run.stdout).not.toContain('average\t7');
  expect(lastLine(report)).toMatchObject({
    count: 200,
    average: sum.mean,
    max: sum.maximum,
    measures: {
      sum: { count: 200, average: sum.mean, standardDeviation: sum.standardDeviation },
      highest: {
        count: 200,
        average: highest.mean,
        standardDeviation: highest.standardDeviation,
        standardError: highest.standardError,
        confidenceInterval: highest.confidenceInterval,
        min: highest.minimum,
        max: highest.maximum,
      },
    },
  });
  const lines = Array.from(
    valuesOf.sum,
    (value, iteration) => `${iteration},${value},${valuesOf.highest[iteration]}\n`,
  ).join('');
  expect(plain.stdout).toBe(lines);
  expect(csv.stdout).toBe(`iteration,sum,highest\n${lines}`);
  const rows = JSON.parse(json.stdout) as unknown[];
  expect(rows[7]).toEqual({
    iterationId: 7,
    value: valuesOf.sum[7],
    measures: { sum: valuesOf.sum[7], highest: valuesOf.highest[7] },
  });
  expect(shown.stdout).toContain(`${head}sum\t${sum.mean}\t`);
  expect(shown.stdout).toContain('verified\tyes, to the bit\n');
  expect(lastLine(shownAsJson)).toMatchObject({
    measures: (lastLine(report) as { measures: object }).measures,
  });
  const [a, b] = [valuesOf.sum[7], valuesOf.highest[7]];
  expect(replayed.stdout).toBe(
    `measure\treplayed\tstored\tsame\nsum\t${a}\t${a}\tyes\nhighest\t${b}\t${b}\tyes\n`,
  );
  expect(lastLine(replayedAsJson)).toEqual({
    runId: 1,
    iterationId: 7,
    replayed: a,
    stored: a,
    matches: true,
    measures: {
      sum: { replayed: a, stored: a, matches: true },
      highest: { replayed: b, stored: b, matches: true },
    },
  });
  expect(described.stdout).toContain('measures\tsum, highest\n');
});

it('names a single measure that was declared, and leaves a bare number’s output as it was', () => {
  putDatabase(folder);
  writeFileSync(
    join(folder, 'wait.mjs'),
    "export default { measures: ['wait'], generate: ({ iterationId }) => ({ wait: iterationId }) };",
  );
  const [named, bare, csv, json, bareJson, replayed] = inOneProcess(
    folder,
    ['run', '-n', '3', '--generator', 'wait.mjs'],
    ['run', '-n', '3', '--seed', '42'],
    ['values', '1', '--header'],
    ['values', '1', '--format', 'json'],
    ['values', '2', '--format', 'json'],
    ['replay', '1', '2'],
  );
  expect(named.stdout).toContain('values\t3\nmeasure\twait\naverage\t1\n');
  expect(bare.stdout).toContain('values\t3\naverage\t');
  expect(csv.stdout).toBe('iteration,wait\n0,0\n1,1\n2,2\n');
  expect(JSON.parse(json.stdout)).toContainEqual({
    iterationId: 2,
    value: 2,
    measures: { wait: 2 },
  });
  expect(Object.keys((JSON.parse(bareJson.stdout) as object[])[0]!)).toEqual([
    'iterationId',
    'value',
  ]);
  expect(replayed.stdout).toBe('measure\twait\nreplayed\t2\nstored\t2\nsame\tyes\n');
});

it('draws the histogram of the measure that is asked for, and refuses one that there is not', () => {
  const generator = ['--generator', writeDice('dice.mjs')];
  const [refused] = inOneProcess(folder, ['run', ...generator, '--histogram', 'lowest']);
  expect(refused).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      'histogram must be one of sum, highest; got "lowest"',
    ) as string,
  });
  expect(existsSync(join(folder, '.stepcompute'))).toBe(false);
  putDatabase(folder);
  const [drawn, shown, resumed, unknown, json] = inOneProcess(
    folder,
    ['run', '-n', '500', ...generator, '--histogram', 'highest'],
    ['show', '1', '--histogram', 'sum'],
    ['resume', '1', '--histogram', 'highest'],
    ['show', '1', '--histogram', 'value'],
    ['show', '1', '--histogram', 'sum', '--json'],
  );
  // The axis ends where the values do.
  const edgesOf = ({ stdout }: Ending): string[] =>
    Array.from(stdout.split('from  values')[1]!.matchAll(/^ *(\d+) /gm), ([, edge]) => edge!);
  for (const outcome of [drawn, resumed]) {
    expect(outcome.stdout).toContain('highest from  values\n');
    expect(edgesOf(outcome)).toEqual(['1', '2', '3', '4', '5', '6']);
  }
  expect(shown.stdout).toContain('sum from  values\n');
  expect(edgesOf(shown).at(-1)).toBe('12');
  expect(unknown.code).toBe(2);
  expect(json.stdout).not.toContain('values\n');
});

it('refuses a simulation of other measures, and finds a measure that was altered', async () => {
  putDatabase(folder);
  const same = ['--generator', writeDice('dice.mjs')];
  const others = ['--generator', writeDice('others.mjs', "['highest', 'sum']")];
  const mended = ['--generator', writeDice('mended.mjs', undefined, 'Math.max(a, b) + 1')];
  const [begun, extended, accepted, replayed, differing, unequal] = inOneProcess(
    folder,
    ['run', '-n', '20', '--seed', '42', ...same],
    ['extend', '1', '--to', '30', ...others],
    ['extend', '1', '--to', '30', '--accept-changed-simulation', ...others],
    ['replay', '1', '3', ...others],
    ['replay', '1', '3', ...mended],
    ['replay', '1', '3', '--json', ...mended],
  );
  expect(begun.code).toBe(0);
  for (const outcome of [extended, accepted, replayed]) {
    expect(outcome).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        'its measures are sum, highest; at hand: highest, sum',
      ) as string,
    });
  }
  expect(differing).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(
      /iteration 3 of run 1 came to \d of highest, and \d is stored/,
    ) as string,
  });
  expect(lastLine(unequal)).toMatchObject({
    matches: false,
    measures: { sum: { matches: true }, highest: { matches: false } },
  });
  const dataSource = await openPglite({ folder: join(folder, '.stepcompute') });
  await dataSource.query(
    'UPDATE stepcompute_value SET more = ARRAY[more[1] + 1] WHERE run_id = 1 AND iteration_id = 3',
  );
  await dataSource.destroy();
  const [verified] = inOneProcess(folder, ['show', '1', '--verify']);
  const again = await openPglite({ folder: join(folder, '.stepcompute') });
  await again.query(
    `UPDATE stepcompute_value SET more = '{}' WHERE run_id = 1 AND iteration_id = 3`,
  );
  await again.destroy();
  const [fewer] = inOneProcess(folder, ['show', '1', '--verify']);
  expect(fewer).toMatchObject({
    code: 6,
    stderr: expect.stringContaining('have not 2 numbers, one for each measure') as string,
  });
  expect(verified).toMatchObject({
    code: 6,
    stderr: expect.stringContaining('the mean of highest stored is') as string,
  });
});

it('says which measure of which iteration is wrong', () => {
  const generator = ['--generator', writeDice('odd.mjs', undefined, 'NaN')];
  const [failed] = inOneProcess(folder, ['run', '-n', '3', '--db', 'memory', ...generator]);
  expect(failed).toMatchObject({
    code: 3,
    stderr: expect.stringContaining(
      'measure highest must be a finite number; the generator returned NaN',
    ) as string,
  });
});

it('draws all stored values, also those beyond the ones that the average is of', () => {
  putDatabase(folder);
  const source = `export default ({ iterationId }) => {
    if (iterationId === 22) throw new Error('boom');
    return iterationId < 20 ? iterationId / 19 : iterationId === 20 ? -100 : 100;
  };`;
  writeFileSync(join(folder, 'grows.mjs'), source);
  const [begun, extended, shown] = inOneProcess(
    folder,
    ['run', '-n', '20', '--generator', 'grows.mjs'],
    ['extend', '1', '--to', '23', '--concurrency', '1'],
    ['show', '1', '--histogram', 'value'],
  );
  expect([begun.code, extended.code, shown.code]).toEqual([0, 3, 0]);
  expect(shown.stdout).toContain('averaged\t20\n');
  expect(shown.stdout).toContain('maximum\t1\n');
  // The two beyond have a bin each, and none shares that of the 20.
  expect(shown.stdout).toMatch(/^ +-100 +1 /m);
  expect(shown.stdout).toMatch(/^ +0 +20 /m);
  expect(shown.stdout).toMatch(/^ +100 +1 /m);
});
