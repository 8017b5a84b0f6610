/** The bundle of a file's code, from which its fingerprint is made. Needs esbuild. */
import { readFile } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { build, transform, version, type BuildFailure, type Loader, type Plugin } from 'esbuild';
import { digestOf, isTypeScript } from './files.js';
import { meantBy, target } from './typescript.js';

export interface Bundle {
  readonly code: string;
  /** The digest of each file that was read, by its full path. */
  readonly inputs: ReadonlyMap<string, string>;
  readonly bundler: string;
  /** The files that esbuild can't parse, with the line where it gave up. */
  readonly unparsed: ReadonlyMap<string, number>;
}

const loaders: Record<string, Loader> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '': 'js',
  '.json': 'json',
};

const requirePrefix = 'stepcompute-require:';

/**
 * Bundles a file with everything that it imports, packages too. What esbuild can't parse is in the
 * bundle by its content, and what it can't find by its name.
 * @param file its real path
 */
export async function bundle(file: string): Promise<Bundle> {
  const unparsed = new Map<string, number>();
  const byName = new Set<string>();
  for (;;) {
    const inputs = new Map<string, string>();
    try {
      const { outputFiles } = await build({
        entryPoints: [file],
        absWorkingDir: dirname(file),
        outdir: '/',
        write: false,
        bundle: true,
        format: 'esm',
        platform: 'node',
        target,
        // Syntax is minified below: here it would leave out code, and depend on licence comments.
        minifyWhitespace: true,
        minifyIdentifiers: true,
        charset: 'utf8',
        legalComments: 'none',
        // Nothing is left out, neither by a comment nor as unused: a change of it counts.
        ignoreAnnotations: true,
        treeShaking: false,
        // As Node resolves, whatever the environment and the folders above say.
        conditions: ['node-addons', 'module-sync'],
        mainFields: ['main'],
        resolveExtensions: ['.js', '.json', '.node'],
        nodePaths: [],
        tsconfigRaw: {},
        logLevel: 'silent',
        plugins: [resolution(byName), contents(inputs, unparsed)],
      });
      // One form for quotes around names, braces around statements and the like.
      const { code } = await transform(outputFiles[0]!.text, {
        format: 'esm',
        target,
        minify: true,
        treeShaking: false,
        charset: 'utf8',
        tsconfigRaw: {},
      });
      return { code, inputs, bundler: `esbuild ${version}`, unparsed };
    } catch (error) {
      const before = unparsed.size + byName.size;
      for (const { text, location } of (error as Partial<BuildFailure>).errors ?? []) {
        if (location === null) continue;
        const path = resolve(dirname(file), location.file);
        const [, name] = /^Could not resolve "(.*)"$/.exec(text) ?? [];
        if (name !== undefined) byName.add(importKey(path, name));
        else if (inputs.has(path) && !unparsed.has(path)) unparsed.set(path, location.line);
      }
      if (unparsed.size + byName.size === before) throw error;
    }
  }
}

const importKey = (importer: string, specifier: string): string => `${importer}\n${specifier}`;

/** Finds files as Node and the hooks do. */
function resolution(byName: ReadonlySet<string>): Plugin {
  return {
    name: 'resolution',
    setup(bundler) {
      const names = [...byName].map((key) =>
        key.replace(/^.*\n/, '').replaceAll(/\W/g, String.raw`\$&`),
      );
      if (names.length > 0) {
        bundler.onResolve({ filter: new RegExp(`^(${names.join('|')})$`) }, ({ path, importer }) =>
          byName.has(importKey(importer, path)) ? { path, external: true } : undefined,
        );
      }
      bundler.onResolve({ filter: /^\.{1,2}(\/|$)/ }, ({ path, importer, resolveDir }) => {
        const found = isTypeScript(importer) ? meantBy(join(resolveDir, path)) : undefined;
        return found === undefined ? undefined : { path: found };
      });
      bundler.onResolve({ filter: new RegExp(`^${requirePrefix}`) }, async (args) => {
        const { importer, resolveDir } = args;
        const name = args.path.slice(requirePrefix.length);
        const found = await bundler.resolve(name, { importer, resolveDir, kind: 'require-call' });
        return found.errors.length === 0 ? found : { path: name, external: true };
      });
    },
  };
}

/** Reads the files, so that what is digested is what is bundled. */
function contents(inputs: Map<string, string>, unparsed: ReadonlyMap<string, number>): Plugin {
  return {
    name: 'contents',
    setup(bundler) {
      bundler.onLoad({ filter: /./, namespace: 'file' }, async ({ path }) => {
        const content = await readFile(path);
        const digest = digestOf(content);
        inputs.set(path, digest);
        const loader = loaders[extname(path)];
        if (loader === undefined || unparsed.has(path)) {
          // CommonJS, from which any name can be imported.
          return { contents: `module.exports = "${digest}";`, loader: 'js' };
        }
        if (!content.includes('createRequire')) return { contents: content, loader };
        const required = await requiredBy(content, loader);
        return { contents: `${content.toString()}\n${required}`, loader };
      });
    },
  };
}

/** Imports of what an ES module requires by `createRequire(import.meta.url)`, which esbuild doesn't follow. */
async function requiredBy(content: Uint8Array, loader: Loader): Promise<string> {
  // Without types and comments, in one layout. Where it doesn't parse, the build says so.
  const options = { loader, minifyWhitespace: true, charset: 'utf8', tsconfigRaw: {} } as const;
  const { code } = await transform(content, options).catch(() => ({ code: '' }));
  const maker = String.raw`(?:[\w$]+\.)?createRequire\(import\.meta\.url\)`;
  const names = [...code.matchAll(new RegExp(String.raw`([\w$]+)=${maker}`, 'g'))].map(
    ([, name]) => String.raw`(?<![\w$.])${name!.replaceAll('$', String.raw`\$`)}`,
  );
  const call = String.raw`(?:${[maker, ...names].join('|')})\((["'\`])([^"'\`\\$\n]+)\1\)`;
  return [...code.matchAll(new RegExp(call, 'g'))]
    .map(([, , specifier]) => `import(${JSON.stringify(requirePrefix + specifier!)});`)
    .join('\n');
}
