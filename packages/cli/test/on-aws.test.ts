import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Rehearsal } from '@stepcompute/rehearsal';
import { variables } from '@stepcompute/aws-adapter/wire';
import { synthesize, type TestAssembly } from '../../../testing/assembly.js';
import { lastLine, stepcompute, type Outcome } from './support.js';

/**
 * Two measures, a parameter, and an iteration that fails where another parameter says so. With a folder to
 * meet in, each strike waits there for another one.
 */
const source = `import { readdirSync, writeFileSync } from 'node:fs';

export default {
  name: 'priced',
  parameters: { strike: 100, failing: -1, meeting: '' },
  measures: ['payoff', 'delta'],
  async generate({ iterationId, random, parameters: { strike, failing, meeting } }) {
    if (meeting !== '' && iterationId === 0) {
      writeFileSync(meeting + '/' + strike, '');
      while (readdirSync(meeting).length < 2) await new Promise((go) => setTimeout(go, 20));
    }
    if (iterationId === failing) throw new RangeError('no price at ' + iterationId);
    const price = 100 + 20 * random.normal();
    return { payoff: Math.max(0, price - strike), delta: price > strike ? 1 : 0 };
  },
};`;

const stack = 'Pricing';
let folder: string;
let assembly: TestAssembly;
let rehearsal: Rehearsal;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-on-aws-'));
  const generator = join(folder, 'priced.mjs');
  writeFileSync(generator, source);
  assembly = synthesize({ mode: 'distributed', generator, stackName: stack });
  rehearsal = await Rehearsal.start({
    assembly: assembly.folder,
    timeScale: 60_000,
    scaledVariables: [variables.delay.name],
  });
});
afterAll(async () => {
  await rehearsal.close();
  assembly.remove();
  rmSync(folder, { recursive: true, force: true });
});

const command = (...args: string[]): Promise<Outcome> =>
  stepcompute(folder, args, { environment: rehearsal.environment });
const on = (...args: string[]): Promise<Outcome> => command(...args, '--on', `aws:${stack}`);

const asked = ['-n', '200', '--seed', '42'];
const without = ({ elapsedMs, delayMs, request, simulation, runId, ...rest }: object & Report) =>
  rest;
interface Report {
  readonly elapsedMs?: unknown;
  readonly delayMs?: unknown;
  readonly request?: unknown;
  readonly simulation?: unknown;
  readonly runId?: unknown;
}

describe('a run on a deployment', () => {
  it('has the report of one in memory, from run, show and resume; and its values', async () => {
    const local = await command(
      ...['run', '--generator', 'priced.mjs', '--db', 'memory', '--param', 'strike=110'],
      ...[...asked, '--json'],
    );
    const ran = await on('run', ...asked, '--param', 'strike=110', '--json');
    expect(ran).toMatchObject({ code: 0 });
    expect(without(lastLine(ran))).toEqual(without(lastLine(local)));
    const { runId, measures } = lastLine(ran) as { runId: number; measures: object };
    const id = String(runId);
    expect(lastLine(await on('show', id, '--json'))).toMatchObject({ runId, measures });
    expect(lastLine(await on('resume', id, '--json'))).toMatchObject({ runId, measures });
    const { stdout } = await on('values', id, '--header');
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toBe('iteration,payoff,delta');
    expect(lines).toHaveLength(201);
    const exported = await on('values', id, '--format', 'parquet', '--out', 'values.parquet');
    expect(exported).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(join(folder, 'values.parquet')).subarray(0, 4).toString()).toBe('PAR1');
    const [newest] = lastLine(await on('list', '--json')) as unknown as { runId: number }[];
    expect(newest).toMatchObject({ runId, generator: 'priced', parameters: { strike: 110 } });
  });

  it('that fails exits with 3 and says how it goes on; failures and replay tell why', async () => {
    const failed = await on('run', ...asked, '--param', 'failing=7');
    expect(failed).toMatchObject({ code: 3, stdout: '' });
    expect(failed.stderr).toMatch(/iteration 7 of run \d+ failed: no price at 7/);
    const [, id = ''] = /stepcompute resume (\d+) --on aws:Pricing/.exec(failed.stderr) ?? [];
    const reported = await on('report', id, '--out', 'failed.html');
    expect(reported).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder, 'failed.html'), 'utf8')).toContain(
      `stepcompute replay ${id} 7 --on aws:Pricing</code>`,
    );
    const { stdout } = await on('failures', id, '--json');
    const [failure] = JSON.parse(stdout) as object[];
    expect(failure).toMatchObject({ iterationId: 7, errorName: 'RangeError' });
    const replayed = await on('replay', id, '7', '--generator', 'priced.mjs');
    expect(replayed.code).toBe(3);
    expect(replayed.stderr).toContain('no price at 7');
    const tolerated = await on('resume', id, '--tolerate', '1', '--json');
    expect(lastLine(tolerated)).toMatchObject({ completed: 199, failed: 1, status: 'completed' });
    const extended = await on('extend', id, '--to', '300', '--json');
    expect(lastLine(extended)).toMatchObject({ completed: 299, failed: 1 });
  });

  it.each([
    [['run', '--on', 'elsewhere'], '--on must be aws:STACK'],
    [['run', '--on', 'aws:Nowhere'], 'stack must be one that is deployed in this account'],
    [['run', '--on', 'aws:Pricing', '--delay', '5s'], "cannot be used with option '--delay"],
    [['run', '--on', 'aws:Pricing', '--param', 'strick=1'], 'strick'],
    [['show', '1', '--on', 'aws:Pricing', '--db', 'x'], "cannot be used with option '--db"],
  ])('exits with 2 and one line: %j', async (args, message) => {
    const outcome = await command(...args);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain(message);
    expect(outcome.stderr).not.toMatch(/^\s+at /m);
  });
});

describe('an experiment on a deployment', () => {
  it('has the answer of one in memory to the last bit, with its scenarios under way at once', async () => {
    writeFileSync(join(folder, 'strikes.csv'), 'name,strike\nlow,90\nmiddle,100\nhigh,110\n');
    const experiment = ['experiment', 'strikes.csv', ...asked, '--control', 'low', '--json'];
    experiment.push('--quantiles', '0.05,0.5,0.95');
    const local = await command(...experiment, '--generator', 'priced.mjs', '--db', 'memory');
    const meeting = mkdtempSync(join(folder, 'meeting-'));
    const ran = await on(...experiment, '-p', `meeting=${meeting}`);
    expect([local.code, ran.code]).toEqual([0, 0]);
    const [expected, answer] = [local, ran].map((outcome) => {
      const report = lastLine(outcome) as unknown as ExperimentReport;
      const names = report.scenarios.map(({ runId, scenario }) => [runId, scenario] as const);
      const nameOf = new Map(names);
      return {
        scenarios: report.scenarios.map((each) => ({ ...without(each), parameters: undefined })),
        comparisons: report.comparisons.map((each) => ({
          ...each,
          run: nameOf.get(each.run),
          control: nameOf.get(each.control),
        })),
      };
    });
    expect(expected!.comparisons).toHaveLength(4);
    expect(answer).toEqual(expected);
    const again = await on(...experiment, '-p', `meeting=${meeting}`);
    expect({ ...lastLine(again), elapsedMs: 0 }).toEqual({ ...lastLine(ran), elapsedMs: 0 });
    const shown = await on('show', '--experiment', 'strikes', '--control', 'low', '--json');
    expect(lastLine(shown)).toMatchObject({ comparisons: lastLine(ran).comparisons });
    const changed = await on('experiment', 'strikes.csv', '-n', '200', '-p', 'failing=1');
    expect(changed).toMatchObject({ code: 2, stdout: '' });
    expect(changed.stderr).toContain('experiment "strikes" was begun with another design');
  });
});

interface ExperimentReport {
  readonly scenarios: readonly (Report & { readonly runId: number; readonly scenario: string })[];
  readonly comparisons: readonly { readonly run: number; readonly control: number }[];
}
