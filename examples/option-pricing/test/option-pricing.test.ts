import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const example = join(__dirname, '..');
const stepcompute = join(example, '../../packages/cli/bin/stepcompute.js');

/** Runs a program of this example and answers with the lines that it printed. Rejects unless it exits with 0. */
async function linesOf(program: string, ...options: string[]): Promise<string[]> {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [program, ...options], { cwd: example });
  return stdout.trimEnd().split('\n');
}

describe('the option’s price and its delta', () => {
  it('agree with Black–Scholes in about 95 of 100 intervals', async () => {
    const lines = await linesOf('check.mjs');
    expect(lines).toHaveLength(44);
    for (const [closedForm, part] of [
      // Found independently as well, by quadrature over the normal density: 7.128065 and 0.502413.
      ['payoff, by Black–Scholes 7.1281', lines.slice(0, 22)],
      ['delta, by Black–Scholes 0.5024', lines.slice(22)],
    ] as const) {
      expect(part[0]).toBe(closedForm);
      const covering = part.filter((line) => line.endsWith('covers')).length;
      expect(covering).toBeGreaterThanOrEqual(16);
      expect(part.filter((line) => line.startsWith('seed'))).toHaveLength(20);
    }
  });

  it('are what the command finds, within their 95 % intervals', async () => {
    const lines = await linesOf(
      stepcompute,
      ...['run', '--generator', 'simulation.mjs', '--repetitions', '100000', '--seed', '42'],
      ...['--db', 'memory', '--json'],
    );
    const { average, measures } = JSON.parse(lines.at(-1) ?? '') as {
      average: number;
      measures: Record<'payoff' | 'delta', { average: number; standardError: number }>;
    };
    const { payoff, delta } = measures;
    expect(average).toBe(payoff.average);
    expect(Math.abs(payoff.average - 7.1281)).toBeLessThan(1.96 * payoff.standardError);
    expect(Math.abs(delta.average - 0.5024)).toBeLessThan(1.96 * delta.standardError);
  });
});
