import { readFileSync } from 'node:fs';
import { dirname, join, parse, relative, sep } from 'node:path';
import { nodeFileTrace, resolve as resolveAsNode } from '@vercel/nft';
import { build } from 'esbuild';

/** All that a bundle is made of. */
export interface Inputs {
  readonly modules: ReadonlySet<string>;
  /** Of each module, the specifiers that the bundler has looked for. */
  readonly specifiers: ReadonlyMap<string, ReadonlySet<string>>;
  readonly addOns: ReadonlySet<string>;
}

/** The oldest Node.js on which a deployment is rehearsed. */
export const oldestNode = 'node20.19';

/** The folder in the asset in which files lie relative to each other as they do at home. */
export const filesFolder = 'files';

export const isModule = /\.[cm]?[jt]sx?$/;
const isTyped = /\.[cm]?tsx?$/;

/** False for what is in packages. */
export const isOwn = (file: string): boolean => !/(?:^|[\\/])node_modules[\\/]/.test(file);

const asksWhere = /\b__(?:dirname|filename)\b|\bimport\.meta\b|\brequire\.resolve\b/;

/** The modules of a bundle that ask where they are. */
export function modulesThatAskWhere({ modules }: Inputs): string[] {
  return [...modules].filter(
    (file) => isModule.test(file) && asksWhere.test(readFileSync(file, 'utf8')),
  );
}

/** The add-ons, the files that modules refer to, and what these need in their turn. */
export async function traceFiles(
  located: readonly string[],
  { modules, specifiers, addOns }: Inputs,
): Promise<string[]> {
  const { root } = parse(__dirname);
  const { fileList, reasons } = await nodeFileTrace([...located, ...addOns], {
    base: root,
    processCwd: root,
    readFile: async (path) => (isTyped.test(path) ? asJavaScript(path) : readFileSync(path)),
    resolve: async (specifier, parent, job, isRequired) =>
      specifiers.get(parent)?.has(specifier)
        ? []
        : resolveAsNode(specifier, parent, job, isRequired),
  });
  return [...fileList]
    .filter((path) => {
      const { type = [], parents = new Set<string>() } = reasons.get(path) ?? {};
      // A package.json tells of what kind the modules beside it are, which in the bundle is no question.
      const isForBundled = [...parents].every((parent) => modules.has(join(root, parent)));
      return !isForBundled || type.some((each) => each !== 'resolve');
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

/** A file's place in the asset. */
export function placeOf(file: string, base: string): string {
  return join(filesFolder, relative(base, file)).replaceAll(sep, '/');
}

/** The deepest folder that has them all. */
export function commonFolder(files: readonly string[]): string {
  const [first = [], ...others] = files.map((file) => dirname(file).split(sep));
  const differs = first.findIndex((part, index) => others.some((other) => other[index] !== part));
  return first.slice(0, differs < 0 ? undefined : differs).join(sep) || sep;
}

/** A module's source as JavaScript, in which an object of this name tells where the module is. */
export async function withPlace(file: string, where: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [file],
    write: false,
    outdir: dirname(file),
    platform: 'node',
    target: oldestNode,
    logLevel: 'silent',
    sourcemap: isOwn(file) && 'inline',
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

/** The objects `at0`, `at1` … of `__stepcompute`, which tell modules at these places of the asset where they are. */
export function placesBanner(places: readonly string[]): string {
  return `import { createRequire as __stepcomputeRequire } from 'node:module';
const require = __stepcomputeRequire(import.meta.url);
const __stepcompute = ((at) => ({ ${places.map((place, index) => `at${index}: at(${JSON.stringify(place)})`).join(', ')} }))((place) => {
  const { href: url } = new URL(place.split('/').map(encodeURIComponent).join('/'), import.meta.url);
  const filename = require('node:url').fileURLToPath(url);
  return { url, filename, dirname: require('node:path').dirname(filename), resolve: __stepcomputeRequire(url).resolve };
});`;
}
