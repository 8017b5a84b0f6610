import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { confirm } from '../src/confirm.js';
import { inOneProcess, lastLine, putDatabase, stepcompute } from './support.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-delete-'));
  putDatabase(folder);
  writeFileSync(
    join(folder, 'option.mjs'),
    `export default {
      parameters: { strike: 100, name: 'call' },
      generate({ random, iterationId, parameters }) {
        if (parameters.strike === 120 && iterationId === 0) throw new Error('no value');
        return random.uniform();
      },
    };`,
  );
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const option = ['run', '--generator', 'option.mjs', '-n', '20', '--json'];

describe('runs that are listed', () => {
  it('have their labels, and are those that are asked for', () => {
    const lines = [
      ['run', '-n', '1000', '--label', 'nightly', '--json'],
      [...option, '--label', 'nightly'],
      [...option, '--param', 'strike=110'],
      [...option, '--param', 'strike=120', '--label', "it's one"],
      ['list', '--json'],
      ['list'],
      ['show', '1'],
    ] as const;
    const filters: readonly (readonly [readonly string[], readonly number[]])[] = [
      [
        ['--label', 'nightly'],
        [2, 1],
      ],
      [['--label', 'nightly', '--limit', '1'], [2]],
      [['--label', "it's one"], [4]],
      [['--status', 'failed'], [4]],
      [
        ['--simulation', 'option.mjs', '--status', 'completed'],
        [3, 2],
      ],
      [['--param', 'strike=110'], [3]],
      [['-p', 'strike=100', '-p', 'name=call'], [2]],
      [
        ['--since', '1h'],
        [4, 3, 2, 1],
      ],
      [
        ['--since', '2000-01-01'],
        [4, 3, 2, 1],
      ],
      [['--since', '9999-01-01T00:00'], []],
      [['--label', 'nobody’s'], []],
    ];
    const outcomes = inOneProcess(
      folder,
      ...lines,
      ...filters.map(([filter]) => ['list', '--json', ...filter]),
      ['list', '--label', 'nobody’s'],
    );
    const [, , , , json, table, shown] = outcomes;
    expect(JSON.parse(json.stdout)).toMatchObject([
      { runId: 4, label: "it's one", parameters: { strike: 120, name: 'call' }, average: null },
      { runId: 3, label: null, parameters: { strike: 110, name: 'call' } },
      { runId: 2, label: 'nightly' },
      { runId: 1, label: 'nightly', repetitions: 1000, generator: 'uniformInteger' },
    ]);
    expect(table.stdout).toMatch(/^run\t.*\tlabel\t/);
    expect(table.stdout).toContain('\tnightly\toption.mjs\t');
    expect(shown.stdout).toContain('label\tnightly\n');
    filters.forEach(([filter, ids], index) => {
      const listed = JSON.parse(outcomes[lines.length + index]!.stdout) as { runId: number }[];
      expect([filter, listed.map(({ runId }) => runId)]).toEqual([filter, ids]);
    });
    expect(outcomes.at(-1)).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'There are no such runs.\n',
    });
  });

  it.each([
    [['--status', 'done'], 'status must be one of started, completed, failed, cancelled'],
    [['--since', 'yesterday'], 'since must be a time'],
    [['--since', '2026-13-01'], 'since must be a time'],
    [['--since', '5 fortnights'], 'since must be a time'],
    [['--label', ''], 'label must be a text'],
    [['--param', 'strike'], '--param must be name=value'],
  ])('are not asked for by %j', (filter, message) => {
    const [outcome] = inOneProcess(folder, ['list', ...filter]);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain(message);
  });
});

describe('delete', () => {
  it('deletes runs for good, and says what it deleted; repeated, it finds nothing', () => {
    const outcomes = inOneProcess(
      folder,
      [...option, '--param', 'strike=120', '--tolerate', '1'],
      option,
      option,
      ['delete', '1', '--yes'],
      ['delete', '1', '-y'],
      ['show', '1'],
      ['values', '1'],
      ['delete', '2', '3', '2', '--yes', '--json'],
      ['list'],
      option,
    );
    const [, , , first, again, shown, values, both, listed, next] = outcomes;
    expect(first).toMatchObject({
      code: 0,
      stdout: 'Deleted run 1, with 19 values, 1 failure, 1 average.\n',
      stderr: '',
    });
    expect(again).toMatchObject({
      code: 0,
      stdout: 'Run 1 was deleted before: nothing of it was left.\n',
    });
    for (const outcome of [shown, values]) {
      expect(outcome).toMatchObject({ code: 4, stdout: '' });
      expect(outcome.stderr).toBe('stepcompute: run 1 does not exist in this store\n');
    }
    expect(lastLine(both)).toEqual({
      deleted: [2, 3].map((runId) => ({ runId, failures: 0, averages: 1, values: 20 })),
    });
    expect(listed.stderr).toBe('There are no runs yet.\n');
    expect(lastLine(next)).toMatchObject({ runId: 4 });
  });

  it('deletes nothing without a terminal unless it is told to ask nothing, and nothing when one of the runs is none', () => {
    const [, unasked, unknown, wrong, none, listed] = inOneProcess(
      folder,
      option,
      ['delete', '1'],
      ['delete', '1', '99', '--yes', '--json'],
      ['delete', '1', 'two', '--yes'],
      ['delete', '--yes'],
      ['list', '--json'],
    );
    expect(unasked).toMatchObject({ code: 2, stdout: '' });
    expect(unasked.stderr).toContain('elsewhere, give --yes');
    expect(unknown.code).toBe(4);
    expect(lastLine(unknown)).toMatchObject({ deleted: [], error: { code: 'RUN_NOT_FOUND' } });
    expect(wrong.code).toBe(2);
    expect(none.code).toBe(2);
    expect(JSON.parse(listed.stdout)).toMatchObject([{ runId: 1, status: 'completed' }]);
  });

  it('refuses a run that is started, unless it is forced to', async () => {
    inOneProcess(folder, option);
    await stepcompute(folder, ['run', '-n', '5', '--delay', '1h'], {
      onStderr: (stderr, kill) => {
        if (/ 5 repetitions.*\n$/.test(stderr)) kill('SIGKILL');
      },
    });
    const [refused, forced] = inOneProcess(
      folder,
      ['delete', '1', '2', '--yes'],
      ['delete', '1', '2', '--yes', '--force', '--json'],
    );
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(/^stepcompute: run 2 is started: .*force.*\n$/);
    expect(lastLine(forced)).toMatchObject({ deleted: [{ runId: 1, values: 20 }, { runId: 2 }] });
  });
});

describe('a question', () => {
  it.each([
    ['y\n', true],
    [' Yes \n', true],
    ['n\n', false],
    ['\n', false],
    ['yesterday\n', false],
    ['', false],
    ['y', true],
  ])('that is answered with %j is taken for %s', async (answer, expected) => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    input.end(answer);
    expect(await confirm('Delete run 3 for good?', input, output)).toBe(expected);
    expect(String(output.read())).toMatch(/^Delete run 3 for good\? \[y\/N\] /);
  });
});
