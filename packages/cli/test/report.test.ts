import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inOneProcess, lastLine, putDatabase } from './support.js';

describe('stepcompute report', () => {
  let folder: string;

  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'stepcompute-report-')));
    putDatabase(folder);
    writeFileSync(
      join(folder, 'pricing.mjs'),
      `export default {
        name: 'pricing',
        parameters: { strike: 100 },
        generate: ({ random, parameters: { strike } }) =>
          Math.max(0, 100 * Math.exp(0.25 * random.normal()) - strike),
      };`,
    );
    const pricing = ['--generator', 'pricing.mjs', '--seed', '7', '-n', '500'];
    const outcomes = inOneProcess(
      folder,
      ['run', ...pricing],
      ['experiment', '--vary', 'strike=90,100,110', '--name', 'strikes', ...pricing],
    );
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const page = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const parts = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.part'));

  /** The number under a label, to the last digit. */
  function numberOf(html: string, label: string): number {
    const [, whole, text] =
      new RegExp(`<dt>${label}</dt>\\s*<dd>(?:<data value="([^"]*)">)?([^<]*)`).exec(html) ?? [];
    return Number(whole ?? text);
  }

  it('writes a page of a run, with the numbers of show --json', () => {
    const [report, show] = inOneProcess(
      folder,
      ['report', '1', '--out', 'run.html'],
      ['show', '1', '--json'],
    );
    expect(report).toMatchObject({ code: 0, stdout: '' });
    expect(report.stderr).toMatch(/^Wrote run\.html, \d+ kB\.\n$/);
    const shown = lastLine(show);
    const html = page('run.html');
    for (const [label, field] of [
      ['values', 'count'],
      ['average', 'average'],
      ['standard deviation', 'standardDeviation'],
      ['standard error', 'standardError'],
      ['minimum', 'min'],
      ['maximum', 'max'],
    ] as const) {
      expect([label, numberOf(html, label)]).toEqual([label, shown[field]]);
    }
  });

  it('has commands that find the run where it is', () => {
    writeFileSync(join(folder, 'fails.mjs'), 'export default () => { throw new Error("no"); };');
    const elsewhere = ['--db', 'else where'];
    const [, report] = inOneProcess(
      folder,
      ['run', '--generator', 'fails.mjs', '-n', '1', ...elsewhere],
      ['report', '1', '--out', 'elsewhere.html', ...elsewhere],
    );
    expect(report.code).toBe(0);
    expect(page('elsewhere.html')).toContain(
      'stepcompute replay 1 0 --db &#39;else where&#39;</code>',
    );
  });

  it('writes a page of an experiment, with its differences from a control', () => {
    const experiment = ['report', '--experiment', 'strikes', '--control', 'strike=100'];
    const [{ code }] = inOneProcess(folder, [...experiment, '--out', 'strikes.html', '--quiet']);
    expect(code).toBe(0);
    expect(page('strikes.html')).toContain('Differences from <bdi>strike=100</bdi>');
  });

  it('writes over a file only when told to, through a link too', () => {
    writeFileSync(join(folder, 'kept.html'), 'mine');
    symlinkSync('kept.html', join(folder, 'link.html'));
    const [refused, linked] = inOneProcess(
      folder,
      ['report', '1', '--out', 'kept.html'],
      ['report', '1', '--out', 'link.html'],
    );
    expect([refused.code, linked.code]).toEqual([2, 2]);
    expect(refused.stderr).toBe(
      'stepcompute: --out must be a file that is not there yet (--force replaces it); got "kept.html"\n',
    );
    expect(page('kept.html')).toBe('mine');
    const [forced] = inOneProcess(folder, ['report', '1', '--out', 'link.html', '--force']);
    expect(forced.code).toBe(0);
    expect(page('kept.html')).toContain('<!doctype html>');
    expect(parts()).toEqual([]);
  });

  it('refuses what is no run, experiment, control or file, and writes nothing', () => {
    mkdirSync(join(folder, 'folder'));
    const out = ['--out', 'none.html'];
    const outcomes = inOneProcess(
      folder,
      ['report', '99', ...out],
      ['report', '--experiment', 'none', ...out],
      ['report', '--experiment', 'strikes', '--control', 'none', ...out],
      ['report', '1', '--control', 'strike=100', ...out],
      ['report', '1', '--experiment', 'strikes', ...out],
      ['report', ...out],
      ['report', '1'],
      ['report', '1', '--out', ''],
      ['report', '1', '--out', 'folder', '--force'],
      ['report', '1', '--out', '/dev/null', '--force'],
      ['report', '1', '--out', 'nowhere/none.html'],
      ['report', '1', '--out', 'pricing.mjs/none.html'],
    );
    expect(outcomes.map(({ code }) => code)).toEqual([4, 4, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
    for (const { stderr, stdout } of outcomes) {
      expect(stderr).toMatch(/^stepcompute: .+\n$/);
      expect(stdout).toBe('');
    }
    expect(existsSync(join(folder, 'none.html'))).toBe(false);
    expect(parts()).toEqual([]);
  });
});
