import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inOneProcess } from './support.js';

let folder: string;
let scripts: { readonly bash: string; readonly zsh: string };
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-completion-'));
  writeFileSync(join(folder, 'my pricing.ts'), '');
  mkdirSync(join(folder, 'runs'));
  const [bash, zsh] = inOneProcess(folder, ['completion', 'bash'], ['completion', 'zsh']);
  scripts = { bash: bash.stdout, zsh: zsh.stdout };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Declarations {
  readonly commands: readonly {
    readonly usage: string;
    readonly description: string;
    readonly options: readonly { readonly flags: string }[];
  }[];
}

const { commands } = JSON.parse(
  execFileSync(process.execPath, [join(__dirname, 'declarations.mjs')], { encoding: 'utf8' }),
) as Declarations;
const names = commands.map(({ usage }) => usage.split(' ')[0]!);

function run(shell: string, args: readonly string[], script: string): string[] {
  const options = { cwd: folder, input: script, encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(shell, args, options);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((line) => line !== '');
}

const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ');

/** The words that bash offers for the last one. */
function inBash(...words: string[]): string[] {
  return run(
    'bash',
    ['--norc', '-u'],
    `${scripts.bash}
COMP_WORDS=(stepcompute ${quoted(words)}); COMP_CWORD=${words.length}
_stepcompute
printf '%s\\n' "\${COMPREPLY[@]-}"`,
  );
}

describe('in bash', () => {
  it('every command is completed', () => {
    expect(inBash('')).toEqual([...names, '--help', '--version']);
    expect(inBash('re')).toEqual(names.filter((name) => name.startsWith('re')));
  });

  it('every option of a command is', () => {
    for (const [index, { options }] of commands.entries()) {
      const flags = options.map(({ flags }) => /--[a-z-]+/.exec(flags)![0]);
      expect(inBash(names[index]!, '--')).toEqual([...flags, '--help']);
    }
  });

  it('so are the words that an option or an argument takes, also after an equals sign', () => {
    expect(inBash('values', '1', '--format', '')).toEqual(['csv', 'json', 'jsonl', 'parquet']);
    expect(inBash('values', '1', '--format', '=', 'j')).toEqual(['json', 'jsonl']);
    expect(inBash('values', '1', '--format', '=')).toEqual(['csv', 'json', 'jsonl', 'parquet']);
    expect(inBash('rehearse', '--mode', 'd')).toEqual(['distributed']);
    expect(inBash('completion', 'z')).toEqual(['zsh']);
  });

  it('so are files where one is meant, and nothing where a number is', () => {
    expect(inBash('run', '--generator', 'my')).toEqual(['my pricing.ts']);
    expect(inBash('list', '--db', '').sort()).toEqual(['my pricing.ts', 'runs']);
    expect(inBash('describe', 'my')).toEqual(['my pricing.ts']);
    expect(inBash('describe', '--j')).toEqual(['--json']);
    expect(inBash('run', '-n', '')).toEqual([]);
  });

  it('has the function where the shell looks for it', () => {
    const [said] = run('bash', ['--norc'], `${scripts.bash}\ncomplete -p stepcompute`);
    expect(said).toBe('complete -F _stepcompute stepcompute');
  });
});

const hasZsh = spawnSync('zsh', ['--version']).status === 0;
if (!hasZsh) console.warn('zsh is not installed: its completion is not tested');

(hasZsh ? describe : describe.skip)('in zsh', () => {
  /** The words that the script asks zsh to offer for the last one. */
  const inZsh = (...words: string[]): string[] =>
    run(
      'zsh',
      ['-f'],
      `compdef() { : }
_arguments() { print -rl -- "$words[1]/$CURRENT" "$@" }
_describe() { print -rl -- "\${(@P)2}" }
${scripts.zsh}
words=(stepcompute ${quoted(words)}); CURRENT=${words.length + 1}
_stepcompute`,
    );

  it('every command is completed, with its description', () => {
    expect(inZsh('')).toEqual(
      commands.map(({ description }, index) => `${names[index]!}:${description}`),
    );
  });

  it('every option of a command is, with what follows it', () => {
    for (const [index, { options }] of commands.entries()) {
      const [place, ...specs] = inZsh(names[index]!, '--');
      expect(place).toBe(`${names[index]!}/2`);
      for (const { flags } of options) {
        for (const flag of flags.split(', ').map((each) => each.split(' ')[0]!)) {
          const own = specs.filter((spec) => new RegExp(`^\\*${flag}=?\\[`).test(spec));
          expect(own).toHaveLength(1);
          expect(own[0]!.includes(']:')).toBe(flags.includes('<'));
        }
      }
    }
    expect(inZsh('values', '').join('\n')).toMatch(
      /^\*--format=.*:format:\(csv json jsonl parquet\)$/m,
    );
    expect(inZsh('run', '').join('\n')).toMatch(/^\*--generator=.*:file:_files$/m);
    expect(inZsh('completion', '')).toContain('1:shell:(bash zsh)');
  });
});

it('is refused for another shell', () => {
  const [outcome] = inOneProcess(folder, ['completion', 'fish']);
  expect(outcome).toMatchObject({
    code: 2,
    stderr: 'stepcompute: shell must be "bash" or "zsh"; got "fish"\n',
  });
});
