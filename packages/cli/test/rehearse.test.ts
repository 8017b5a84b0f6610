import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectedAverage } from '@stepcompute/core/testing';
import { unvalidated } from '../../../testing/assembly.js';
import { isExhaustive, times } from '../../../testing/exhaustive.js';
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
  },
);

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
])('refuses %j with one clear line', async (args, message) => {
  const outcome = await rehearse(...args);
  expect(outcome).toMatchObject({ code: 2, stdout: '' });
  expect(outcome.stderr).toContain(message);
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

if (isExhaustive) {
  it('says which step refused a run, and why', async () => {
    const outcome = await rehearse('-n', '5000');
    expect(outcome.code).toBe(3);
    expect(outcome.stderr).toContain(
      'RetrieveRunId failed with InvalidInputError: repetitions must be at most 2854',
    );
  });
}
