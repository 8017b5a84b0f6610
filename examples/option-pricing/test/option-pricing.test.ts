import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
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
      ['price, by Black–Scholes 7.1281', lines.slice(0, 22)],
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
      measures: Record<'price' | 'delta', { average: number; standardError: number }>;
    };
    const { price, delta } = measures;
    expect(average).toBe(price.average);
    expect(Math.abs(price.average - 7.1281)).toBeLessThan(1.96 * price.standardError);
    expect(Math.abs(delta.average - 0.5024)).toBeLessThan(1.96 * delta.standardError);
  });
});

describe('antithetic pairs', () => {
  it('vary less than two independent draws, by as much as theory says', async () => {
    const lines = await linesOf('variance-ratio.mjs');
    const numbers = lines.map((line) => {
      const [, measure, ratio, theory] = /^(\w+) .* ratio (\S+), in theory (\S+)$/.exec(line) ?? [];
      // Four standard errors of the ratio of two sample variances of 100,000 values, of kurtosis 10 at most.
      expect(Math.abs(Number(ratio) / Number(theory) - 1)).toBeLessThan(0.06);
      return { measure, theory };
    });
    // By hand: no pair has both futures in the money, so the covariance of prices is −7.128², their variance 157.
    expect(numbers).toEqual([
      { measure: 'price', theory: '1.48' },
      { measure: 'delta', theory: '3.51' },
    ]);
  });
});

describe('25 scenarios', () => {
  const file = join(example, 'design.csv');

  it('are those of the grid', async () => {
    const rows = [90, 95, 100, 105, 110].flatMap((strike) =>
      [0.1, 0.2, 0.3, 0.4, 0.5].map((volatility) =>
        [`${strike}-${volatility}`, strike, volatility].join(','),
      ),
    );
    const expected = ['name,strike,volatility', ...rows, ''].join('\n');
    expect(await readFile(file, 'utf8')).toBe(expected);
  });

  it('differ by what Black–Scholes says, more precisely than with independent seeds', async () => {
    const lines = await linesOf('differences.mjs');
    const row = /true \S+, (inside|outside)  variance ratio (\S+), (\S+) times narrower$/;
    const differences = lines.flatMap((line) => {
      const [, where, ratio, narrower] = row.exec(line) ?? [];
      return where === undefined
        ? []
        : [{ where, ratio: Number(ratio), narrower: Number(narrower) }];
    });
    expect(differences).toHaveLength(48);
    for (const { where, ratio, narrower } of differences) {
      // The 24 intervals of a measure hold together, for 95 of 100 seeds.
      expect(where).toBe('inside');
      expect(narrower).toBeGreaterThan(1);
      // The ratio foretells it; the independent runs' own deviations, and the digits printed, make the rest.
      expect(Math.abs(narrower / Math.sqrt(ratio) - 1)).toBeLessThan(0.15);
    }
  });
});
