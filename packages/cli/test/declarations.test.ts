import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { declarations } from './support.js';

describe('README', () => {
  const readme = readFileSync(join(__dirname, '../README.md'), 'utf8');

  /** The rows of the table with this head, as they read without links and code marks. */
  function tableOf(...head: string[]): string[][] {
    const tables = readme.split(/\n\n+/).filter((block) => block.startsWith('|'));
    const rows = tables.map((table) =>
      table
        .trimEnd()
        .split('\n')
        .map((line) => line.slice(1, -1).split('|').map(plain)),
    );
    const [, , ...body] = rows.find(([first]) => first?.join() === head.join()) ?? [];
    return body;
  }

  function plain(text: string): string {
    return text
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replaceAll('`', '')
      .trim();
  }

  it('describes each command as it is declared', () => {
    const declared = declarations().commands.map(({ usage, description }) => [usage, description]);
    expect(tableOf('command', 'meaning')).toEqual(declared);
  });

  it('has a row for each option, with the commands that have it, its meaning and its default', () => {
    const rows = new Map<string, { commands: string[]; row: string[] }>();
    for (const { usage, options } of declarations().commands) {
      const [name = ''] = usage.split(' ');
      for (const { flags, description, fallback } of options) {
        const row = [flags, description, fallback];
        const known = rows.get(row.join('|'));
        if (known === undefined) rows.set(row.join('|'), { commands: [name], row });
        else known.commands.push(name);
      }
    }
    expect(tableOf('option', 'of', 'meaning', 'default')).toEqual(
      [...rows.values()].map(({ commands, row: [flags, ...rest] }) => [
        flags,
        commands.join(', '),
        ...rest,
      ]),
    );
  });

  it('has each exit code', () => {
    expect(tableOf('exit code', 'meaning')).toEqual(Object.entries(declarations().meanings));
  });
});

it('no two options of a command share a value, as --check and --no-check would', () => {
  for (const { usage, options } of declarations().commands) {
    const names = options.map(({ name }) => name);
    expect([usage, ...new Set(names)]).toEqual([usage, ...names]);
  }
});

describe('a whole number', () => {
  const most = Number.MAX_SAFE_INTEGER;

  it.each<[command: string, flag: string, lowest: number, highest: number]>([
    ['run', '--repetitions', 1, 1_000_000_000],
    ['extend', '--to', 1, 1_000_000_000],
    ['run', '--seed', 0, most],
    ['run', '--concurrency', 1, 1_000_000_000],
    ['run', '--workers', 1, 1024],
    ['run', '--attempts', 1, 1000],
    ['list', '--limit', 1, most],
    ['rehearse', '--repetitions', 1, 1_000_000_000],
    ['rehearse', '--seed', 0, most],
    ['rehearse', '--fault-seed', -most, most],
  ])('of %s %s is taken from %d to %d, and refused beyond by name', (command, flag, low, high) => {
    const texts = [low, high, low - 1, high + 1].map(String);
    const [first, last, below, above] = declarations(
      texts.map((text) => [command, flag, text]),
    ).parsed;
    expect([first, last]).toEqual([low, high]);
    expect(below).toMatch(new RegExp(`from ${low} to ${high}; got ${low - 1}$`));
    expect(above).toMatch(new RegExp(`from ${low} to ${high}; got ${high + 1}$`));
  });

  it('is quoted as it was typed, also where a double would round it', () => {
    expect(declarations([['run', '--seed', '9007199254740993']]).parsed).toEqual([
      'seed must be an integer from 0 to 9007199254740991; got "9007199254740993"',
    ]);
  });

  it('may be written with an exponent', () => {
    expect(declarations([['run', '--repetitions', '1e6']]).parsed).toEqual([1_000_000]);
  });
});
