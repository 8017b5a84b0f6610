import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { inOneProcess, putDatabase, stepcompute } from './support.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-values-'));
  putDatabase(folder);
  writeFileSync(
    join(folder, 'option.mjs'),
    `export default {
      parameters: { strike: 100, kind: 'call' },
      measures: ['payoff', 'delta'],
      generate: ({ random, parameters }) => {
        const payoff = Math.max(0, 100 * Math.exp(random.normal()) - parameters.strike);
        return { payoff, delta: payoff > 0 ? 1 : 0 };
      },
    };`,
  );
  writeFileSync(
    join(folder, 'halfway.mjs'),
    `export default ({ iterationId }) => {
      if (iterationId === 1) throw new Error('no value');
      return iterationId;
    };`,
  );
  writeFileSync(
    join(folder, 'strikes.json'),
    JSON.stringify([
      { name: 'low', strike: 90 },
      { name: 'high, "dear" ✓', strike: 110, kind: 'put' },
    ]),
  );
  const outcomes = inOneProcess(
    folder,
    ['run', '-n', '3', '--seed', '42', '--generator', 'option.mjs'],
    ['run', '-n', '3', '--seed', '42', '--generator', 'halfway.mjs', '--concurrency', '1'],
    'experiment strikes.json --generator option.mjs -n 20 --seed 1'.split(' '),
  );
  expect(outcomes.map(({ code }) => code)).toEqual([0, 3, 0]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function bytesOf(file: string): ArrayBuffer {
  return Uint8Array.from(readFileSync(join(folder, file))).buffer;
}

it('prints a run’s csv as ever, and its tidy table where that is asked for', () => {
  const [csv, tidy, jsonl] = inOneProcess(
    folder,
    ['values', '1'],
    ['values', '1', '--tidy'],
    ['values', '1', '--format', 'jsonl'],
  );
  const lines = csv.stdout.trimEnd().split('\n');
  expect(lines).toHaveLength(3);
  const rows = lines.map((line) => line.split(','));
  expect(tidy.stdout).toBe(
    'run,scenario,iteration,kind,strike,payoff,delta\n' +
      rows.map(([id, payoff, delta]) => `1,,${id},call,100,${payoff},${delta}\n`).join(''),
  );
  const objects = rows.map(([id, payoff, delta]) => ({
    ...{ run: 1, scenario: null, iteration: Number(id), kind: 'call', strike: 100 },
    ...{ payoff: Number(payoff), delta: Number(delta) },
  }));
  expect(jsonl.stdout).toBe(objects.map((object) => `${JSON.stringify(object)}\n`).join(''));
});

it('writes an experiment to a file of each format, and the same to standard output', async () => {
  const one = ['values', '--experiment', 'strikes', '--format'];
  const [csv, tidy, jsonl, ...written] = inOneProcess(
    folder,
    [...one, 'csv', '--header'],
    [...one, 'csv', '--tidy'],
    [...one, 'jsonl'],
    [...one, 'csv', '--tidy', '--out', 'all.csv'],
    [...one, 'jsonl', '--out', 'all.jsonl'],
    [...one, 'parquet', '--out', 'all.parquet'],
  );
  expect(written.map(({ code, stdout, stderr }) => [code, stdout, stderr])).toEqual([
    [0, '', ''],
    [0, '', ''],
    [0, '', ''],
  ]);
  expect(csv.stdout).toMatch(/^scenario,iteration,payoff,delta\nlow,0,/);
  expect(readFileSync(join(folder, 'all.csv'), 'utf8')).toBe(tidy.stdout);
  expect(readFileSync(join(folder, 'all.jsonl'), 'utf8')).toBe(jsonl.stdout);
  const rows = await parquetReadObjects({ file: bytesOf('all.parquet') });
  const objects = jsonl.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(rows).toEqual(objects);
  expect(rows).toHaveLength(40);
  expect(rows[20]).toMatchObject({ scenario: 'high, "dear" ✓', iteration: 0, strike: 110 });
  const piped = await stepcompute(folder, [...one, 'parquet'], {
    stdoutTo: join(folder, 'piped.parquet'),
  });
  expect(piped).toMatchObject({ code: 0, stderr: '' });
  expect(await parquetReadObjects({ file: bytesOf('piped.parquet') })).toEqual(rows);
  expect(parquetMetadata(bytesOf('all.parquet')).key_value_metadata?.[0]).toMatchObject({
    key: 'stepcompute',
    value: expect.stringContaining('"experiment":"strikes"') as string,
  });
});

it('writes the values that there are of a run that failed', async () => {
  const [written] = inOneProcess(folder, [
    'values',
    '2',
    '--format',
    'parquet',
    '--out',
    'failed.parquet',
  ]);
  expect(written).toMatchObject({
    code: 0,
    stderr: 'Warning: run 2 is failed: these are the values that are stored by now\n',
  });
  const rows = await parquetReadObjects({ file: bytesOf('failed.parquet') });
  expect(rows.map(({ iteration }): unknown => iteration)).not.toContain(1);
  const { key_value_metadata: pairs } = parquetMetadata(bytesOf('failed.parquet'));
  expect(JSON.parse(pairs![0]!.value!)).toMatchObject({ runs: [{ run: 2, status: 'failed' }] });
});

describe('a file', () => {
  it('that is there stays as it was, unless it is to be replaced', () => {
    writeFileSync(join(folder, 'there.csv'), 'mine');
    mkdirSync(join(folder, 'a-folder'));
    const [kept, ofFolder, nowhere] = inOneProcess(
      folder,
      ['values', '1', '--out', 'there.csv'],
      ['values', '1', '--out', 'a-folder', '--force'],
      ['values', '1', '--out', join('no-folder', 'values.csv')],
    );
    expect([kept, ofFolder, nowhere].map(({ code, stderr }) => [code, stderr])).toEqual([
      [
        2,
        'stepcompute: --out must be a file that is not there yet (--force replaces it); got "there.csv"\n',
      ],
      [2, 'stepcompute: --out must be the name of a file; got "a-folder"\n'],
      [2, expect.stringMatching(/^stepcompute: --out must be in a folder .* \(ENOENT: .*\n$/)],
    ]);
    expect(readFileSync(join(folder, 'there.csv'), 'utf8')).toBe('mine');
    const [printed, forced] = inOneProcess(
      folder,
      ['values', '1'],
      ['values', '1', '--out', 'there.csv', '--force'],
    );
    expect(forced).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder, 'there.csv'), 'utf8')).toBe(printed.stdout);
  });

  it('is not begun when the run does not exist', () => {
    const [unknown] = inOneProcess(folder, ['values', '99', '--out', 'unknown.csv']);
    expect(unknown).toMatchObject({ code: 4 });
    expect(readdirSync(folder).filter((name) => name.includes('unknown'))).toEqual([]);
  });
});

it('refuses options that say nothing together', () => {
  const lines = [
    ['--tidy', '--format', 'json'],
    ['--tidy', '--header'],
    ['--header', '--format', 'jsonl'],
    ['--header', '--format', 'parquet'],
    ['--force'],
  ];
  const outcomes = inOneProcess(folder, ...lines.map((line) => ['values', '1', ...line]));
  expect(outcomes.map(({ code, stderr }) => [code, stderr.replace('stepcompute: ', '')])).toEqual(
    [
      '--tidy must be beside csv, or left out with jsonl; got "json"\n',
      '--header must be left out with --tidy, which names all it has; got true\n',
      '--header must be left out with jsonl, which names all it has; got true\n',
      '--header must be left out with parquet, which names all it has; got true\n',
      '--force must be left out, unless beside --out; got true\n',
    ].map((message) => [2, message]),
  );
});

describe('docs/values.md', () => {
  const page = readFileSync(join(__dirname, '../../../docs/values.md'), 'utf8');
  const blocks = [...page.matchAll(/```(\w+)\n([^]*?)```/g)].map(
    ([, language = '', text = '']) => ({
      language,
      text,
    }),
  );
  const means = (): Promise<readonly (readonly [string, number])[]> =>
    parquetReadObjects({ file: bytesOf('values.parquet') }).then((rows) => {
      const scenarios = [...new Set(rows.map(({ scenario }) => scenario as string))];
      return scenarios.sort().map((scenario) => {
        const own = rows.filter((row) => row.scenario === scenario);
        const sum = own.reduce((total, { payoff }) => total + (payoff as number), 0);
        return [scenario, sum / own.length] as const;
      });
    });

  beforeAll(() => {
    const [shell] = blocks;
    expect(shell?.language).toBe('sh');
    const lines = shell!.text.trimEnd().split('\n');
    const words = lines.map((line) => line.split(' ').slice(2));
    for (const { code, stderr } of inOneProcess(folder, ...words)) {
      expect([code, stderr]).toEqual([0, '']);
    }
  });

  it('has lines of SQL that DuckDB reads', async () => {
    const sql = blocks.filter(({ language }) => language === 'sql');
    expect(sql).not.toHaveLength(0);
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    for (const { text } of sql) {
      const inFolder = text.replaceAll(
        /'(values\.\w+)'/g,
        (_, file: string) => `'${join(folder, file)}'`,
      );
      const reader = await connection.runAndReadAll(inFolder);
      const rows = reader.getRows() as [string, number][];
      expect(rows.sort()).toEqual(await closeTo(means()));
    }
    connection.closeSync();
  });

  /** The interpreters' own means: they add in another order. */
  const closeTo = async (wanted: Promise<readonly (readonly [string, number])[]>) =>
    (await wanted).map(([scenario, mean]): unknown[] => [scenario, expect.closeTo(mean, 9)]);

  const interpreters = {
    python: { program: 'python3', flag: '-c', packages: /^import (\w+)/gm },
    r: { program: 'Rscript', flag: '-e', packages: /(\w+)::/g },
  } as const;
  const programs = blocks.flatMap(({ language, text }) =>
    language === 'python' || language === 'r'
      ? [{ language, text, ...interpreters[language] }]
      : [],
  );

  it.each(programs)('has lines of $language that read it: $text', async (program) => {
    const { language, text, packages } = program;
    const needed = Array.from(text.matchAll(packages), ([, name = '']) => name);
    if (text.includes('parquet') && language === 'python') needed.push('pyarrow');
    const load = language === 'python' ? 'import ' : 'loadNamespace';
    const probe = needed.map((name) =>
      language === 'python' ? load + name : `${load}("${name}")`,
    );
    const run = (source: string) =>
      spawnSync(program.program, [program.flag, source], { cwd: folder, encoding: 'utf8' });
    const { status: isThere } = run([...probe, '1'].join('\n'));
    if (isThere !== 0) {
      console.warn(`not run, since ${[program.program, ...needed].join(', ')} is not installed`);
      return;
    }
    const { status, stdout, stderr } = run(text);
    expect([status, stderr]).toEqual([0, '']);
    const printed = Array.from(stdout.matchAll(/^(?:\d+\s+)?(.*?)\s+(-?\d+\.\d+)$/gm), (match) => [
      match[1],
      Number(match[2]),
    ]);
    const expected = (await means()).map(([scenario, mean]): unknown[] => [
      scenario,
      // As many digits as they print.
      expect.closeTo(mean, 4),
    ]);
    expect(printed).toEqual(expect.arrayContaining(expected));
  });
});
