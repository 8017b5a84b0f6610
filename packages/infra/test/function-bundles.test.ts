import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const packages = resolve(__dirname, '../../../node_modules');
const program = join(__dirname, '../dist/bundle-function.js');
const folder = mkdtempSync(join(tmpdir(), 'stepcompute-bundles-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Any real add-on: the one of Jest's resolver, for this machine. */
const addOn = readdirSync(join(packages, '@unrs'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.node'))
  .map((file) => join(packages, '@unrs', file))[0];

/** An error whose name is that of its class, which no bundler may change. */
const errorClass = `class TooFarError extends Error {
  constructor(message) { super(message); this.name = this.constructor.name; }
}`;

/** A simulation in an ES module, typed or not. */
const moduleOf = (type = '', asserted = ''): string => `
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import settings from './settings.json' with { type: 'json' };
import { table } from 'esm-only';
import { text, missing } from 'cjs-only';
const require = createRequire(import.meta.url);
const addOn = require('./add-on.node');
const csv = readFileSync(new URL('./data/table.csv', import.meta.url), 'utf8');
const awaited = await Promise.resolve(1);
const name${type && ': string'} = 'low';
const { model } = await import(\`./models/\${name}.mjs\`);
${errorClass.replace('message)', `message${type && ': string'})`)}
export default ({ iterationId }${type}) => {
  if (iterationId === 1) throw new TooFarError('too far');
  return { awaited, settings, table, text, missing: missing(), addOn: typeof addOn, csv, model }${asserted};
};`;

/** The same in CommonJS, where nothing can be awaited. */
const scriptOf = (ending: string, exported = 'module.exports ='): string => `
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const settings = require('./settings.json');
const { table } = require('esm-only');
const { text, missing } = require('cjs-only');
const addOn = require('./add-on.node');
const csv = readFileSync(join(__dirname, 'data', 'table.csv'), 'utf8');
const name = 'low';
const { model } = require(\`./models/\${name}.${ending}\`);
${errorClass}
${exported} ({ iterationId }) => {
  if (iterationId === 1) throw new TooFarError('too far');
  return { awaited: 1, settings, table, text, missing: missing(), addOn: typeof addOn, csv, model };
};`;

const typed = ': { readonly iterationId: number }';
const simulations = {
  'simulation.ts': moduleOf(typed, ' as const'),
  'simulation.mts': moduleOf(typed, ' as const'),
  'simulation.cts': scriptOf('cjs', 'export =').replace('iterationId })', 'iterationId }: any)'),
  'simulation.js': moduleOf(),
  'simulation.mjs': moduleOf(),
  'simulation.cjs': scriptOf('cjs'),
  'compiled.cjs': scriptOf('cjs', `exports.__esModule = true; exports.default =`),
  'script/simulation.js': scriptOf('js'),
};

const files: Readonly<Record<string, string>> = {
  'package.json': '{ "type": "module" }',
  'script/package.json': '{}',
  'handler.js': `import { deployed } from '@stepcompute/aws-adapter/simulation';
    const { exported } = deployed;
    export const handler = ({ iterationId }) =>
      (exported.default.default ?? exported.default)({ iterationId });`,
  'node_modules/esm-only/package.json': '{ "name": "esm-only", "exports": "./index.mjs" }',
  'node_modules/esm-only/index.mjs': `import { readFileSync } from 'node:fs';
    export const table = readFileSync(new URL('./table.txt', import.meta.url), 'utf8');`,
  'node_modules/esm-only/table.txt': 'table',
  'node_modules/cjs-only/package.json': '{ "name": "cjs-only", "version": "1.0.0" }',
  'node_modules/cjs-only/index.js': `
    exports.text = require('fs').readFileSync(__dirname + '/text.txt', 'utf8');
    exports.missing = () => {
      try { return require('not-installed'); } catch ({ code }) { return code; }
    };`,
  'node_modules/cjs-only/text.txt': 'text',
  ...simulations,
  ...Object.fromEntries(
    ['', 'script/'].flatMap((place) => [
      [`${place}settings.json`, '{ "a": 1 }'],
      [`${place}data/table.csv`, '1;2'],
      [`${place}models/low.mjs`, 'export const model = "low";'],
      [`${place}models/low.cjs`, 'exports.model = "low";'],
      [`${place}models/low.js`, place === '' ? 'export {};' : 'exports.model = "low";'],
    ]),
  ),
};

const expected = {
  awaited: 1,
  settings: { a: 1 },
  table: 'table',
  text: 'text',
  missing: 'MODULE_NOT_FOUND',
  addOn: 'object',
  csv: '1;2',
  model: 'low',
};

function writeFiles(project: string, contents: Readonly<Record<string, string>>): void {
  for (const [file, content] of Object.entries(contents)) {
    mkdirSync(dirname(join(project, file)), { recursive: true });
    writeFileSync(join(project, file), content);
  }
}

const project = join(folder, 'project');
beforeAll(() => {
  writeFiles(project, files);
  if (addOn === undefined) throw new Error('Jest’s resolver has no add-on for this machine');
  for (const place of ['', 'script']) copyFileSync(addOn, join(project, place, 'add-on.node'));
});

interface Bundle {
  readonly asset: string;
  readonly warnings: string;
}

function run(
  entry: string,
  more: Readonly<Record<string, readonly string[]>> = {},
  { from = project, architecture = 'arm64' } = {},
): { readonly asset: string; readonly status: number | null; readonly stderr: string } {
  const asset = mkdtempSync(join(folder, 'asset-'));
  const request = {
    handler: join(from, 'handler.js'),
    databases: ['data-api'],
    architecture,
    simulation: { entry: join(from, entry), ...more },
  };
  const parameters = [program, asset, JSON.stringify(request)];
  return { asset, ...spawnSync(process.execPath, parameters, { encoding: 'utf8' }) };
}

/** @throws Error with what the program says */
function bundle(...parameters: Parameters<typeof run>): Bundle {
  const { asset, status, stderr } = run(...parameters);
  if (status !== 0) throw new Error(stderr);
  return { asset, warnings: stderr };
}

/** The answer of an asset's handler for an iteration, or its error's name and stack. */
function answerOf({ asset }: Bundle, iterationId = 0, environment = {}): unknown {
  const caller = join(folder, 'call.mjs');
  const call = `import { argv } from 'node:process';
    import { pathToFileURL } from 'node:url';
    const { handler } = await import(pathToFileURL(argv[2]));
    const answer = async () => handler({ iterationId: Number(argv[3]) });
    const told = ({ name, stack }) => name + ', ' + stack;
    console.log(JSON.stringify(await answer().catch(told)));`;
  writeFileSync(caller, call);
  const parameters = [caller, join(asset, 'index.mjs'), String(iterationId)];
  return JSON.parse(
    execFileSync(process.execPath, parameters, {
      cwd: asset,
      encoding: 'utf8',
      env: { ...process.env, ...environment },
    }),
  ) as unknown;
}

describe('a bundled simulation', () => {
  it.each(Object.entries(simulations))('runs with all that it needs: %s', (entry, source) => {
    const made = bundle(entry);
    expect(answerOf(made)).toEqual(expected);
    const line = source.split('\n').findIndex((each) => each.includes('too far')) + 1;
    expect(answerOf(made, 1)).toMatch(
      new RegExp(`^TooFarError, .*too far\\n.*/${entry.split('/').at(-1)}:${line}:\\d+\\)`),
    );
    for (const file of ['index.mjs', 'simulation.mjs']) {
      const text = readFileSync(join(made.asset, file), 'utf8');
      const [, map = ''] = /base64,(\S+)/.exec(text) ?? [];
      expect(text + Buffer.from(map, 'base64').toString()).not.toContain(folder);
    }
  });

  it('is the same from another checkout', () => {
    const other = join(folder, 'elsewhere/deep/checkout');
    cpSync(project, other, { recursive: true });
    const [here, there] = [bundle('simulation.ts'), bundle('simulation.ts', {}, { from: other })];
    const contents = ({ asset }: Bundle): unknown =>
      readdirSync(asset, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => [
          join(parentPath, name).slice(asset.length),
          readFileSync(join(parentPath, name), 'base64'),
        ]);
    expect(contents(there)).toEqual(contents(here));
  });

  it('tells modules their places in an order that does not depend on which was read first', () => {
    const text = readFileSync(join(bundle('simulation.ts').asset, 'simulation.mjs'), 'utf8');
    const places = [...text.matchAll(/at\d+: at\("([^"]+)"\)/g)].map(([, place]) => place);
    expect(places).toHaveLength(3);
    expect(places).toEqual([...places].sort());
  });

  it('finds further files where they lie at home', () => {
    writeFiles(project, {
      'src/reads.ts': `import { readFileSync } from 'node:fs';
        const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');
        export default () => ['../tables/a.txt', 'b.txt'].map(read);`,
      'tables/a.txt': 'a',
      'src/b.txt': 'b',
    });
    expect(answerOf(bundle('src/reads.ts', { files: ['../tables', 'b.txt'] }))).toEqual(['a', 'b']);
    expect(() => bundle('src/reads.ts', { files: ['c.txt'] })).toThrow(
      'reads.ts is to be deployed with c.txt: there is no such file\n',
    );
  });

  it('takes from a layer what is left out of the bundle', () => {
    writeFiles(project, {
      'node_modules/in-layer/package.json': '{ "name": "in-layer", "main": "index.js" }',
      'node_modules/in-layer/index.js': `exports.where = 'at home'; exports.name = 'in-layer';`,
      'node_modules/in-layer/part.js': `module.exports = 'a part at home';`,
      'layered.ts': `import { where } from 'in-layer';
        import part from 'in-layer/part.js';
        export default () => [where, part];`,
    });
    const layer = join(folder, 'layer/nodejs/node_modules');
    writeFiles(layer, {
      'in-layer/package.json': '{ "name": "in-layer", "main": "index.js" }',
      'in-layer/index.js': `exports.where = 'in the layer';`,
      'in-layer/part.js': `module.exports = 'a part in the layer';`,
    });
    const made = bundle('layered.ts', { external: ['in-layer'] });
    // The module is checked with what is installed here.
    expect(made.warnings).toBe('');
    const places = { NODE_PATH: layer };
    expect(answerOf(made, 0, places)).toEqual(['in the layer', 'a part in the layer']);
    expect(answerOf(bundle('layered.ts'), 0, places)).toEqual(['at home', 'a part at home']);
  });

  it('has worker threads', () => {
    writeFiles(project, {
      'threads.ts': `import { Worker } from 'node:worker_threads';
        export default () => new Promise((resolve, reject) => {
          const worker = new Worker(new URL('./worker.mjs', import.meta.url));
          worker.once('message', resolve).once('error', reject);
        });`,
      'worker.mjs': `import { parentPort } from 'node:worker_threads';
        import { table } from 'esm-only';
        parentPort.postMessage(table);`,
    });
    expect(answerOf(bundle('threads.ts'))).toBe('table');
  });

  it('refers to a file that is not there yet', () => {
    writeFiles(project, {
      'writes.mjs': `import { existsSync } from 'node:fs';
        export default () => existsSync(new URL('./later.txt', import.meta.url));`,
    });
    expect(answerOf(bundle('writes.mjs'))).toBe(false);
  });

  it('has the errors of packages in no line of its own', () => {
    writeFiles(project, {
      'node_modules/fails/package.json': '{ "name": "fails" }',
      'node_modules/fails/index.js': `exports.fail = () => { throw new Error('of the package'); };
\n//# sourceMappingURL=index.js.map`,
      'node_modules/fails/index.js.map': JSON.stringify({
        version: 3,
        sources: ['../../src/of-the-package.ts'],
        names: [],
        mappings: 'AAAA',
      }),
      'calls.ts': `import { fail } from 'fails';\nexport default () => {\n  fail();\n};`,
    });
    const [, thrown, called] = (answerOf(bundle('calls.ts')) as string).split('\n');
    expect(thrown).toContain('simulation.mjs:');
    expect(called).toContain('/calls.ts:3:3');
  });

  describe('with a native package', () => {
    const native = (place: string): Record<string, string> => ({
      [`node_modules/${place}/package.json`]: `{ "name": "${place}", "version": "1.2.3", "main": "lib/index.js",
        "dependencies": { "bindings": "*", "deep": "*" } }`,
      [`node_modules/${place}/lib/index.js`]: `exports.deep = require('deep');
        exports.addOn = require('bindings')('found.node');`,
      'node_modules/deep/package.json': '{ "name": "deep", "version": "2.0.0" }',
      'node_modules/deep/index.js': `module.exports = 'top';`,
      [`node_modules/${place}/node_modules/deep/package.json`]:
        '{ "name": "deep", "version": "1.0.0" }',
      [`node_modules/${place}/node_modules/deep/index.js`]: `module.exports = 'nested';`,
      [`${place}.ts`]: `import { addOn, deep } from '${place}';
        import top from 'deep';
        export default () => [typeof addOn, deep, top];`,
    });
    beforeAll(() => {
      for (const name of ['bindings', 'file-uri-to-path']) {
        cpSync(join(packages, name), join(project, 'node_modules', name), { recursive: true });
      }
      writeFiles(project, { ...native('built'), ...native('unbuilt') });
      const place = join(project, 'node_modules/built/build/Release');
      mkdirSync(place, { recursive: true });
      copyFileSync(addOn ?? '', join(place, 'found.node'));
    });

    it('has it whole, with the versions that it depends on', () => {
      const made = bundle('built.ts');
      expect(answerOf(made)).toEqual(['object', 'nested', 'top']);
      expect(existsSync(join(made.asset, 'packages/built@1.2.3/build/Release/found.node'))).toBe(
        true,
      );
    });

    it('is refused by name when it is not built', () => {
      expect(() => bundle('unbuilt.ts')).toThrow(
        'unbuilt.ts needs unbuilt, whose add-on is not built: run npm rebuild unbuilt\n',
      );
    });
  });

  it('is told of an add-on for another machine', () => {
    writeFiles(project, {
      'foreign.cjs': `module.exports = () => require('./foreign.node');`,
      'foreign.node': 'MZ, of another system',
    });
    expect(bundle('foreign.cjs').warnings).toBe(
      'warning: foreign.node is not built for linux, arm64, where the functions run\n',
    );
    const arm64 = Buffer.alloc(64);
    arm64.write('\x7fELF', 'latin1');
    arm64.writeUInt16LE(183, 18);
    writeFileSync(join(project, 'foreign.node'), arm64);
    expect(bundle('foreign.cjs').warnings).toBe('');
    expect(bundle('foreign.cjs', {}, { architecture: 'x86_64' }).warnings).toBe(
      'warning: foreign.node is not built for linux, x64, where the functions run\n',
    );
  });

  it('may need what AWS alone has, and is unchecked then', () => {
    writeFiles(project, {
      'needy.ts': `if (!process.env.ONLY_ON_AWS) throw new Error('ONLY_ON_AWS is not set');
        export default () => 1;`,
    });
    expect(bundle('needy.ts').warnings).toBe(
      'warning: needy.ts can’t be loaded here, so that it is not checked: Error: ONLY_ON_AWS is not set\n',
    );
  });

  it.each([
    ['object.ts', 'export default { generate: () => 1 };'],
    ['object.cjs', 'module.exports = { generate: () => 1 };'],
    ['busy.mjs', 'setInterval(() => {}, 1000); export default () => 1;'],
  ])('is one: %s', (entry, source) => {
    writeFiles(project, { [entry]: source });
    expect(bundle(entry).warnings).toBe('');
  });

  const isNone =
    'has no simulation in it: its default export must be a function, or an object with a function `generate`';
  it.each([
    ['absent.ts', undefined, `${join(project, 'absent.ts')}: there is no such file`],
    [
      'lost.ts',
      `import x from './settings.json';\nimport y from 'no-such-package';\nexport default () => x + y;`,
      'lost.ts:2:15: can’t find "no-such-package": install the package, or mend the path',
    ],
    [
      'imports-lost.ts',
      `import './lost-too.js';\nexport default () => 1;`,
      'imports-lost.ts:1:8: can’t find "./lost-too.js": install the package, or mend the path',
    ],
    [
      'computed.ts',
      `const name = process.argv[2] ?? '';\nexport default () => 1;\nconsole.log(import.meta.url);\nvoid import(name);`,
      'computed.ts:4:6: can’t bundle an import that is computed as a whole: write what is known of it, as in import(`./models/${name}.mjs`)',
    ],
    [
      'computed.cjs',
      `module.exports = (name) => require(name);`,
      'computed.cjs:1:28: can’t bundle an import that is computed as a whole: write what is known of it, as in import(`./models/${name}.mjs`)',
    ],
    ['broken.ts', 'export default () => {', 'broken.ts:1:23: Unexpected end of file'],
    ['named.ts', 'export const simulation = () => 1;', `named.ts ${isNone}`],
    ['number.ts', 'export default 5;', `number.ts ${isNone}`],
    ['object-of-none.ts', 'export default { generate: 5 };', `object-of-none.ts ${isNone}`],
    ['named.cjs', 'exports.simulation = () => 1;', `named.cjs ${isNone}`],
  ])('is refused in one line: %s', (entry, source, refusal) => {
    if (source !== undefined) writeFiles(project, { [entry]: source });
    const { status, stderr } = run(entry);
    expect(stderr).toBe(`${refusal}\n`);
    expect(status).toBe(1);
  });
});
