import { readFileSync, renameSync, symlinkSync } from 'node:fs';
import { fingerprintOf, type CodeFingerprint } from '../src/index.js';
import { Folder, installedAddOn, open, type Files } from './folder.js';

const addOn = readFileSync(installedAddOn());

/** Every kind of file that a fingerprint covers. */
const files: Files = {
  'main.ts': `import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { factor } from './helper.js';
import data from './data.json';
import { triple } from 'esm';
import cjs from 'cjs';
const require = createRequire(import.meta.url);
const addOn = require('./addon.node');
const name: string = 'a';
const { model } = await import('./models/' + name + '.ts');
export default (): number =>
  factor + data.n + triple(1) + cjs.half(2) + model + typeof addOn + readFileSync;
`,
  'helper.ts': `export const factor: number = 1;\nexport const unused = 'an export that nobody uses';\n`,
  'data.json': '{ "n": 7 }',
  'addon.node': addOn,
  'models/a.ts': `export const model: number = 1;\n`,
  'node_modules/esm/package.json':
    '{ "type": "module", "exports": "./index.js", "sideEffects": false }',
  'node_modules/esm/index.js': `export { triple } from './deep/triple.js';\nexport const unused = () => 'nobody';\n`,
  'node_modules/esm/deep/triple.js': `export const triple = (x) => 3 * x;\n`,
  'node_modules/cjs/package.json': '{ "main": "./index.js" }',
  'node_modules/cjs/index.js': `try { require('not-installed'); } catch {}
exports.half = (x) => x / 2;
exports.addOn = () => require('./addon.node');
`,
  'node_modules/cjs/addon.node': addOn,
};

let folders: Folder[];
beforeEach(() => (folders = []));
afterEach(() => {
  for (const folder of folders) folder.remove();
});

function folder(content: Files = files): Folder {
  const made = new Folder().write(content);
  folders.push(made);
  return made;
}

async function of(place: Folder, entry = 'main.ts'): Promise<CodeFingerprint> {
  return (await fingerprintOf(place.file(entry)))!;
}

describe('a fingerprint', () => {
  it('is two digests and the bundler that they are of', async () => {
    const digest = expect.stringMatching(/^[\da-f]{64}$/) as string;
    expect(await of(folder())).toEqual({
      bundle: digest,
      files: digest,
      bundler: expect.stringMatching(/^esbuild \d+\.\d+\.\d+$/) as string,
    });
  });

  it('is the same from another folder', async () => {
    expect(await of(folder())).toEqual(await of(folder()));
  });

  it('is the same with packages that are hoisted, and that are linked', async () => {
    const hoisted = folder(
      Object.fromEntries(
        Object.entries(files).map(([name, content]) => [
          name.startsWith('node_modules') ? name : `deep/er/${name}`,
          content,
        ]),
      ),
    );
    const linked = folder();
    renameSync(linked.file('node_modules/esm'), linked.file('esm-linked'));
    symlinkSync(linked.file('esm-linked'), linked.file('node_modules/esm'));
    const expected = await of(folder());
    expect(await of(hoisted, 'deep/er/main.ts')).toEqual(expected);
    // Its files are elsewhere, which counts where another bundler made the bundle.
    expect({ ...(await of(linked)), files: expected.files }).toEqual(expected);
  });

  it('is another when two files have changed places', async () => {
    const model = (content: Files): Promise<CodeFingerprint> =>
      of(
        folder({
          'main.mjs': `import eu from './eu.mjs'; import us from './us.mjs'; export default () => eu - us;`,
          ...content,
        }),
        'main.mjs',
      );
    const [one, two] = ['export default 1;', 'export default 2;'];
    const before = await model({ 'eu.mjs': one, 'us.mjs': two });
    const after = await model({ 'eu.mjs': two, 'us.mjs': one });
    expect(after.bundle).not.toBe(before.bundle);
    expect(after.files).not.toBe(before.files);
  });

  it('is the same under a tsconfig.json', async () => {
    const compilerOptions = {
      target: 'es5',
      useDefineForClassFields: false,
      jsx: 'react',
      baseUrl: '.',
    };
    const configured = folder({ ...files, 'tsconfig.json': JSON.stringify({ compilerOptions }) });
    expect(await of(configured)).toEqual(await of(folder()));
  });

  it('is the same in another working directory and environment, and in a process that runs it', async () => {
    const place = folder({ ...files, 'elsewhere/esm/index.js': 'export const triple = 1;' });
    const env = { NODE_ENV: 'production', NODE_PATH: place.file('elsewhere') };
    const [{ fingerprint } = {}] = open([place.file('main.ts')], {
      cwd: place.file('models'),
      env,
    });
    expect(fingerprint).toEqual(await of(place));
  });

  it('has the same bundle and other files with other comments and layout', async () => {
    const before = await of(folder());
    for (const name of Object.keys(files).filter((file) => /\.[jt]s$/.test(file))) {
      const commented = `/*! @license */\n// Why\n${String(files[name]).replaceAll(';', ' /* @__PURE__ */ ;\n\n')}`;
      const after = await of(folder({ ...files, [name]: commented }));
      expect({ name, bundle: after.bundle }).toEqual({ name, bundle: before.bundle });
      expect(after.files).not.toBe(before.files);
    }
  });

  it('has the same bundle in another style', async () => {
    const loose = `// A comment
import { join } from "node:path"

const o = { 'a': 1, b: 2, }
export default ( x ) => {
  if ((x > o.a)) { return "it" }
  for (const k of [1, 2]) o.b += (k * 1.50)
  return ( join('a', \`\${ x }\`) )
}`;
    const strict = `import { join } from 'node:path';
const o = {
  a: 1,
  b: 2,
};
/** Documented. */
export default (x) => {
  if (x > o.a) return 'it';
  for (const k of [1, 2]) {
    o.b += k * 1.5;
  }
  return join('a', \`\${x}\`);
};
`;
    const [one, other] = [
      await of(folder({ 'a.mjs': loose }), 'a.mjs'),
      await of(folder({ 'b.js': strict }), 'b.js'),
    ];
    expect(other.bundle).toBe(one.bundle);
  });

  it('changes with each file', async () => {
    const before = await of(folder());
    const changed: Files = {
      'main.ts': String(files['main.ts']).replace('half(2)', 'half(3)'),
      'helper.ts': `export const factor: number = 2;\nexport const unused = 'an export that nobody uses';\n`,
      'data.json': '{ "n": 8 }',
      'addon.node': Buffer.concat([addOn, Buffer.of(0)]),
      'models/a.ts': 'export const model: number = 2;\n',
      'node_modules/esm/deep/triple.js': 'export const triple = (x) => 4 * x;\n',
      'node_modules/cjs/index.js': String(files['node_modules/cjs/index.js']).replace('/ 2', '/ 3'),
      'node_modules/cjs/addon.node': Buffer.concat([addOn, Buffer.of(0)]),
    };
    for (const [name, content] of Object.entries(changed)) {
      const after = await of(folder({ ...files, [name]: content }));
      expect({ name, changed: after.bundle !== before.bundle }).toEqual({ name, changed: true });
      expect({ name, changed: after.files !== before.files }).toEqual({ name, changed: true });
    }
  });

  it('changes with an export that nobody uses, also of a package that says it has no side effects', async () => {
    const before = await of(folder());
    for (const name of ['helper.ts', 'node_modules/esm/index.js']) {
      const changed = { ...files, [name]: String(files[name]).replace('nobody', 'no one') };
      expect((await of(folder(changed))).bundle).not.toBe(before.bundle);
    }
  });

  it.each(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'])(
    'is of code that has a syntax error, by its content: %s',
    async (extension) => {
      const entry = `main${extension}`;
      const of3 = await of(folder({ [entry]: 'const = 3;' }), entry);
      const of4 = await of(folder({ [entry]: 'const = 4;' }), entry);
      expect(of3.bundle).not.toBe(of4.bundle);
    },
  );

  it('is of what a bundler can’t do, where Node can', async () => {
    const odd: Files = {
      'main.mjs': `import sloppy from './sloppy.cjs';
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
export const optional = () => require('not-installed');
export const late = () => import('not-installed/either');
const anywhere = process.env.NOWHERE ?? './sloppy.cjs';
export default async () => (await import(anywhere)).default + sloppy;`,
      'sloppy.cjs': `with ({ one: 1 }) module.exports = one;
try { require('./not-built/addon.node'); } catch {}
if (!module.exports) require('not-installed');`,
    };
    const place = folder(odd);
    const before = await of(place, 'main.mjs');
    expect(open([place.file('main.mjs')])).toMatchObject([{ answer: 2, fingerprint: before }]);
    place.write({ 'sloppy.cjs': String(odd['sloppy.cjs']).replace('1', '2') });
    expect((await of(place, 'main.mjs')).bundle).not.toBe(before.bundle);
  });

  it('follows the conditions that Node follows', async () => {
    const exports = { module: './wrong.js', import: './right.mjs', require: './wrong.js' };
    const synchronous = { 'module-sync': './right.mjs', default: './wrong.js' };
    const dual: Files = {
      'main.ts': `import { n } from 'dual';
import { m } from 'synchronous';
export default () => n + m;`,
      'node_modules/synchronous/package.json': JSON.stringify({ exports: synchronous }),
      'node_modules/synchronous/right.mjs': 'export const m = 10;',
      'node_modules/synchronous/wrong.js': 'exports.m = 20;',
      'package.json': '{ "type": "commonjs" }',
      'node_modules/dual/package.json': JSON.stringify({ exports, module: './wrong.js' }),
      'node_modules/dual/right.mjs': 'export const n = 1;',
      'node_modules/dual/wrong.js': 'exports.n = 2;',
    };
    const place = folder(dual);
    const before = await of(place);
    expect(open([place.file('main.ts')])).toMatchObject([{ answer: 11 }]);
    place.write({ 'node_modules/dual/wrong.js': 'exports.n = 3;' });
    place.write({ 'node_modules/synchronous/wrong.js': 'exports.m = 30;' });
    expect(await of(place)).toEqual(before);
    place.write({ 'node_modules/dual/right.mjs': 'export const n = 3;' });
    expect((await of(place)).files).not.toBe(before.files);
  });

  it('takes the file that Node takes where a .ts and a .js have one name', async () => {
    const both: Files = {
      'main.cjs': `module.exports = () => require('./n').n;`,
      'main.ts': `import { n } from './n.js';\nexport default () => n;`,
      'n.js': 'exports.n = 1;',
      'n.ts': 'export const n: number = 2;',
    };
    const place = folder(both);
    const entries = ['main.cjs', 'main.ts'].map((name) => place.file(name));
    expect(open(entries)).toMatchObject([{ answer: 1 }, { answer: 2 }]);
    const [cjs, ts] = [await of(place, 'main.cjs'), await of(place, 'main.ts')];
    place.write({ 'n.js': 'exports.n = 3;' });
    expect(await of(place, 'main.ts')).toEqual(ts);
    expect((await of(place, 'main.cjs')).bundle).not.toBe(cjs.bundle);
  });
});
