import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Quantile, RunReport } from '@stepcompute/core';
import { studentTQuantile } from '@stepcompute/core/adapters';
import { unvalidated } from '../../../testing/assembly.js';
import type { CheckResult } from '../src/checks.js';
import { inOneProcess, lastLine, putDatabase, stepcompute, type Ending } from './support.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-analysis-'));
  putDatabase(folder);
  writeFileSync(
    join(folder, 'queue.mjs'),
    `export default {
       measures: ['wait', 'idle'],
       generate: ({ random }) => ({ wait: random.exponential(1), idle: random.integer(0, 9) }),
     };`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const queue = ['--generator', 'queue.mjs', '--seed', '42'];

interface AnalysisReport extends RunReport {
  readonly measures: Record<
    string,
    NonNullable<RunReport['measures'][string]> & { readonly quantiles?: readonly Quantile[] | null }
  >;
  readonly checks?: readonly CheckResult[];
  readonly error?: { readonly code: string; readonly message: string };
}

const reportOf = (outcome: Pick<Ending, 'stdout'>): AnalysisReport =>
  lastLine(outcome) as unknown as AnalysisReport;

/** A run's values of each measure, in order, from what `values` prints. */
function sorted({ stdout }: Ending): { readonly wait: number[]; readonly idle: number[] } {
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(',').map(Number));
  const column = (place: number): number[] => rows.map((row) => row[place]!).sort((a, b) => a - b);
  return { wait: column(1), idle: column(2) };
}

/** Whoever has all values in memory takes it so. */
function quantileOf(values: readonly number[], probability: number, confidence = 0.95): Quantile {
  const n = values.length;
  const position = (n - 1) * probability;
  const [low, high] = [values[Math.floor(position)]!, values[Math.ceil(position)]!];
  // How many values lie below the quantile is binomial: each term from the one before.
  const outside = (1 - confidence) / 2;
  let term = (1 - probability) ** n;
  let atMost = term;
  let lower = -1;
  let upper = n;
  for (let k = 0; k < n; k += 1) {
    if (atMost <= outside) lower = k;
    if (upper === n && 1 - atMost <= outside) upper = k;
    term *= ((n - k) * probability) / ((k + 1) * (1 - probability));
    atMost += term;
  }
  return {
    probability,
    value: low + (high - low) * (position - Math.floor(position)),
    confidenceInterval: lower < 0 || upper >= n ? null : [values[lower]!, values[upper]!],
  };
}

describe('quantiles', () => {
  const probabilities = [0.05, 0.5, 0.951, 0.0001];
  const asked = ['--quantiles', probabilities.join()];

  it('of each measure are those of its values, from run, resume and show alike', () => {
    const [run, resumed, shown, values] = inOneProcess(
      folder,
      ['run', '-n', '200', ...queue, ...asked, '--json'],
      ['resume', '1', ...asked, '--json'],
      ['show', '1', ...asked, '--json'],
      ['values', '1'],
    );
    const { measures } = reportOf(run);
    expect(reportOf(resumed).measures).toEqual(measures);
    expect(reportOf(shown).measures).toEqual(measures);
    const { wait, idle } = sorted(values);
    for (const [name, of] of Object.entries({ wait, idle })) {
      const expected = probabilities.map((probability) => {
        const quantile = quantileOf(of, probability);
        return { ...quantile, value: expect.closeTo(quantile.value, 12) as number };
      });
      expect(measures[name]!.quantiles).toEqual(expected);
      expect(measures[name]!.quantiles!.at(-1)!.confidenceInterval).toBeNull();
    }
    // What was not asked for is in no report.
    expect(run.stdout).not.toContain('"checks"');
  });

  it('are columns of a table of several measures, and rows of a single one', () => {
    const [several, single] = inOneProcess(
      folder,
      ['run', '-n', '100', ...queue, '--quantiles', '0.5,0.9'],
      ['run', '-n', '100', '--seed', '42', '--db', 'memory', '--quantiles', '0.5,0.9'],
    );
    const [head = '', ...rows] = several.stdout.trimEnd().split('\n').slice(-3);
    expect(head).toMatch(
      /\tmaximum\tquantile 0.5\tinterval of quantile 0.5\tquantile 0.9\tinterval of quantile 0.9$/,
    );
    expect(rows.map((row) => row.split('\t').length)).toEqual(
      Array(2).fill(head.split('\t').length),
    );
    expect(single.stdout).toMatch(
      /\nmaximum\t.+\nquantile 0.5\t[\d.]+\ninterval of quantile 0.5\t[\d.]+ to [\d.]+\nquantile 0.9\t/,
    );
  });

  it('of a run that is not completed there are none, which show says', () => {
    writeFileSync(
      join(folder, 'fails.mjs'),
      'export default ({ iterationId }) => { if (iterationId > 5) throw new Error("boom"); return 1; };',
    );
    const [failed, shown, shownAsJson] = inOneProcess(
      folder,
      ['run', '-n', '9', '--generator', 'fails.mjs', '--json', ...asked],
      ['list', '--limit', '1', '--json'],
      ['show', '3', '--json', ...asked, '--check', 'mean(value) < 3'],
    );
    const [{ runId }] = JSON.parse(shown.stdout) as [{ readonly runId: number }];
    expect([failed.code, runId]).toEqual([3, 3]);
    expect(reportOf(shownAsJson)).toMatchObject({
      status: 'failed',
      measures: { value: null },
      checks: [{ holds: false, actual: null, reason: 'the run is not completed' }],
    });
    const [begun, extended, text, json] = inOneProcess(
      folder,
      ['run', '-n', '6', '--generator', 'fails.mjs'],
      ['extend', '4', '--to', '9'],
      ['show', '4', ...asked],
      ['show', '4', ...asked, '--json'],
    );
    expect([begun.code, extended.code, text.code]).toEqual([0, 3, 0]);
    expect(text.stdout).not.toContain('quantile');
    expect(text.stderr).toContain(
      'Warning: run 4 is failed: it has no quantiles before it is completed\n',
    );
    expect(reportOf(json).measures.value).toMatchObject({ count: 6, quantiles: null });
  });
});

describe('a check', () => {
  const holds = ['--check', 'mean(wait) < 2 with 99%', '--check', 'median(idle) >= 0'];
  const fails = ['--check', 'p95(wait) < 1', '--check', 'mean(idle) <= 1', ...holds];
  const failure =
    /^stepcompute: 2 of 4 checks failed: p95\(wait\) < 1 \(\d\.\d+\); mean\(idle\) <= 1 \(\d\.\d+\)$/m;

  it('that holds changes nothing but the report', () => {
    const [asJson, asText] = inOneProcess(
      folder,
      ['run', '-n', '200', '--db', 'memory', ...queue, ...holds, '--json'],
      ['run', '-n', '200', '--db', 'memory', ...queue, ...holds],
    );
    expect(asJson).toMatchObject({ code: 0, stderr: '' });
    const { checks = [], measures } = reportOf(asJson);
    expect(checks.map(({ check, holds, reason }) => [check, holds, reason])).toEqual([
      ['mean(wait) < 2 with 99%', true, null],
      ['median(idle) >= 0', true, null],
    ]);
    expect(Object.keys(measures.wait!)).not.toContain('quantiles');
    expect(asText.code).toBe(0);
    expect(asText.stdout).toMatch(
      /^check\tholds: mean\(wait\) < 2 with 99% \(0\.\d+ to 1\.\d+\)$/m,
    );
    expect(asText.stdout).toMatch(/^check\tholds: median\(idle\) >= 0 \(\d(\.5)?\)$/m);
  });

  it('that fails ends every command with 7, and the run is kept', () => {
    const begun = ['run', '-n', '200', ...queue];
    const [run] = inOneProcess(folder, [...begun, ...fails]);
    const id = /^run\t(\d+)$/m.exec(run.stdout)![1]!;
    const all = inOneProcess(
      folder,
      ['resume', id, ...fails],
      ['extend', id, '--to', '300', ...fails],
      ['show', id, ...fails],
      ['show', id, ...fails, '--json'],
      [...begun, ...fails, '--json'],
      ['resume', id, ...fails, '--json'],
      ['extend', id, '--to', '400', ...fails, '--json'],
    );
    for (const { code, stderr } of [run, ...all]) {
      expect(code).toBe(7);
      expect(stderr).toMatch(failure);
    }
    for (const { stdout } of [run, ...all.slice(0, 3)]) {
      expect(stdout).toMatch(/^check\tfails: p95\(wait\) < 1 \(\d\.\d+\)$/m);
      expect(stdout.match(/^check\tholds/gm)).toHaveLength(2);
    }
    for (const outcome of all.slice(3)) {
      expect(outcome.stdout.trimEnd()).not.toContain('\n');
      expect(reportOf(outcome)).toMatchObject({
        status: 'completed',
        missing: 0,
        checks: [{ holds: false }, { holds: false }, { holds: true }, { holds: true }],
        error: { code: 'CHECK_FAILED', message: expect.stringContaining('2 of 4') as string },
      });
    }
  });

  it('with a confidence is about the interval that this has', () => {
    const texts = ['mean(wait) < 9 with 95%', 'mean(wait) < 9 with 99%', 'p90(wait) < 9 with 99%'];
    const more = [...texts, 'p90(wait) < 9 with 95%', 'mean(wait) < 9 with 99.99999999999999%'];
    const [run, values] = inOneProcess(
      folder,
      ['run', '-n', '250', '--db', 'checked', ...queue, '--json', '--quantiles', '0.9'].concat(
        more.flatMap((text) => ['--check', text]),
      ),
      ['values', '1', '--db', 'checked'],
    );
    expect(run.code).toBe(0);
    const { checks = [], measures } = reportOf(run);
    const { average, standardError, confidenceInterval, quantiles } = measures.wait!;
    const [mean95, mean99, quantile99, quantile95, extreme] = checks.map(({ actual }) => actual);
    expect(mean95).toEqual(confidenceInterval);
    const margin = studentTQuantile(0.995, 249) * standardError!;
    expect(mean99).toEqual([
      expect.closeTo(average - margin, 12) as number,
      expect.closeTo(average + margin, 12) as number,
    ]);
    const { wait } = sorted(values);
    expect(quantile99).toEqual(quantileOf(wait, 0.9, 0.99).confidenceInterval);
    expect(quantile95).toEqual(quantiles![0]!.confidenceInterval);
    const [, upper = NaN] = mean99 as readonly number[];
    expect((extreme as readonly number[])[1]).toBeGreaterThan(upper);
  });

  it('may stand beside as many quantiles as there can be', () => {
    const most = Array.from({ length: 1000 }, (_, index) => index / 1000);
    const [outcome] = inOneProcess(
      folder,
      ['run', '-n', '2000', '--db', 'memory', '--json', '--quantiles', most.join()].concat(
        ...['p99.95(value) > 0', 'p99.95(value) > 0 with 1%'].map((text) => ['--check', text]),
      ),
    );
    expect(outcome.code).toBe(0);
    expect(reportOf(outcome).measures.value!.quantiles).toHaveLength(1000);
  });
});

it('is of a rehearsal too, whose goal has a maximum that the mode allows', async () => {
  const asked = ['--until-precision', '2', '--min', '80', ...queue, '--quantiles', '0.5'];
  const checked = [...asked, '--check', 'p95(wait) < 0', '--json'];
  const environment = { ...unvalidated, TMPDIR: folder };
  const rehearsed = await stepcompute(folder, ['rehearse', ...checked], { environment });
  const inMemory = ['run', '--db', 'memory', '--max', '2854', ...checked];
  const [expected] = inOneProcess(folder, inMemory);
  expect([rehearsed.code, expected.code]).toEqual([7, 7]);
  const { measures, checks, error, precision } = reportOf(expected);
  expect(reportOf(rehearsed)).toMatchObject({ measures, checks, error, precision });
  expect(precision).toMatchObject({ maximum: 2854, reached: { look: 1, isReached: true } });
  // The costs are the run's alone.
  expect(lastLine(rehearsed).rehearsal).toMatchObject({ lambdaRequests: 82 });
});

it('refuses with one clear line, and writes nothing', () => {
  const run = ['run', '--db', 'untouched', ...queue];
  const rehearse = ['rehearse', '--db', 'untouched', ...queue];
  const tooMany = Array.from({ length: 1001 }, (_, index) => index / 2000).join();
  const refused: readonly (readonly [readonly string[], string])[] = [
    ...['-0.1', '1.1', 'p95', '95%', '', '0.5,', 'NaN', 'Infinity', '0.5;0.9'].map(
      (text) =>
        [[...run, `--quantiles=${text}`], 'a quantile must be a number from 0 to 1'] as const,
    ),
    [[...run, '--quantiles', 'p95'], 'got "p95"'],
    [[...run, '--quantiles', '0.5,0.50'], 'quantiles must be numbers that differ'],
    [[...run, '--quantiles', tooMany], 'quantiles must be an array of 1 to 1000 numbers'],
    [[...run, '--check', ''], 'expected at character 1'],
    [[...run, '--check', 'mean(wait) < three'], 'expected at character 14: a finite number'],
    [
      [...run, '--check', 'mean(price) < 3'],
      'the measure of --check mean(price) < 3 must be one of',
    ],
    [[...rehearse, '--check', 'mean(price) < 3'], 'must be one of wait, idle; got "price"'],
    [[...rehearse, '--quantiles', '2'], 'a quantile must be a number from 0 to 1; got 2'],
    ...(['resume', 'extend', 'show'] as const).map((command) => {
      const to = command === 'extend' ? ['--to', '400'] : [];
      return [
        [command, '1', ...to, '--check', 'mean(price) < 3'],
        'must be one of wait, idle; got "price"',
      ] as const;
    }),
  ];
  const show = ['show', '1', '--json'];
  const lines = [show, ...refused.map(([args]) => args), show];
  const endings: readonly Ending[] = inOneProcess(folder, ...lines);
  for (const [index, [args, message]] of refused.entries()) {
    const { code, stdout, stderr } = endings[index + 1]!;
    expect({ args, code, stdout, stderr }).toEqual({
      args,
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^stepcompute: [^\n]*\n$/) as string,
    });
    expect(stderr).toContain(message);
  }
  expect(existsSync(join(folder, 'untouched'))).toBe(false);
  expect(endings.at(-1)!.stdout).toBe(endings[0]!.stdout);
});
