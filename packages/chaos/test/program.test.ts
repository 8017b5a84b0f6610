import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { missingPackages } from '../src/programs/targets.js';

const launcher = resolve(__dirname, '../bin/stepcompute-chaos.js');

function chaos(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [launcher, ...args], (error, stdout, stderr) =>
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

describe('stepcompute-chaos', () => {
  it('takes seeds and schedules up to their limits, and replays a schedule to the same faults', async () => {
    const args = ['--target', 'memory', '--seed', '9007199254740991', '--schedule', '9999999'];
    const outcomes = await Promise.all([chaos(...args, '--json'), chaos(...args, '--json')]);
    const reports = outcomes.map(({ code, stdout }) => {
      expect(code).toBe(0);
      const [report] = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as object[];
      return { ...report, seconds: 0 };
    });
    expect(reports[0]).toMatchObject({ target: 'in memory', schedules: 1, findings: [] });
    expect(reports[1]).toEqual(reports[0]);
  });

  it.each([
    ['--seed', '9007199254740992', '0 to 9007199254740991'],
    ['--seed', '1e3', '0 to 9007199254740991'],
    ['--schedule', '10000000', '0 to 9999999'],
    ['--schedules', '10000001', '1 to 10000000'],
    ['--schedules', '0', '1 to 10000000'],
  ])('refuses %s %s, and names the value and the limit', async (option, value, limits) => {
    const { code, stderr } = await chaos(option, value);
    expect(code).toBe(1);
    expect(stderr).toContain(`'${value}'`);
    expect(stderr).toContain(`A whole number from ${limits} is needed.`);
  });

  it('names the packages that a target needs and that are not installed', () => {
    const target = { title: '', share: 1, run: () => Promise.resolve() };
    const needs = ['@stepcompute/core', '@stepcompute/never-published', 'pg'];
    expect(missingPackages({ ...target, needs })).toEqual(['@stepcompute/never-published']);
  });
});
