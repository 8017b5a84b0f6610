import { readFileSync } from 'node:fs';
import { type Files, installedAddOn } from './folder.js';

/** A module of one kind, whose default export returns the answer. */
export interface Kind {
  readonly title: string;
  readonly entry: string;
  readonly files: Files;
  readonly answer: unknown;
}

const addOn = readFileSync(installedAddOn());
const readBeside = `readFileSync(new URL('./beside.txt', import.meta.url), 'utf8')`;

/** Files that every kind finds beside it. */
const common: Files = {
  'data.json': '{ "seven": 7 }',
  'beside.txt': 'beside',
  'addon.node': addOn,
  'models/a.ts': 'enum Answer { a = 1 }\nexport default (): number => Answer.a;',
  'models/a.mjs': 'export default () => 1;',
  'awaits.ts': 'export const five: number = await Promise.resolve(5);',
  'awaits.mts': 'export const five: number = await Promise.resolve(5);',
  'awaits.mjs': 'export const five = await Promise.resolve(5);',
  'six.ts': 'export const six: number = 6;',
  'common.cts': 'const eight: number = 8;\nexport = { eight };',
  'plain.cts': 'exports.one = 1;',
  'named.cts': 'export const nine: number = 9;',
  'module.mts': 'export const ten: number = 10;',
  'folder/index.ts': 'export const eleven: number = 11;',
  'types.ts': 'export type Count = number;\nexport const twelve: Count = 12;',
  'node_modules/esm-only/package.json': '{ "type": "module", "exports": "./index.js" }',
  'node_modules/esm-only/index.js': 'export const triple = (x) => 3 * x;',
  'node_modules/esm-awaits/package.json': '{ "type": "module", "exports": "./index.js" }',
  'node_modules/esm-awaits/index.js': 'export const four = await Promise.resolve(4);',
  'node_modules/cjs-only/package.json': '{ "main": "./index.js" }',
  'node_modules/cjs-only/index.js':
    'module.exports = { half: (x) => x / 2, double: (x) => 2 * x };\n',
};

const es = (imports: string, answer: string): string =>
  `${imports}\nexport default async () => ${answer};\n`;

/** By title: a source and its answer, for ES modules in TypeScript and JavaScript. */
const esModules: Record<string, readonly [source: string, answer: unknown]> = {
  'a function': ['export default () => 1;', 1],
  'top-level await': [es('const two = await Promise.resolve(2);', 'two'), 2],
  'top-level await in an import': [es(`import { five } from './awaits.mjs';`, 'five'), 5],
  'JSON with its type': [
    es(`import data from './data.json' with { type: 'json' };`, 'data.seven'),
    7,
  ],
  'an ESM-only package': [es(`import { triple } from 'esm-only';`, 'triple(2)'), 6],
  'an ESM-only package that awaits': [es(`import { four } from 'esm-awaits';`, 'four'), 4],
  'a CommonJS-only package': [es(`import cjs from 'cjs-only';`, 'cjs.double(2)'), 4],
  'a file beside it, by its URL': [
    es(`import { readFileSync } from 'node:fs';`, readBeside),
    'beside',
  ],
  'a file beside it, by its folder': [
    es(
      `import { readFileSync } from 'node:fs';`,
      `readFileSync(import.meta.dirname + '/beside.txt', 'utf8')`,
    ),
    'beside',
  ],
  'an add-on': [
    es(
      `import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);`,
      `typeof require('./addon.node')`,
    ),
    'object',
  ],
  'a computed import': [
    es(`const name = 'a' + '';`, `(await import('./models/' + name + '.mjs')).default()`),
    1,
  ],
  'a computed import of TypeScript': [
    es(`const name = 'a' + '';`, `(await import('./models/' + name + '.ts')).default()`),
    1,
  ],
};

const typeScript: Record<string, readonly [source: string, answer: unknown]> = {
  'top-level await in a TypeScript import': [es(`import { five } from './awaits.ts';`, 'five'), 5],
  'JSON without its type': [es(`import data from './data.json';`, 'data.seven'), 7],
  'enum, namespace, parameter property': [
    `enum Size { small = 2, large = 3 }
namespace Constants { export const one: number = 1; }
class Box { constructor(private readonly size: Size) {} get(): number { return this.size; } }
export default (): number => new Box(Size.large).get() + Constants.one;`,
    4,
  ],
  'a .js that is a .ts': [es(`import { six } from './six.js';`, 'six'), 6],
  'types alone': [
    es(
      `import { type Count, twelve } from './types.js';\nimport type { Other } from './none.js';`,
      'twelve as Count & Other',
    ),
    12,
  ],
  'no extension': [
    es(`import { six } from './six';\nimport { eleven } from './folder';`, 'six + eleven'),
    17,
  ],
  'CommonJS in TypeScript': [
    es(
      `import c from './common.cts';\nimport { nine } from './named.cjs';
import { eight } from './common.cts';
import { one } from './plain.cts';`,
      'c.eight + nine + eight + one',
    ),
    26,
  ],
};

const commonJs: Record<string, readonly [source: string, answer: unknown]> = {
  'a CommonJS function': ['module.exports = () => 1;', 1],
  'CommonJS compiled from ESM': [
    'Object.defineProperty(exports, "__esModule", { value: true });\nexports.default = () => 1;',
    1,
  ],
  'a file beside CommonJS': [
    `module.exports = () => require('node:fs').readFileSync(__dirname + '/beside.txt', 'utf8');`,
    'beside',
  ],
  'JSON in CommonJS': [`module.exports = () => require('./data.json').seven;`, 7],
  'an add-on in CommonJS': [`module.exports = () => typeof require('./addon.node');`, 'object'],
  'an ESM-only package in CommonJS': [`module.exports = () => require('esm-only').triple(2);`, 6],
  'a CommonJS-only package in CommonJS': [`module.exports = () => require('cjs-only').half(2);`, 1],
  'a computed import in CommonJS': [
    `const name = 'a' + '';\nmodule.exports = async () => (await import('./models/' + name + '.mjs')).default();`,
    1,
  ],
};

const commonJsTypeScript: Record<string, readonly [source: string, answer: unknown]> = {
  'export =': [`import cjs = require('cjs-only');\nexport = (): number => cjs.half(2);`, 1],
  'imports that are required': [
    `import { triple } from 'esm-only';
import { half } from 'cjs-only';
import data = require('./data.json');
import { nine } from './named.cjs';
import { ten } from './module.mjs';
import { six } from './six';
enum Factor { one = 1 }
export default (): number => Factor.one * (triple(1) + half(2) + data.seven + nine + ten + six);`,
    36,
  ],
};

/** `.ts` outside of a package of ES modules. */
const inEither: Record<string, readonly [source: string, answer: unknown]> = {
  'import beside __dirname and require': [
    es(
      `import { readFileSync } from 'node:fs';`,
      `readFileSync(__dirname + '/beside.txt', 'utf8') + require('./data.json').seven + typeof __filename`,
    ),
    'beside7string',
  ],
  'a __dirname of its own': [
    es(`const __dirname = import.meta.url;`, `__dirname.startsWith('file:')`),
    true,
  ],
  'a CommonJS script': ['#!/usr/bin/env node\nmodule.exports = (): number => 1;', 1],
  'export = in a .ts': commonJsTypeScript['export =']!,
};

const packages = {
  'no package.json': undefined,
  'type commonjs': '{ "type": "commonjs" }',
  'type module': '{ "type": "module" }',
};

function kindsOf(
  extension: string,
  sources: Record<string, readonly [string, unknown]>,
  scopes = Object.keys(packages) as (keyof typeof packages)[],
): Kind[] {
  return scopes.flatMap((scope) =>
    Object.entries(sources).map(([title, [source, answer]]) => ({
      title: `${extension}, ${scope}: ${title}`,
      entry: `main${extension}`,
      answer,
      files: {
        ...common,
        ...(packages[scope] !== undefined && { 'package.json': packages[scope] }),
        [`main${extension}`]: source,
      },
    })),
  );
}

export const kinds: readonly Kind[] = [
  ...kindsOf('.ts', { ...esModules, ...typeScript }),
  ...kindsOf('.ts', { ...commonJs, ...inEither }, ['no package.json', 'type commonjs']),
  ...kindsOf('.mts', { ...esModules, ...typeScript, 'no extension': typeScript['no extension']! }),
  ...kindsOf('.cts', { ...commonJs, ...commonJsTypeScript }),
  ...kindsOf('.mjs', esModules),
  ...kindsOf('.js', esModules, ['no package.json', 'type module']),
  ...kindsOf('.js', commonJs, ['no package.json', 'type commonjs']),
  ...kindsOf('.cjs', commonJs),
];
