import { fork } from 'node:child_process';
import { cpSync, existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, delimiter, dirname, join, relative, resolve, sep } from 'node:path';
import { decode, encode, type SourceMapSegment } from '@jridgewell/sourcemap-codec';
import { fingerprintOf } from '@stepcompute/simulation-file';
import { build, type BuildFailure, type BuildOptions, type Message, type Plugin } from 'esbuild';
import type { SimulationRequest } from './bundle-request.js';
import {
  commonFolder,
  filesFolder,
  isModule,
  isOwn,
  modulesThatAskWhere,
  oldestNode,
  placeOf,
  placesBanner,
  traceFiles,
  withPlace,
  type Inputs,
} from './bundle-files.js';
import { copyPackage, isFor, nativePackageOf, type NativePackage } from './native-packages.js';

/** A simulation that can't be deployed: the message has a line for each reason. */
export class Refusal extends Error {}

/** The file in a function's asset that exports `deployed`. */
export const simulationFile = 'simulation.mjs';

/** The bundle's own first lines, which import the simulation. */
const entrySource = '<deployed>';

/** Imports that esbuild leaves as they are, and says so where it is asked. */
const computedImports = ['unsupported-dynamic-import', 'unsupported-require-call'];

const noSimulation =
  'has no simulation in it: its default export must be a function, or an object with a function `generate`';

/**
 * Bundles a simulation as an ES module, `simulation.mjs`, with the files that it needs around it.
 * @param folder the asset's
 * @param architecture as Lambda names it
 * @returns a line for each thing that may be wrong
 * @throws Refusal when it can't be bundled, or is no simulation
 */
export async function bundleSimulation(
  folder: string,
  { entry: given, files = [], external = [] }: SimulationRequest,
  architecture: string,
): Promise<string[]> {
  if (!existsSync(given)) throw new Refusal(`${given}: there is no such file`);
  // esbuild names modules by their real paths.
  const home = realpathSync(dirname(given));
  const entry = join(home, basename(given));
  const inputs = await check(entry, external);
  const located = modulesThatAskWhere(inputs);
  const copied = new Set([
    ...(await traceFiles(located, inputs)),
    ...files.map((file) => resolve(home, file)),
  ]);
  const absent = files.filter((file) => !existsSync(resolve(home, file)));
  if (absent.length > 0) {
    throw new Refusal(
      `${basename(entry)} is to be deployed with ${absent.join(', ')}: there is no such file`,
    );
  }
  const base = commonFolder([...located, ...copied]);
  await write(folder, entry, inputs, external, (file) => placeOf(file, base));
  for (const file of copied) {
    cpSync(file, join(folder, placeOf(file, base)), { recursive: true, dereference: true });
  }
  for (const { root, place } of inputs.packages) copyPackage(root, join(folder, place));
  return [
    ...foreignAddOns(home, inputs, architecture),
    ...(await checkLoaded(folder, entry, inputs.packages, external)),
  ];
}

interface SimulationInputs extends Inputs {
  readonly packages: ReadonlySet<NativePackage>;
}

/** Bundles nothing yet, but refuses what can't be, in the source's own lines. */
async function check(entry: string, external: readonly string[]): Promise<SimulationInputs> {
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
    plugins: [fromLayer(external), asInNode(found), collect],
  });
  const computed = warnings.filter(
    ({ id, location }) =>
      computedImports.includes(id) && isOwn(resolve(home, location?.file ?? '')),
  );
  if (computed.length > 0) throw new Refusal(computed.map(lineOf).join('\n'));
  return found;
}

/** Writes the bundle, in which modules that ask where they are are told their places in the asset. */
async function write(
  folder: string,
  entry: string,
  inputs: Inputs,
  external: readonly string[],
  placeInAsset: (file: string) => string,
): Promise<void> {
  const home = dirname(entry);
  // In an order that does not depend on which file was read first, nor on where the checkout is.
  const located = [...modulesThatAskWhere(inputs)].sort((one, other) =>
    placeInAsset(one) < placeInAsset(other) ? -1 : 1,
  );
  const place: Plugin = {
    name: 'place',
    setup(bundler) {
      bundler.onLoad({ filter: /\.node$/ }, ({ path }) => ({
        contents: `module.exports = require(${JSON.stringify(`./${placeInAsset(path)}`)});`,
        resolveDir: home,
      }));
      bundler.onResolve({ filter: new RegExp(`^\\./${filesFolder}/`) }, ({ path, importer }) =>
        importer.endsWith('.node') ? { path, external: true } : undefined,
      );
      bundler.onLoad({ filter: isModule }, async ({ path }) => {
        const index = located.indexOf(path);
        if (index >= 0) {
          return { contents: await withPlace(path, `__stepcompute.at${index}`), loader: 'js' };
        }
        if (isOwn(path)) return undefined;
        // A package's source map leads to sources that seem to be anyone's.
        const contents = readFileSync(path, 'utf8').replaceAll(/^\/\/# sourceMappingURL=.*/gm, '');
        return { contents, loader: 'default' };
      });
    },
  };
  const name = JSON.stringify(basename(entry));
  const fingerprint = JSON.stringify(await fingerprintOf(entry));
  const { outputFiles } = await bundle(home, {
    ...options,
    stdin: {
      contents: `import * as exported from ${JSON.stringify(`./${basename(entry)}`)};
        export const deployed = { exported, name: ${name}, fingerprint: ${fingerprint} };`,
      resolveDir: home,
      sourcefile: entrySource,
    },
    // Sources are named relative to the output's folder: to the one that has them all.
    outfile: join(
      commonFolder([entry, ...[...inputs.modules].filter(isOwn)]),
      `${entrySource}.mjs`,
    ),
    banner: { js: placesBanner(located.map(placeInAsset)) },
    plugins: [fromLayer(external), place, asInNode()],
  });
  const [map, code] = ['.map', '.mjs'].map(
    (end) => outputFiles?.find(({ path }) => path.endsWith(end))?.text ?? '',
  ) as [string, string];
  const url = `data:application/json;base64,${Buffer.from(ownMap(map)).toString('base64')}`;
  writeFileSync(join(folder, simulationFile), `${code}//# sourceMappingURL=${url}\n`);
}

/**
 * A source map of own modules alone. The rest of the bundle is mapped to nothing: left out, it would be
 * taken for the last own line before it.
 */
function ownMap(text: string): string {
  const map = JSON.parse(text) as { readonly sources: string[]; readonly mappings: string };
  const sources = map.sources.filter((source) => isOwn(source) && basename(source) !== entrySource);
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
  target: oldestNode,
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
    const { errors } = error as Partial<BuildFailure>;
    if (errors === undefined) throw error;
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
          return isLazy && !isOwn(importer) ? { path, external: true } : undefined;
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

/**
 * Leaves out the packages that a layer brings. They are required, since Node.js looks for what is imported in no
 * layer: NODE_PATH, by which Lambda names them, counts for `require` alone.
 * Source: "Modules: ECMAScript modules, No NODE_PATH", Node.js 24.
 */
function fromLayer(external: readonly string[]): Plugin {
  const isExternal = (path: string): boolean =>
    external.some((name) => path === name || path.startsWith(`${name}/`));
  return {
    name: 'from-layer',
    setup(bundler) {
      bundler.onResolve({ filter: /^[^./]/, namespace: 'file' }, ({ path }) =>
        isExternal(path) ? { path, namespace: 'layer' } : undefined,
      );
      bundler.onLoad({ filter: /./, namespace: 'layer' }, ({ path }) => ({
        contents: `module.exports = require(${JSON.stringify(path)});`,
      }));
      bundler.onResolve({ filter: /./, namespace: 'layer' }, ({ path }) => ({
        path,
        external: true,
      }));
    },
  };
}

/** The add-ons that the functions can't load. A native package may have several: one is enough. */
function foreignAddOns(
  home: string,
  { addOns, packages }: SimulationInputs,
  architecture: string,
): string[] {
  const cpu = architecture === 'arm64' ? 'arm64' : 'x64';
  const isForFunctions = (addOn: string): boolean => isFor(addOn, cpu);
  const reason = `is not built for linux, ${cpu}, where the functions run`;
  const foreign = [...packages].filter((each) => !each.addOns.some(isForFunctions));
  return [
    ...[...addOns]
      .filter((file) => !isForFunctions(file))
      .map((file) => `warning: ${relative(home, file)} ${reason}`),
    ...foreign
      .filter((each) => each.addOns.length > 0)
      .map(
        ({ name, addOns: [file = ''] }) =>
          `warning: ${name}, ${relative(home, file)}, ${reason}: add what npm install --os=linux --cpu=${cpu} brings`,
      ),
  ];
}

/** Loads the finished bundle: the one way to see what a CommonJS module, or a computed export, comes to. */
async function checkLoaded(
  folder: string,
  entry: string,
  packages: ReadonlySet<NativePackage>,
  external: readonly string[],
): Promise<string[]> {
  const name = basename(entry);
  // In place of the layer, the packages that are installed here.
  const path = external.length === 0 ? {} : { NODE_PATH: packageFolders(dirname(entry)) };
  const answer = await load(join(folder, simulationFile), path);
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

function packageFolders(from: string): string {
  const above = from.split(sep).map((_, index, parts) => parts.slice(0, index + 1).join(sep));
  return above
    .reverse()
    .map((folder) => join(folder, 'node_modules'))
    .join(delimiter);
}

function load(
  file: string,
  environment: NodeJS.ProcessEnv,
): Promise<'simulation' | 'none' | { readonly error: string }> {
  return new Promise((settle) => {
    const child = fork(join(__dirname, '../dist/load-simulation.js'), [file], {
      cwd: dirname(file),
      env: { ...process.env, ...environment },
      stdio: 'ignore',
      timeout: longestLoad,
      killSignal: 'SIGKILL',
    });
    child.once('message', settle);
    child.once('exit', (code) => settle({ error: `it ends the process (${code ?? 'killed'})` }));
  });
}
