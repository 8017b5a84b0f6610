import { cpSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Folder, open, type Files } from './folder.js';
import { kinds } from './kinds.js';

let folder: Folder;
beforeEach(() => (folder = new Folder()));
afterEach(() => folder.remove());

const opened = (entry: string, files: Files, options: Parameters<typeof open>[1] = {}) =>
  open([folder.write(files).file(entry)], options)[0]!;

describe.each(['main', 'worker'])('a simulation’s file, in the %s thread', (where) => {
  it('runs, whatever its kind', () => {
    const files = kinds.map(({ entry, files }, index) => {
      const inside = Object.entries(files).map(([name, content]) => [`${index}/${name}`, content]);
      return folder.write(Object.fromEntries(inside) as Files).file(`${index}/${entry}`);
    });
    const outcomes = open(files, { where });
    const answers = outcomes.map(({ answer, name, message }, index) => ({
      title: kinds[index]!.title,
      answer: message === undefined ? answer : `${name}: ${message}`,
    }));
    expect(answers).toEqual(kinds.map(({ title, answer }) => ({ title, answer })));
  });

  it.each(['.ts', '.mts', '.cts'])('names the line of the TypeScript source: %s', (extension) => {
    const source = `interface Erased {
  a: number;
}
enum Kept {
  a = 1,
}
export default (): never => {
  throw new Error(String(Kept.a));
};`;
    const entry = `main${extension}`;
    expect(opened(entry, { [entry]: source }, { where }).place).toBe(`${entry}:8`);
  });
});

describe('a simulation’s file that can’t be opened', () => {
  const invalid = (message: RegExp) => ({
    name: 'InvalidInputError',
    message: expect.stringMatching(message) as string,
  });

  it('is refused when it doesn’t exist, and when it is a folder', () => {
    const files = ['none.ts', 'folder'].map((name) => folder.file(name));
    folder.write({ 'folder/index.js': '' });
    const outcome = invalid(/^generator must be a file that exists; got "/);
    expect(open(files)).toMatchObject([outcome, outcome]);
  });

  it.each(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'])(
    'is refused with the place of its syntax error: %s',
    (extension) => {
      const entry = `main${extension}`;
      const outcome = opened(entry, { [entry]: '\n\nconst = 3;\n' });
      expect(outcome.message).toContain(`must be a module that loads (${entry}:3: `);
    },
  );

  it.each(['.ts', '.mjs'])(
    'is refused with the place of an import’s syntax error: %s',
    (extension) => {
      const bad = `models/bad${extension}`;
      const entry = `main${extension}`;
      const outcome = opened(entry, { [entry]: `import './${bad}';`, [bad]: '\nconst = 3;\n' });
      expect(outcome.message).toContain(
        `must be a module that loads (${join('models', `bad${extension}`)}:2: `,
      );
    },
  );

  it('is refused with the reason that it throws', () => {
    const outcome = opened('main.ts', { 'main.ts': 'throw new Error("no data");' });
    expect(outcome).toMatchObject(invalid(/a module that loads \(no data\); got "/));
  });

  it('is refused when its code changes while it is loaded', () => {
    const outcome = opened('main.mjs', {
      'changed.json': '{}',
      'main.mjs': `import { writeFileSync } from 'node:fs';
import changed from './changed.json' with { type: 'json' };
writeFileSync(new URL('./changed.json', import.meta.url), '{ "a": 1 }');
export default () => changed;`,
    });
    expect(outcome).toMatchObject(invalid(/stays as it was loaded \(changed\.json has changed/));
  });

  it('is refused when its code has changed since this thread loaded it', () => {
    folder.write({
      'helper.mjs': 'export const one = 1;',
      'main.mjs': `import { writeFileSync } from 'node:fs';
import { one } from './helper.mjs';
export default () => {
  writeFileSync(new URL('./helper.mjs', import.meta.url), 'export const one = 2;');
  return one;
};`,
      'other.mjs': `import { one } from './helper.mjs';\nexport default () => one;`,
    });
    const outcomes = open([folder.file('main.mjs'), folder.file('other.mjs')]);
    expect(outcomes).toMatchObject([{ answer: 1 }, invalid(/\(helper\.mjs has changed/)]);
  });
});

describe('where esbuild isn’t installed', () => {
  /** The built package and core, without their repository’s node_modules. */
  function program(): string {
    const place = folder.file('node_modules/@stepcompute');
    for (const name of ['core', 'simulation-file']) {
      const built = dirname(require.resolve(`@stepcompute/${name}/package.json`));
      for (const part of ['package.json', 'dist']) {
        cpSync(join(built, part), join(place, name, part), { recursive: true });
      }
    }
    cpSync(join(__dirname, 'open.mjs'), folder.file('open.mjs'));
    return folder.file('open.mjs');
  }

  it('JavaScript runs, without a fingerprint', () => {
    const outcome = opened(
      'main.mjs',
      { 'main.mjs': 'export default () => 1;' },
      { program: program() },
    );
    expect(outcome).toEqual({ answer: 1 });
  });

  it('TypeScript is refused with what to install', () => {
    const outcome = opened(
      'main.ts',
      { 'main.ts': 'export default () => 1;' },
      { program: program() },
    );
    expect(outcome.message).toContain('npm install esbuild');
  });
});

it('a simulation’s file that is a link runs as the file it is', () => {
  folder.write({
    'real/main.ts': `import { one } from './one';\nexport default () => one;`,
    'real/one.ts': 'export const one: number = 1;',
  });
  symlinkSync(folder.file('real/main.ts'), folder.file('link.ts'));
  expect(open([folder.file('link.ts')])).toMatchObject([{ answer: 1 }]);
});

it.each(['.ts', '.cts', '.mjs', '.cjs'])('a path may have any characters: %s', (extension) => {
  const odd = "it's 100%20 #1 ?";
  const source = /cts|cjs/.test(extension)
    ? "const { one } = require('./one');\nmodule.exports = () => one + __dirname.slice(-1);"
    : `import { one } from './one${extension === '.ts' ? '' : '.js'}';\nexport default () => one + import.meta.dirname.slice(-1);`;
  const one = extension === '.mjs' || extension === '.cjs' ? 'one.js' : 'one.ts';
  const entry = `${odd}/main${extension}`;
  expect(opened(entry, { [entry]: source, [`${odd}/${one}`]: 'exports.one = 1;' }).answer).toBe(
    '1?',
  );
});

it('JavaScript alone is loaded without a hook', () => {
  folder.write({
    'main.mjs': `export default () => import(['./beside', 'cts'].join('.')).then(() => 'hooked', () => 'as Node does');`,
    'beside.cts': 'enum OnlyAHookKnows { a }',
    'typed.ts': 'export default () => 1;',
    'other.cts': 'enum OnlyAHookKnows { a }',
    'after.mjs': `export default () => import(['./other', 'cts'].join('.')).then(() => 'hooked');`,
  });
  const files = ['main.mjs', 'typed.ts', 'after.mjs'].map((name) => folder.file(name));
  const answers = open(files).map(({ answer }) => answer);
  expect(answers).toEqual(['as Node does', 1, 'hooked']);
});
