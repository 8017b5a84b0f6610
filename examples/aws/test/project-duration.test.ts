import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { simulate } from '@stepcompute/inmemory-adapter';
import { Rehearsal } from '@stepcompute/rehearsal';
import { synthesize } from '../../../testing/assembly.js';
import projectDuration from '../src/project-duration.js';
import { estimate } from '../src/service.js';

const request = { repetitions: 400, seed: 42 };
/** The hardware is bought, and there from the beginning. */
const parameters = { hardware: [0, 0, 1] };

it('takes as long as the estimates allow', async () => {
  const { average } = await simulate(projectDuration, request);
  expect(average.minimum).toBeGreaterThan(5 + 12 + 4);
  expect(average.maximum).toBeLessThan(20 + 40 + 15);
});

it('takes no longer on the same random numbers where the hardware is there already', async () => {
  const { values } = await simulate(projectDuration, request);
  const sooner = await simulate(projectDuration, { ...request, parameters });
  expect(sooner.values.every((days, index) => days <= values[index]!)).toBe(true);
  expect(sooner.average.maximum).toBeLessThan(20 + 35 + 15);
});

it('comes to the same averages on AWS as in process, from a service and from the command', async () => {
  const assembly = synthesize({}, { app: join(__dirname, '../dist/app.js') });
  const rehearsal = await Rehearsal.start({ assembly: assembly.folder, timeScale: 60_000 });
  const before = { ...process.env };
  try {
    Object.assign(process.env, rehearsal.environment);
    const { run, averages } = await estimate(request);
    expect(run.delayMs).toBe(600_000);
    expect(averages).toEqual((await simulate(projectDuration, request)).averages);
    expect(rehearsal.costs().childExecutions).toBe(8);

    const on = ['--on', 'aws:ProjectDuration'];
    const asked = ['-n', '400', '--seed', '42', '--param', 'hardware=[0,0,1]'];
    const report = JSON.parse(await stepcompute('run', ...asked, ...on, '--json')) as {
      readonly runId: number;
      readonly measures: object;
    };
    const sooner = await simulate(projectDuration, { ...request, parameters });
    expect(report.measures).toMatchObject({
      days: { average: sooner.averages.days.mean },
      isLate: { average: sooner.averages.isLate.mean },
    });
    const csv = await stepcompute('values', String(report.runId), '--header', ...on);
    const [head, ...rows] = csv.trimEnd().split('\n');
    expect(head).toBe('iteration,days,isLate');
    const days = rows.map((row) => Number(row.split(',')[1]));
    expect(Float64Array.from(days)).toEqual(sooner.values);
  } finally {
    process.env = before;
    await rehearsal.close();
    assembly.remove();
  }
});

/** Standard output of the command. */
async function stepcompute(...args: readonly string[]): Promise<string> {
  const program = join(__dirname, '../../../packages/cli/bin/stepcompute.js');
  const env = { ...process.env };
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], { env });
  return stdout;
}
