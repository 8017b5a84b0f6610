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

describe('the option’s price', () => {
  it('agrees with Black–Scholes in about 95 of 100 intervals', async () => {
    const lines = await linesOf('check.mjs');
    // Found independently as well, by quadrature of the payoff over the normal density: 7.128065.
    expect(lines[0]).toBe('Black–Scholes 7.1281');
    const covering = lines.filter((line) => line.endsWith('covers')).length;
    expect(covering).toBeGreaterThanOrEqual(16);
    expect(lines.filter((line) => line.startsWith('seed'))).toHaveLength(20);
  });

  it('is what the command finds, within its 95 % interval', async () => {
    const lines = await linesOf(
      stepcompute,
      ...['run', '--generator', 'simulation.mjs', '--repetitions', '100000', '--seed', '42'],
      ...['--db', 'memory', '--json'],
    );
    const { average, standardError } = JSON.parse(lines.at(-1) ?? '') as {
      average: number;
      standardError: number;
    };
    expect(Math.abs(average - 7.1281)).toBeLessThan(1.96 * standardError);
  });
});
