import { fork } from 'node:child_process';
import { cpSync, existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, dirname, join, parse, relative, resolve, sep } from 'node:path';
import { decode, encode, type SourceMapSegment } from '@jridgewell/sourcemap-codec';
import { nodeFileTrace, resolve as resolveAsNode } from '@vercel/nft';
import { build, type BuildFailure, type BuildOptions, type Message, type Plugin } from 'esbuild';
import {
  copyPackage,
  isForFunctions,
  nativePackageOf,
  type NativePackage,
} from './native-packages.js';

/** A simulation that can't be deployed: the message has a line for each reason. */
export class Refusal extends Error {}

/** The file in a function's asset that exports `deployed`. */
export const simulationFile = 'simulation.mjs';

/** The bundle's own first lines, which import the simulation. */
const entrySource = '<deployed>';

/** The folder in the asset in which files lie relative to each other as they do at home. */
const filesFolder = 'files';

/** Modules that ask where they are. */
const asksWhere = /\b__(?:dirname|filename)\b|\bimport\.meta\b|\brequire\.resolve\b/;

const isModule = /\.[cm]?[jt]sx?$/;
const isInPackage = (file: string): boolean => /(?:^|[\\/])node_modules[\\/]/.test(file);

/** Imports that esbuild leaves as they are, and says so where it is asked. */
const computedImports = ['unsupported-dynamic-import', 'unsupported-require-call'];

const noSimulation =
  'has no simulation in it: its default export must be a function, or an object with a function `generate`';

/**
 * Bundles a simulation as an ES module, `simulation.mjs`, with the files that it needs around it.
 * @param folder the asset's
 * @param simulation its module
 * @param files further files and folders, relative to the entry's folder
 * @returns a line for each thing that may be wrong
 * @throws Refusal when it can't be bundled, or is no simulation
 */
export async function bundleSimulation(
  folder: string,
  simulation: string,
  files: readonly string[],
): Promise<string[]> {
  if (!existsSync(simulation)) throw new Refusal(`${simulation}: there is no such file`);
  // esbuild names modules by their real paths.
  const home = realpathSync(dirname(simulation));
  const entry = join(home, basename(simulation));
  const inputs = await check(entry);
  const located = [...inputs.modules].filter(
    (file) => isModule.test(file) && asksWhere.test(readFileSync(file, 'utf8')),
  );
  const copied = new Set([
    ...inputs.addOns,
    ...(await trace(located, inputs)),
    ...files.map((file) => resolve(home, file)),
  ]);
  const absent = files.filter((file) => !existsSync(resolve(home, file)));
  if (absent.length > 0) {
    throw new Refusal(
      `${basename(entry)} is to be deployed with ${absent.join(', ')}: there is no such file`,
    );
  }
  const base = commonFolder([...located, ...copied]);
  await write(folder, entry, located, base);
  for (const file of copied) {
    cpSync(file, join(folder, placeOf(file, base)), { recursive: true, dereference: true });
  }
  for (const { root, place } of inputs.packages) copyPackage(root, join(folder, place));
  return [
    ...foreignAddOns(inputs).map(
      (file) =>
        `warning: ${relative(home, file)} is not built for linux, arm64, where the functions run`,
    ),
    ...(await checkLoaded(folder, entry, inputs.packages)),
  ];
}

/** How to recognise this simulation's code, for the run's record. */
function fingerprintOf(_file: string): object | undefined {
  return undefined;
}

interface Inputs {
  /** All that is in the bundle. */
  readonly modules: ReadonlySet<string>;
  /** Of each module, the specifiers that esbuild has looked for. */
  readonly specifiers: ReadonlyMap<string, ReadonlySet<string>>;
  readonly addOns: ReadonlySet<string>;
  readonly packages: ReadonlySet<NativePackage>;
}

/** Bundles nothing yet, but refuses what can't be, in the source's own lines. */
async function check(entry: string): Promise<Inputs> {
  const home = dirname(entry);
  const found = {
    modules: new Set<string>(),
    specifiers: new Map<string, Set<string>>(),
    addOns: new Set<string>(),
    packages: new Set<NativePackage>(),
  };
  const collect: Plugin = {
    name: 'collect',
    setup(bundler) {
      bundler.onLoad({ filter: /./, namespace: 'file' }, ({ path }) => {
        found.modules.add(path);
        if (!path.endsWith('.node')) return undefined;
        found.addOns.add(path);
        return { contents: '' };
      });
    },
  };
  const contents = `import generator, * as exported from ${JSON.stringify(`./${basename(entry)}`)};`;
  const { warnings } = await bundle(home, {
    ...options,
    stdin: { contents, resolveDir: home, sourcefile: entrySource },
    outfile: join(home, `${entrySource}.mjs`),
    logOverride: Object.fromEntries(computedImports.map((id) => [id, 'warning'])),
    plugins: [asInNode(found), collect],
  });
  const computed = warnings.filter(
    ({ id, location }) =>
      computedImports.includes(id) && !isInPackage(resolve(home, location?.file ?? '')),
  );
  if (computed.length > 0) throw new Refusal(computed.map(lineOf).join('\n'));
  return found;
}

/** Writes the bundle, in which each of the modules `located` finds itself in the asset’s folder of files. */
async function write(
  folder: string,
  entry: string,
  located: readonly string[],
  base: string,
): Promise<void> {
  const home = dirname(entry);
  const place: Plugin = {
    name: 'place',
    setup(bundler) {
      bundler.onLoad({ filter: /\.node$/ }, ({ path }) => ({
        contents: `module.exports = require(${JSON.stringify(`./${placeOf(path, base)}`)});`,
        resolveDir: home,
      }));
      bundler.onResolve({ filter: new RegExp(`^\\./${filesFolder}/`) }, ({ path, importer }) =>
        importer.endsWith('.node') ? { path, external: true } : undefined,
      );
      bundler.onLoad({ filter: isModule }, async ({ path }) => {
        const index = located.indexOf(path);
        if (index < 0) return undefined;
        return { contents: await defineWhere(path, `__stepcompute.at${index}`), loader: 'js' };
      });
    },
  };
  const name = JSON.stringify(basename(entry));
  const { outputFiles } = await bundle(home, {
    ...options,
    stdin: {
      contents: `import * as exported from ${JSON.stringify(`./${basename(entry)}`)};
        export const deployed = { exported, name: ${name}, fingerprint: ${JSON.stringify(fingerprintOf(entry))} };`,
      resolveDir: home,
      sourcefile: entrySource,
    },
    // Sources are named relative to the output's folder: to the simulation's own.
    outfile: join(home, `${entrySource}.mjs`),
    banner: { js: banner(located.map((file) => placeOf(file, base))) },
    plugins: [asInNode(), place],
  });
  const [map, code] = ['.map', '.mjs'].map(
    (end) => outputFiles?.find(({ path }) => path.endsWith(end))?.text ?? '',
  ) as [string, string];
  const url = `data:application/json;base64,${Buffer.from(ownMap(map)).toString('base64')}`;
  writeFileSync(join(folder, simulationFile), `${code}//# sourceMappingURL=${url}\n`);
}

/** A module's source as JavaScript, in which an object of this name tells where the module is. */
async function defineWhere(file: string, where: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [file],
    write: false,
    outdir: dirname(file),
    platform: 'node',
    target: options.target,
    logLevel: 'silent',
    sourcemap: 'inline',
    sourcesContent: false,
    define: {
      'import.meta.url': `${where}.url`,
      'import.meta.dirname': `${where}.dirname`,
      'import.meta.filename': `${where}.filename`,
      'require.resolve': `${where}.resolve`,
      __dirname: `${where}.dirname`,
      __filename: `${where}.filename`,
    },
  });
  return outputFiles[0]?.text ?? '';
}

function banner(places: readonly string[]): string {
  return `import { createRequire as __stepcomputeRequire } from 'node:module';
const require = __stepcomputeRequire(import.meta.url);
const __stepcompute = ((at) => ({ ${places.map((place, index) => `at${index}: at(${JSON.stringify(place)})`).join(', ')} }))((place) => {
  const { href: url } = new URL(place.split('/').map(encodeURIComponent).join('/'), import.meta.url);
  const filename = require('node:url').fileURLToPath(url);
  return { url, filename, dirname: require('node:path').dirname(filename), resolve: __stepcomputeRequire(url).resolve };
});`;
}

/**
 * A source map of own modules alone. The rest of the bundle is mapped to nothing: left out, it would be
 * taken for the last own line before it.
 */
function ownMap(text: string): string {
  const map = JSON.parse(text) as { readonly sources: string[]; readonly mappings: string };
  const sources = map.sources.filter((source) => !isInPackage(source) && source !== entrySource);
  const indices = map.sources.map((source) => sources.indexOf(source));
  const lines = decode(map.mappings).map((segments) =>
    segments
      .map(([column, source = -1, ...original]): SourceMapSegment => {
        const [line = 0, originalColumn = 0] = original;
        const index = indices[source] ?? -1;
        return index < 0 ? [column] : [column, index, line, originalColumn];
      })
      .filter(({ length }, index, all) => length > 1 || all[index - 1]?.length !== 1),
  );
  return JSON.stringify({ version: 3, sources, names: [], mappings: encode(lines) });
}

const options = {
  bundle: true,
  write: false,
  platform: 'node',
  format: 'esm',
  // The oldest Node.js on which a deployment is rehearsed.
  target: 'node20.19',
  minifySyntax: true,
  minifyWhitespace: true,
  // Names of errors are recorded, and retried by.
  keepNames: true,
  sourcemap: 'external',
  sourcesContent: false,
  logLevel: 'silent',
} satisfies BuildOptions;

/** esbuild, whose errors become refusals. */
async function bundle(home: string, given: BuildOptions): ReturnType<typeof build> {
  try {
    return await build({ ...given, absWorkingDir: home });
  } catch (error) {
    const { errors } = error as BuildFailure;
    throw new Refusal(errors.map(lineOf).join('\n'), { cause: error });
  }
}

function lineOf({ id, text, location }: Message): string {
  const [, missing] = /^Could not resolve "(.*)"/.exec(text) ?? [];
  const [, withoutDefault] = /^No matching export in "(.*)" for import "default"/.exec(text) ?? [];
  if (withoutDefault !== undefined && location?.file === entrySource) {
    return `${withoutDefault} ${noSimulation}`;
  }
  const reason =
    missing !== undefined
      ? `can’t find ${JSON.stringify(missing)}: install the package, or mend the path`
      : computedImports.includes(id)
        ? 'can’t bundle an import that is computed as a whole: write what is known of it, as in import(`./models/${name}.mjs`)'
        : text;
  return location === null
    ? reason
    : `${location.file}:${location.line}:${location.column + 1}: ${reason}`;
}

/**
 * Leaves native packages out of the bundle. What packages require and is not installed is met when it is
 * required, as in Node.js: most of them can do without.
 */
function asInNode(found?: {
  readonly specifiers: Map<string, Set<string>>;
  readonly packages: Set<NativePackage>;
}): Plugin {
  const isAsked = Symbol('asked');
  return {
    name: 'as-in-node',
    setup(bundler) {
      bundler.onResolve({ filter: /./, namespace: 'file' }, async (asked) => {
        const { path, importer, kind, resolveDir } = asked;
        if (asked.pluginData === isAsked || kind === 'entry-point') return undefined;
        const specifiers = found?.specifiers.get(importer) ?? new Set();
        found?.specifiers.set(importer, specifiers.add(path));
        if (isBuiltin(path)) return undefined;
        const answer = await bundler.resolve(path, {
          importer,
          kind,
          resolveDir,
          namespace: 'file',
          pluginData: isAsked,
          with: asked.with,
        });
        if (answer.errors.length > 0) {
          const isLazy = kind === 'require-call' || kind === 'dynamic-import';
          return isLazy && isInPackage(importer) ? { path, external: true } : undefined;
        }
        const native = answer.external ? undefined : nativePackageOf(answer.path);
        if (native === undefined || nativePackageOf(importer) === native) return answer;
        found?.packages.add(native);
        const inside = relative(native.root, answer.path).replaceAll(sep, '/');
        return { path: `./${native.place}/${inside}`, external: true };
      });
    },
  };
}

/** The files that modules refer to, and what these need in their turn. */
async function trace(
  located: readonly string[],
  { modules, specifiers }: Inputs,
): Promise<string[]> {
  const { root } = parse(located[0] ?? '');
  const { fileList, reasons } = await nodeFileTrace([...located], {
    base: root,
    processCwd: root,
    readFile: async (path) => (located.includes(path) ? asJavaScript(path) : readFileSync(path)),
    resolve: async (specifier, parent, job, isRequired) =>
      specifiers.get(parent)?.has(specifier)
        ? []
        : resolveAsNode(specifier, parent, job, isRequired),
  });
  return [...fileList]
    .filter((path) => {
      const { type = [], parents = new Set<string>() } = reasons.get(path) ?? {};
      // A package.json tells of what kind the modules beside it are: those in the bundle are of one kind.
      const isOfBundled =
        type.every((each) => each === 'resolve') &&
        [...parents].every((parent) => modules.has(join(root, parent)));
      return !isOfBundled;
    })
    .map((path) => join(root, path))
    .filter((file) => !(modules.has(file) && isModule.test(file)));
}

async function asJavaScript(file: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [file],
    write: false,
    logLevel: 'silent',
    target: 'esnext',
  });
  return outputFiles[0]?.text ?? '';
}

function placeOf(file: string, base: string): string {
  return join(filesFolder, relative(base, file)).replaceAll(sep, '/');
}

/** The deepest folder that has them all. */
function commonFolder(files: readonly string[]): string {
  const [first = [], ...others] = files.map((file) => dirname(file).split(sep));
  const differs = first.findIndex((part, index) => others.some((other) => other[index] !== part));
  return first.slice(0, differs < 0 ? undefined : differs).join(sep) || sep;
}

/** An add-on, or one of each native package, for which the functions have the wrong machine. */
function foreignAddOns({ addOns, packages }: Inputs): string[] {
  const groups = [
    ...[...addOns].map((file) => [file]),
    ...[...packages].map((each) => each.addOns),
  ];
  return groups
    .filter((group) => !group.some(isForFunctions))
    .flatMap((group) => group.slice(0, 1));
}

/** Loads the finished bundle: the one way to see what a CommonJS module, or a computed export, comes to. */
async function checkLoaded(
  folder: string,
  entry: string,
  packages: ReadonlySet<NativePackage>,
): Promise<string[]> {
  const name = basename(entry);
  const answer = await load(join(folder, simulationFile));
  if (answer === 'simulation') return [];
  if (answer === 'none') throw new Refusal(`${name} ${noSimulation}`);
  const unbuilt = [...packages].find(({ addOns }) => addOns.length === 0);
  if (unbuilt !== undefined) {
    throw new Refusal(
      `${name} needs ${unbuilt.name}, whose add-on is not built: run npm rebuild ${unbuilt.name}`,
    );
  }
  return [`warning: ${name} can’t be loaded here, so that it is not checked: ${answer.error}`];
}

/** How long a module may take to load before it is left unchecked, in milliseconds. */
const longestLoad = 60_000;

function load(file: string): Promise<'simulation' | 'none' | { readonly error: string }> {
  return new Promise((settle) => {
    const child = fork(join(__dirname, '../dist/load-simulation.js'), [file], {
      cwd: dirname(file),
      stdio: 'ignore',
      timeout: longestLoad,
      killSignal: 'SIGKILL',
    });
    child.once('message', settle);
    child.once('exit', (code) => settle({ error: `it ends the process (${code ?? 'killed'})` }));
  });
}
