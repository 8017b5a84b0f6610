import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inOneProcess, lastLine, putDatabase, stepcompute, type Outcome } from './support.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-simulation-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, ...lines: string[]): void =>
  writeFileSync(join(folder, name), `${lines.join('\n')}\n`);
const run = (...args: string[]): Promise<Outcome> => stepcompute(folder, args);

const pricing = [
  'export default {',
  '  name: "call",',
  '  parameters: { strike: 100, label: "10", steps: [1, 2] },',
  '  generate: ({ random, parameters }) => parameters.strike + random.uniform(),',
  '};',
];

describe('describe', () => {
  it('tells name, parameters with their defaults, and measures', () => {
    write('pricing.ts', 'const strike: number = 100;', ...pricing);
    write('bare.mjs', 'export default () => 1;');
    write('none.mjs', 'export default { parameters: {}, generate: () => 1 };');
    const schema = '{ "~standard": { version: 1, vendor: "x", validate: VALIDATE } }';
    write(
      'schema.mjs',
      `const parameters = ${schema.replace('VALIDATE', '() => ({ value: { a: 7 } })')};`,
      'export default { parameters, generate: () => 1 };',
    );
    write(
      'strict.mjs',
      `const parameters = ${schema.replace('VALIDATE', '() => ({ issues: [{ message: "a is required", path: ["a"] }] })')};`,
      'export default { parameters, generate: () => 1 };',
    );
    const lines = ['pricing.ts', 'bare.mjs', 'none.mjs', 'schema.mjs', 'strict.mjs'].flatMap(
      (file) => [
        ['describe', file],
        ['describe', file, '--json'],
      ],
    );
    const outcomes = inOneProcess(folder, ...lines);
    expect(outcomes.map(({ code }) => code)).toEqual(lines.map(() => 0));
    const [text, json, bare, , none, , withSchema, , strict] = outcomes;
    expect(text?.stdout).toBe(
      'name\tcall\nparameter label\t"10"\nparameter steps\t[1,2]\nparameter strike\t100\nmeasures\tvalue\n',
    );
    expect(lastLine(json!)).toMatchObject({
      name: 'call',
      parameters: { strike: 100, label: '10', steps: [1, 2] },
      measures: ['value'],
      fingerprint: { bundle: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    });
    expect(bare?.stdout).toContain('name\tbare.mjs\nparameters\tany: the simulation declares none');
    expect(none?.stdout).toContain('parameters\tnone');
    expect(withSchema?.stdout).toContain('parameter a\t7');
    expect(strict?.stdout).toContain('(a is required)');
  });
});

describe('parameters', () => {
  it('are given one by one or by a file, of which those given one by one win', () => {
    write('pricing.mjs', ...pricing);
    write('given.json', '{ "strike": 1, "steps": [3] }');
    const seeded = ['run', '--db', 'memory', '-n', '5', '--seed', '1', '--json'];
    const [plain, given] = inOneProcess(
      folder,
      seeded.concat('--generator', 'pricing.mjs'),
      seeded.concat(
        ['--generator', 'pricing.mjs', '--params-file', 'given.json'],
        ['-p', 'strike=1100.5', '--param', 'label=7'],
      ),
    );
    const [before, after] = [plain, given].map(lastLine);
    expect(before).toMatchObject({
      generator: 'call',
      parameters: { strike: 100, label: '10', steps: [1, 2] },
    });
    expect(after).toMatchObject({ parameters: { strike: 1100.5, label: '7', steps: [3] } });
    // Equal seeds, equal random numbers.
    expect(Number(after?.average) - Number(before?.average)).toBeCloseTo(1000.5, 9);
  });

  it('are JSON where a default does not say otherwise, and text where they are no JSON', () => {
    write('any.mjs', 'export default () => 1;');
    const exact = '"99999999999999999999", -9007199254740992, 0.1, 1e21';
    const args = ['a=1', 'b=[1,"x"]', 'c=plain text', 'd=true', 'e="7"', 'f=', 'g=x=y'];
    args.push(`h=[${exact}]`, 'i=1 of 99999999999999999999');
    const line = ['run', '--db', 'memory', '-n', '1', '--json', '--generator', 'any.mjs'];
    const [outcome] = inOneProcess(folder, line.concat(...args.map((arg) => ['-p', arg])));
    expect(lastLine(outcome).parameters).toEqual({
      a: 1,
      b: [1, 'x'],
      c: 'plain text',
      d: true,
      e: '7',
      f: '',
      g: 'x=y',
      h: ['99999999999999999999', -9007199254740992, 0.1, 1e21],
      i: '1 of 99999999999999999999',
    });
  });

  it('are refused in one line, with nothing written', () => {
    write('pricing.mjs', ...pricing);
    write('any.mjs', 'export default () => 1;');
    write('list.json', '[1]');
    write('rounded.json', '{ "a": { "id": 12345678901234567891 } }');
    write('repeated.json', '{ "a": [{ "b": 1, "c": { "b": 2 } }], "\\u0061": 3 }');
    write('prototype.json', '{ "__proto__": 7 }');
    write('broken.json', '{');
    write('long.json', JSON.stringify({ label: 'x'.repeat(17_000) }));
    const cases: [string[], string][] = [
      [['-p', 'strike'], '--param must be name=value; got "strike"'],
      [['-p', '=1'], '--param must be name=value; got "=1"'],
      [
        ['-p', 'strike=1', '-p', 'strike=2'],
        '--param must be given once for each name; got "strike"',
      ],
      [['-p', 'strik=1'], 'a parameter’s name must be one of label, steps, strike; got "strik"'],
      [['-p', 'a-b=1'], 'a parameter’s name must be a letter, then letters, digits or _'],
      [['-p', 'strike=high'], 'parameter strike must be a number; got "high"'],
      [['-p', 'strike=null'], 'parameter strike must be a number; got null'],
      [
        ['-p', 'strike=12345678901234567891'],
        'parameter strike must be without an integer that a double rounds (in quotes it is text); ' +
          'got "12345678901234567891"',
      ],
      [['-p', 'steps=[{"a":1},-9007199254740993]'], 'got "-9007199254740993"'],
      [['-p', `strike=${'9'.repeat(400)}`], 'got "9999'],
      [
        ['--params-file', 'rounded.json'],
        '--params-file rounded.json must be without an integer that a double rounds',
      ],
      ...[
        ['-p', '__proto__=7'],
        ['--params-file', 'prototype.json'],
      ].flatMap((args): [string[], string][] => [
        [args, 'got "__proto__"'],
        [['--generator', 'any.mjs', ...args], 'got "__proto__"'],
      ]),
      [
        ['--params-file', 'repeated.json'],
        '--params-file repeated.json must be with each name once; got "a"',
      ],
      [
        ['-p', 'steps=[{"b":{"b":1},"b":2}]'],
        'parameter steps must be with each name once; got "b"',
      ],
      [['--params-file', 'nowhere.json'], '--params-file must be a file that can be read'],
      [['--params-file', 'broken.json'], '--params-file must be a file of JSON'],
      [['--params-file', 'list.json'], '--params-file must be a file with a JSON object'],
      [['--params-file', 'long.json'], 'parameters must be at most 16384 bytes of JSON'],
    ];
    const lines = cases.map(([args]) => [
      'run',
      '--generator',
      'pricing.mjs',
      '--db',
      'new',
      ...args,
    ]);
    const outcomes = inOneProcess(folder, ...lines, ['list', '--db', 'new']);
    cases.forEach(([, message], index) => {
      expect(outcomes[index]).toMatchObject({ code: 2, stdout: '' });
      expect(outcomes[index]?.stderr).toContain(message);
      expect(outcomes[index]?.stderr.trimEnd().split('\n')).toHaveLength(1);
    });
    expect(outcomes.at(-1)?.stderr).toContain('there is no database');
  });

  it('are listed, cut, and shown whole; replay and resume take them from the record', async () => {
    putDatabase(folder);
    write('pricing.mjs', ...pricing);
    const label = 'long '.repeat(60);
    const [, listed, listedJson, shown, replayed, extended] = inOneProcess(
      folder,
      [
        'run',
        '-n',
        '5',
        '--seed',
        '1',
        '--generator',
        'pricing.mjs',
        '-p',
        `label=${label}`,
        '-p',
        'strike=7',
      ],
      ['list'],
      ['list', '--json'],
      ['show', '1'],
      ['replay', '1', '3', '--json'],
      ['extend', '1', '--to', '8', '--workers', '1', '--json'],
    );
    const [, row] = listed.stdout.split('\n');
    expect(row).toMatch(/\tcall\t\{"label":"long /);
    expect(row?.split('\t').at(-1)).toHaveLength(200);
    expect(JSON.parse(listedJson.stdout)).toMatchObject([
      { generator: 'call', parameters: { label } },
    ]);
    expect(shown.stdout).toContain(`parameters\t{"label":"${label}","steps":[1,2],"strike":7}`);
    expect(lastLine(replayed)).toMatchObject({ matches: true });
    expect(lastLine(extended)).toMatchObject({ completed: 8, parameters: { strike: 7 } });
  });

  it('give the same report from memory, a folder and worker threads', async () => {
    putDatabase(folder);
    write('pricing.ts', 'import type {} from "node:fs";', ...pricing);
    const args = [
      'run',
      '-n',
      '200',
      '--seed',
      '42',
      '--generator',
      'pricing.ts',
      '-p',
      'strike=7',
      '--json',
    ];
    const reports = await Promise.all([
      run(...args, '--db', 'memory'),
      run(...args),
      run(...args, '--db', 'memory', '--workers', '2'),
    ]);
    const [inMemory, ...others] = reports.map((outcome) => ({
      ...lastLine(outcome),
      elapsedMs: 0,
    }));
    expect(inMemory).toMatchObject({ completed: 200, parameters: { strike: 7 } });
    for (const other of others) expect(other).toEqual(inMemory);
  });
});

describe('a simulation that was changed', () => {
  const simulation = (body: string): string[] => [
    "import { scale } from './scale.mjs';",
    `export default ({ random }) => ${body};`,
  ];
  const body = 'scale * random.uniform() + Number(process.env.SHIFT ?? 0)';
  const begin = ['run', '-n', '20', '--seed', '42', '--generator', 'sim.mjs'];
  const extend = (...args: string[]): string[] => ['extend', '1', '--to', '30', '--json', ...args];

  beforeEach(() => {
    putDatabase(folder);
    write('scale.mjs', 'export const scale = 1;');
    write('sim.mjs', ...simulation(body));
  });

  const values = async (): Promise<string> => (await run('values', '1')).stdout;

  it.each<[string, () => void]>([
    ['its file', () => write('sim.mjs', ...simulation(`100 + ${body}`))],
    ['an import of it', () => write('scale.mjs', 'export const scale = 2;')],
    ['its file, without a change of values', () => write('sim.mjs', ...simulation(`0 + ${body}`))],
  ])('in %s is refused, and nothing is written', async (_, change) => {
    expect((await run(...begin)).code).toBe(0);
    const before = [await values(), (await run('show', '1', '--json')).stdout];
    change();
    for (const workers of [[], ['--workers', '1']]) {
      const refused = await run(...extend(...workers));
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain(
        'run 1 is of another simulation than the one at hand: its code differs',
      );
      expect(refused.stderr).toContain('(acceptChangedSimulation)');
      expect(lastLine(refused)).toMatchObject({ error: { code: 'CHANGED_SIMULATION' } });
    }
    expect([await values(), (await run('show', '1', '--json')).stdout]).toEqual(before);
    const inWords = await run('extend', '1', '--to', '30');
    expect(inWords.stderr).toContain('--accept-changed-simulation accepts the change');
    const accepted = await run(...extend('--accept-changed-simulation', '--verbose'));
    expect(accepted.code).toBe(0);
    expect(accepted.stderr).toContain('Warning: 10 of 30 values came from a changed simulation');
    expect(lastLine(accepted)).toMatchObject({ changed: 10, completed: 30 });
    expect((await run('show', '1')).stdout).toContain('of accepted code\t10');
    expect((await run('extend', '1', '--to', '31')).code).toBe(0);
  });

  it('in a comment goes on', async () => {
    expect((await run(...begin)).code).toBe(0);
    write('sim.mjs', '/* the same, but for a word */', ...simulation(body));
    const extended = await run(...extend());
    expect(extended.code).toBe(0);
    expect(lastLine(extended)).toMatchObject({ changed: 0, completed: 30, warning: null });
  });

  it('by its environment is refused, unless it is accepted or not looked at', async () => {
    expect((await run(...begin)).code).toBe(0);
    const shifted = (...args: string[]): Promise<Outcome> =>
      stepcompute(folder, args, { environment: { SHIFT: '3' } });
    const refused = await shifted(...extend());
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('depend on more than their seed and parameters');
    const accepted = await shifted(...extend('--accept-changed-simulation'));
    expect(lastLine(accepted)).toMatchObject({ changed: 10, completed: 30 });
    // And back again.
    expect((await run('extend', '1', '--to', '40')).code).toBe(2);
    expect((await run('extend', '1', '--to', '40', '--no-replay')).code).toBe(0);
  });

  it('by moving its file goes on where it is said to be', async () => {
    expect((await run(...begin)).code).toBe(0);
    mkdirSync(join(folder, 'moved'));
    writeFileSync(join(folder, 'moved/scale.mjs'), 'export const scale = 1;');
    writeFileSync(join(folder, 'moved/sim.mjs'), `${simulation(body).join('\n')}\n`);
    rmSync(join(folder, 'sim.mjs'));
    const lost = await run(...extend());
    expect(lost.code).toBe(2);
    expect(lost.stderr).toContain('generator must be a file that exists');
    expect((await run(...extend('--generator', 'moved/sim.mjs'))).code).toBe(0);
  });
});
