import {
  closeSync,
  cpSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

/** A package whose code computes the path of its add-on, so that it works in its own folders alone. */
export interface NativePackage {
  readonly name: string;
  /** The folder of its package.json. */
  readonly root: string;
  /** Its folder in an asset. */
  readonly place: string;
  /** Its add-ons, and those of the packages that it depends on. Empty when it was not built. */
  readonly addOns: readonly string[];
}

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly gypfile?: boolean;
  readonly binary?: object;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** Packages that find an add-on beside who calls them. */
const finders = [
  'bindings',
  'node-gyp-build',
  'node-gyp-build-optional-packages',
  'node-pre-gyp',
  '@mapbox/node-pre-gyp',
  'pkg-prebuilds',
];

/** Dependencies with which an add-on is built or fetched, and which it does without when it runs. */
const buildTools = ['nan', 'node-addon-api', 'node-gyp', 'prebuild-install', 'cmake-js'];

const known = new Map<string, NativePackage | undefined>();

/** The package of a file under node_modules, if it is native. */
export function nativePackageOf(file: string): NativePackage | undefined {
  const [root] = /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(file) ?? [];
  if (root === undefined) return undefined;
  if (!known.has(root)) known.set(root, readNativePackage(root));
  return known.get(root);
}

function readNativePackage(root: string): NativePackage | undefined {
  const manifest = manifestOf(root);
  const { name, version, dependencies = {}, optionalDependencies = {} } = manifest;
  if (name === undefined || finders.includes(name)) return undefined;
  const platforms = Object.keys(optionalDependencies)
    .map((each) => findPackage(each, root))
    .filter((each) => each !== undefined)
    .flatMap(addOnsIn);
  const isNative =
    platforms.length > 0 ||
    manifest.gypfile === true ||
    manifest.binary !== undefined ||
    existsSync(join(root, 'binding.gyp')) ||
    finders.some((finder) => finder in dependencies || finder in optionalDependencies);
  if (!isNative) return undefined;
  return {
    name,
    root,
    place: `packages/${name}@${version}`,
    addOns: [...addOnsIn(root), ...platforms],
  };
}

/** Copies a package and all that it depends on, in such a way that each finds the versions that it finds now. */
export function copyPackage(
  root: string,
  target: string,
  above: readonly ReadonlyMap<string, string>[] = [],
): void {
  cpSync(root, target, { recursive: true, dereference: true, filter: isNotNested(root) });
  const manifest = manifestOf(root);
  const names = new Set(
    [manifest.dependencies, manifest.optionalDependencies, manifest.peerDependencies].flatMap(
      (each) => Object.keys(each ?? {}),
    ),
  );
  const own = new Map<string, string>();
  for (const name of names) {
    const found = buildTools.includes(name) ? undefined : findPackage(name, root);
    const reachable = above.find((level) => level.has(name))?.get(name);
    if (found !== undefined && found !== reachable) own.set(name, found);
  }
  for (const [name, found] of own) {
    copyPackage(found, join(target, 'node_modules', name), [own, ...above]);
  }
}

/** True where Node.js on linux loads an add-on. */
export function isFor(addOn: string, cpu: 'arm64' | 'x64'): boolean {
  const header = Buffer.alloc(20);
  const file = openSync(addOn, 'r');
  try {
    readSync(file, header);
  } finally {
    closeSync(file);
  }
  // The ELF header: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html; EM_AARCH64, EM_X86_64.
  const machine = { arm64: 183, x64: 62 }[cpu];
  return (
    header.subarray(0, 4).toString('latin1') === '\x7fELF' && header.readUInt16LE(18) === machine
  );
}

function manifestOf(root: string): Manifest {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
}

/** Where Node.js finds a package from a folder; undefined where it is not installed. */
function findPackage(name: string, from: string): string | undefined {
  const folder = join(from, 'node_modules', name);
  if (existsSync(join(folder, 'package.json'))) return realpathSync(folder);
  return dirname(from) === from ? undefined : findPackage(name, dirname(from));
}

function addOnsIn(root: string): string[] {
  const isOwn = isNotNested(root);
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((path) => join(root, path))
    .filter((file) => file.endsWith('.node') && isOwn(file));
}

/** Leaves out what is in a package's own node_modules. */
function isNotNested(root: string): (file: string) => boolean {
  return (file) => !relative(root, file).split(sep).includes('node_modules');
}
