import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Fingerprint } from '@stepcompute/core';
import { expectedAverage } from '@stepcompute/core/testing';
import { unvalidated } from '../../../testing/assembly.js';
import { isExhaustive, times } from '../../../testing/exhaustive.js';
import { createDatabase, hasPostgres } from '../../../testing/postgres/databases.js';
import { lastLine, stepcompute, type Outcome } from './support.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rehearse = (...args: string[]): Promise<Outcome> =>
  stepcompute(folder, ['rehearse', ...args], { environment: { ...unvalidated, TMPDIR: folder } });

it.each(isExhaustive ? ['inline', 'distributed'] : ['distributed'])(
  'rehearses a run with the same bits as in memory, %s',
  async (mode) => {
    const repetitions = times(40, 200);
    const args = ['--repetitions', String(repetitions), '--seed', '42'];
    const rehearsed = await rehearse(...args, '--mode', mode, '--json');
    expect(rehearsed.code).toBe(0);
    const { elapsedMs, rehearsal, delayMs, request, ...report } = lastLine(rehearsed);
    const inMemory = await stepcompute(folder, ['run', '--db', 'memory', ...args, '--json']);
    const { elapsedMs: sooner, delayMs: none, request: asked, ...expected } = lastLine(inMemory);
    expect(report).toEqual(expected);
    expect(request).toEqual({ ...(asked as object), delayMs });
    expect([elapsedMs, sooner, none, delayMs]).toEqual([
      expect.any(Number),
      expect.any(Number),
      0,
      600_000,
    ]);
    expect(rehearsal).toMatchObject(
      mode === 'inline'
        ? {
            lambdaRequests: repetitions + 2,
            longestHistory: 7 * repetitions + 20,
            childExecutions: 0,
          }
        : { lambdaRequests: 3, longestHistory: 22, childExecutions: 1 },
    );
    // An account of ten does inline a quarter of what forty functions do.
    const { lengths } = rehearsal as { lengths: { functions: number; seconds: number }[] };
    expect(lengths.map(({ functions }) => functions)).toEqual([10, 100, 1000]);
    const [ten = 0, hundred = 0, thousand = 0] = lengths.map(({ seconds }) => seconds);
    expect(thousand).toBeGreaterThanOrEqual(600);
    expect(hundred).toBe(thousand);
    if (mode === 'inline') expect(ten).toBeGreaterThan(3 * hundred);
  },
);

/** The report but for how long it took, where, and after which delay: all that may differ. */
function comparable(outcome: Outcome): object {
  expect(outcome).toMatchObject({ code: 0 });
  const { runId, elapsedMs, rehearsal, delayMs, request, simulation, ...report } = lastLine(
    outcome,
  ) as Record<string, object>;
  const { delayMs: asked, ...others } = request as Record<string, unknown>;
  const [{ bundle, files, bundler }, ...more] = simulation as [Fingerprint, ...Fingerprint[]];
  return { ...report, request: others, simulation: [{ bundle, files, bundler }, ...more] };
}

describe('a simulation with parameters and two measures', () => {
  const generator = resolve(__dirname, '../../../examples/option-pricing/simulation.mjs');
  const parameters = { maturity: 2, rate: 0.01, spot: 101.5, strike: 110, volatility: 0.3 };
  const given = [
    ...['--generator', generator, '--json'],
    ...Object.entries(parameters).flatMap(([name, value]) => ['-p', `${name}=${value}`]),
  ];
  const repetitions = times(60, 2000);
  const request = ['-n', String(repetitions), '--seed', '42', ...given];
  let expected: object;
  beforeAll(async () => {
    expected = comparable(await stepcompute(folder, ['run', '--db', 'memory', ...request]));
    expect(expected).toMatchObject({
      parameters,
      generator: 'European call',
      measures: { price: { count: repetitions }, delta: { count: repetitions, min: 0 } },
      count: repetitions,
    });
  });

  it.each<[string, string[]]>([
    ['a folder', ['run', '--db', 'reports']],
    ['worker threads', ['run', '--db', 'memory', '--workers', '2']],
    ['a rehearsal inline', ['rehearse', '--mode', 'inline']],
  ])('has the same report from %s as from memory', async (_, command) => {
    const outcome = await stepcompute(folder, [...command, ...request], {
      environment: { ...unvalidated, TMPDIR: folder },
    });
    expect(comparable(outcome)).toEqual(expected);
  });

  if (hasPostgres) {
    it('has the same report from a server', async () => {
      const { url, drop } = await createDatabase();
      try {
        const outcome = await stepcompute(folder, ['run', '--db', url, ...request]);
        expect(comparable(outcome)).toEqual(expected);
      } finally {
        await drop();
      }
    });
  }

  it('has the same report from a rehearsal distributed, which the command extends in its folder', async () => {
    const place = ['--db', 'rehearsed'];
    const rehearsed = await rehearse('--mode', 'distributed', ...request, ...place);
    expect(comparable(rehearsed)).toEqual(expected);
    const described = await stepcompute(folder, ['describe', generator, '--json']);
    const { fingerprint } = lastLine(described) as { readonly fingerprint: Fingerprint };
    expect(lastLine(rehearsed).simulation).toEqual([fingerprint]);

    const more = String(repetitions + 40);
    const extend = ['extend', '1', '--to', more, '--delay', '0', ...place, '--json'];
    // Where it was deployed from is no business of the record's.
    const unnamed = await stepcompute(folder, extend);
    expect(unnamed).toMatchObject({ code: 2 });
    expect(unnamed.stderr).toContain('name its file with --generator');
    const extended = await stepcompute(folder, [...extend, '--generator', generator]);
    expect(extended).toMatchObject({ code: 0 });
    const inMemory = ['run', '--db', 'memory', '-n', more, '--seed', '42', ...given];
    const { average, count } = lastLine(await stepcompute(folder, inMemory));
    expect(lastLine(extended)).toMatchObject({
      average,
      count,
      parameters,
      changed: 0,
      simulation: [fingerprint],
    });
  });
});

if (isExhaustive) {
  it('keeps payloads and histories far below their limits at 100,000 repetitions', async () => {
    const args = ['--mode', 'distributed', '-n', '100000', '--seed', '7', '--json'];
    const { average, rehearsal } = lastLine(await rehearse(...args));
    expect(average).toBe(expectedAverage(7, 100_000).mean);
    const { largestPayloadBytes, longestHistory } = rehearsal as Record<string, number>;
    expect(largestPayloadBytes).toBeLessThan(200 * 1024);
    expect(longestHistory).toBeLessThan(20_000);
  });
}

it('deploys a simulation of one’s own, gets over the faults of AWS, and shows what it would have cost', async () => {
  const source = 'export default ({ random }) => random.integer(1, 6);';
  writeFileSync(join(folder, 'die.mjs'), source);
  const args = ['-n', '40', '--seed', '1', '--generator', 'die.mjs'];
  const outcome = await rehearse(...args, '--faults', '0.2', '--fault-seed', '3');
  expect(outcome.code).toBe(0);
  expect(outcome.stdout).toMatch(/^would have cost\t\$/m);
  expect(outcome.stdout).toMatch(/^faults\t.*\w+ \d/m);
  const inMemory = await stepcompute(folder, ['run', '--db', 'memory', ...args]);
  const averageOf = ({ stdout }: Outcome): string | undefined => /^average\t.*$/m.exec(stdout)?.[0];
  expect(averageOf(outcome)).toBeDefined();
  expect(averageOf(outcome)).toBe(averageOf(inMemory));
});

it.each([
  [['--mode', 'both'], 'mode must be "inline" or "distributed"'],
  [['--faults', '2'], 'faults must be a number from 0 to 1'],
  [['--crashes', ''], 'crashes must be a number from 0 to 1'],
  [['--fault-seed', 'x'], 'fault seed must be a whole number'],
  [['--repetitions', '0'], 'repetitions must be an integer'],
  [['--generator', 'nowhere.js'], 'generator must be a file that exists'],
  [['--db', 'http://somewhere'], 'database must be "memory", a folder, or postgres://'],
  // AWS's refusals are known before anything is synthesized.
  [
    ['-n', '2855'],
    'repetitions must be at most 2854 in inline mode (deploy with mode "distributed"',
  ],
  [['-n', '200000000', '--mode', 'distributed'], 'repetitions must be at most 102400000 of this'],
])('refuses %j with one clear line', async (args, message) => {
  const outcome = await rehearse('--db', 'untouched', ...args);
  expect(outcome).toMatchObject({ code: 2, stdout: '' });
  expect(outcome.stderr).toMatch(/^stepcompute: .*\n$/);
  expect(outcome.stderr).toContain(message);
  expect(existsSync(join(folder, 'untouched'))).toBe(false);
});

it('refuses a simulation that can’t be deployed, with the reason alone', async () => {
  const source = 'export default () => 1; export const late = () => import("./nowhere.mjs");';
  writeFileSync(join(folder, 'undeployable.mjs'), source);
  const outcome = await rehearse('--generator', 'undeployable.mjs', '--json');
  expect(outcome.code).toBe(2);
  expect(outcome.stderr).toMatch(
    /^stepcompute: generator must be a simulation that can be deployed \(undeployable\.mjs:1:\d+: .*"\.\/nowhere\.mjs".*\); got "undeployable\.mjs"\n$/,
  );
  expect(lastLine(outcome)).toMatchObject({ error: { code: 'INVALID_INPUT' } });
});

it('says which step failed, in JSON too, and leaves nothing behind', async () => {
  const outcome = await rehearse('-n', '30', '--crashes', '1', '--json');
  expect(outcome.code).toBe(3);
  expect(outcome.stderr).toContain('RetrieveRunId failed with Runtime.ExitError');
  expect(lastLine(outcome)).toMatchObject({
    error: { name: 'StepFailedError', code: 'STEP_FAILED' },
    rehearsal: { faults: { crash: 1 }, lambdaRequests: 1 },
  });
  expect(readdirSync(folder).filter((name) => name.startsWith('stepcompute-'))).toEqual([]);
});
