import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import stringWidth from 'string-width';
import { stepcompute } from './support.js';

const launcher = resolve(__dirname, '../bin/stepcompute.js');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-terminal-'));
  writeFileSync(
    join(folder, 'skewed.mjs'),
    `export default {
      measures: ['price', 'a_measure_with_a_long_name_that_is_longer_than_any_column'],
      generate: ({ random }) => {
        const price = Math.exp(3 * random.normal());
        return { price, a_measure_with_a_long_name_that_is_longer_than_any_column: -price };
      },
    };`,
  );
  writeFileSync(
    join(folder, 'fails.mjs'),
    `export default ({ iterationId }) => {
      if (iterationId === 3) throw new Error('no price', { cause: new Error('no answer') });
      return 1;
    };`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// The one of util-linux, which other systems do not have.
const { status, stdout: version } = spawnSync('script', ['--version'], { encoding: 'utf8' });
const hasScript = status === 0 && version.includes('util-linux');
if (!hasScript) console.warn('util-linux is not installed: nothing is tested on a terminal');

/** All that the command writes to a terminal, escape sequences too; its standard error may go elsewhere. */
function onTerminal(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  columns = 80,
  redirect = '',
): string {
  const quoted = [process.execPath, launcher, ...args].map((word) => `'${word}'`).join(' ');
  const command = `stty cols ${columns} -onlcr; ${quoted} ${redirect}`;
  const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
    cwd: folder,
    env: { PATH: process.env.PATH, TERM: 'xterm', LANG: 'C.UTF-8', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  return stdout;
}

const escape = '\u001b';
const anew = `\r${escape}[K`;
const skewed = ['run', '-n', '3000', '--seed', '1', '--db', 'memory', '--generator', 'skewed.mjs'];
const failing = ['run', '-n', '9', '--db', 'memory', '--generator', 'fails.mjs'];

(hasScript ? describe : describe.skip)('on a terminal', () => {
  it.each([40, 50, 120])('a result and its progress fit %d columns', (columns) => {
    const written = onTerminal(skewed, {}, columns);
    expect(written).toContain(`${anew}█`);
    expect(written).toContain('price from');
    const lines = written.split(/\n|\r/).map((line) => line.replace(`${escape}[K`, ''));
    // A note is prose, which the terminal may wrap.
    const drawn = lines.filter((line) => !line.startsWith('Run 1:'));
    for (const line of drawn) {
      expect(line).not.toContain(escape);
      expect(stringWidth(line)).toBeLessThanOrEqual(columns);
    }
  });

  it.each([{ TERM: 'dumb' }, { CI: 'true' }])('with %j there is no escape character', (env) => {
    for (const args of [skewed, failing]) {
      const written = onTerminal(args, env);
      expect(written).toContain('Run 1');
      expect(written).not.toMatch(/[\u001b\r]/);
    }
  });

  it('an error and a warning begin in colour, which NO_COLOR takes away', () => {
    const red = `${escape}[31mstepcompute:${escape}[39m `;
    const yellow = `${escape}[33mWarning:${escape}[39m `;
    const reason = 'iteration 3 of run 1 failed: no price: no answer, at fails.mjs:2:';
    expect(onTerminal(failing)).toContain(red + reason);
    expect(onTerminal(failing, { NO_COLOR: '1' })).toContain(`stepcompute: ${reason}`);
    const tolerant = [...failing, '--tolerate', '1', '--quiet'];
    expect(onTerminal(tolerant)).toContain(yellow);
    expect(onTerminal(tolerant, { NO_COLOR: '1' })).not.toContain(escape);
  });

  it('standard output is drawn though standard error is a file, and the other way round', () => {
    const drawn = onTerminal(skewed, {}, 80, '2> notes');
    expect(drawn).toContain('price from');
    expect(drawn).not.toContain(escape);
    const watched = onTerminal(skewed, {}, 80, '> result');
    expect(watched).toContain(`${anew}█`);
    expect(watched).not.toContain('price from');
  });

  it('has an experiment’s tables within its width, with each scenario’s mean and interval', () => {
    const priced = (measures: string) => `export default {
      parameters: { volatility: 1 },
      measures: ${measures},
      generate({ random, parameters: { volatility } }) {
        const price = volatility * random.normal();
        return { price, delta: price * random.uniform() };
      },
    };`;
    writeFileSync(join(folder, 'priced.mjs'), priced("['price', 'delta']"));
    const experiment = ['experiment', '--name', 'v', '--vary', 'volatility=1:3:1', '-n', '50'];
    experiment.push('--generator', 'priced.mjs', '--control', 'volatility=1', '--db', 'memory');
    for (const columns of [40, 80, 200]) {
      const written = onTerminal([...experiment, '--seed', '1'], {}, columns, '2> notes');
      for (const line of written.split('\n'))
        expect(stringWidth(line)).toBeLessThanOrEqual(columns);
      for (const scenario of [1, 2, 3]) expect(written).toContain(`volatility=${scenario}`);
      expect(written.match(/ to -?\d/g)).toHaveLength(2 * 3 + 2 * 2);
      const lines = written.split('\n').filter((line) => /^(price|delta) /.test(line));
      expect(lines).toHaveLength(columns === 40 ? 0 : 2 * 3 + 2 * 2);
      expect(written.includes('standard error')).toBe(columns !== 80);
    }
  });

  it('is quiet when asked to be, but for the result', () => {
    const written = onTerminal([...skewed, '--quiet']);
    expect(written).toMatch(/^run +1\n/);
    expect(written).not.toContain(escape);
  });

  it('has a chart of ASCII in a locale without UTF-8', () => {
    const chart = onTerminal(skewed, { LANG: 'C' }).split('price from')[1];
    expect(chart).toMatch(/^[\n -~]*$/);
    expect(chart).toContain('####');
  });
});

describe('where no terminal is', () => {
  it('no chart is drawn unless it is asked for, then in 80 columns or COLUMNS', async () => {
    const plain = await stepcompute(folder, skewed);
    expect(plain.stdout).not.toContain('price from');
    const widest = async (environment: Record<string, string>): Promise<number> => {
      const asked = [...skewed, '--histogram', 'price'];
      const { stdout } = await stepcompute(folder, asked, { environment });
      const [, chart = ''] = stdout.split('price from');
      return Math.max(...chart.split('\n').map((line) => stringWidth(line)));
    };
    expect(await widest({ COLUMNS: '' })).toBe(80);
    expect(await widest({ COLUMNS: '60' })).toBe(60);
  });

  it('colours are there when they are forced, and only then', async () => {
    const environment = { FORCE_COLOR: '1' };
    const { stderr } = await stepcompute(folder, failing, { environment });
    expect(stderr).toContain(`${escape}[31mstepcompute:`);
    expect((await stepcompute(folder, failing)).stderr).not.toContain(escape);
  });

  it('quiet leaves errors and warnings on standard error, and nothing else', async () => {
    const failed = await stepcompute(folder, [...failing, '--quiet']);
    expect(failed.code).toBe(3);
    expect(failed.stderr).toMatch(/^stepcompute: iteration 3 of run 1 failed: .*\n$/);
    const warned = await stepcompute(folder, [...failing, '--tolerate', '1', '--quiet']);
    expect(warned.stderr).toMatch(/^Warning: .*\n$/);
    expect(await stepcompute(folder, [...skewed, '--quiet'])).toMatchObject({
      code: 0,
      stderr: '',
    });
  });
});
