import { realpathSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { InvalidInputError, messageOf, nameOf } from '@stepcompute/core';
import { stackOf } from '@stepcompute/core/adapters';
import type { Bundle } from './bundle.js';
import { digestOf, isTypeScript } from './files.js';

/** Identifies the code of a simulation's file, whichever folder and Node it is in. */
export interface CodeFingerprint {
  /** SHA-256 in hex of the minified bundle of the code with its packages; comments and layout don't count. */
  readonly bundle: string;
  /** SHA-256 in hex of all these files, their bytes and where they are: beside the simulation's, or in which package. */
  readonly files: string;
  /** Name and version of the bundler: only bundles of the same one compare. */
  readonly bundler: string;
}

/** A loaded simulation, and what identifies the code that was loaded. */
export interface OpenedSimulationFile {
  /** The module's namespace, as `import()` gives it. */
  readonly module: unknown;
  /** Undefined where esbuild isn't installed. */
  readonly fingerprint: CodeFingerprint | undefined;
}

/** The digests of the files that this thread has loaded, by their paths: Node keeps modules. */
const loaded = new Map<string, string>();

/**
 * Imports a simulation's module from its file, under its own URL, with the fingerprint of that
 * code. Node itself loads JavaScript; TypeScript needs esbuild. What the module imports later, when
 * it runs, is in the fingerprint and isn't compared again.
 * @param file its path; what is no full path counts from the working directory
 * @throws InvalidInputError when there is no such file, it can't be loaded, or its code has changed
 * since this thread loaded or began to load it
 * @example
 * const { module, fingerprint } = await openSimulationFile('./simulation.ts');
 */
export async function openSimulationFile(file: string): Promise<OpenedSimulationFile> {
  const path = realPathOf(file);
  const bundled = await bundleOf(path);
  await prepareForTypeScript(path, bundled);
  let module: unknown;
  try {
    module = await import(pathToFileURL(path).href);
  } catch (cause) {
    const reason = reasonOf(cause, path, bundled?.unparsed ?? new Map<string, number>());
    throw new InvalidInputError('generator', `a module that loads (${reason})`, path, { cause });
  }
  await refuseChanged(bundled?.inputs ?? new Map<string, string>(), path);
  return { module, fingerprint: bundled?.fingerprint };
}

/**
 * The fingerprint of a simulation's code, which isn't run; undefined where esbuild isn't installed.
 * It covers the imports that a bundler can see, computed ones by their pattern, with packages,
 * JSON and add-ons. It doesn't cover data files, files of worker threads, and paths made at run time.
 * @throws InvalidInputError when there is no such file
 */
export async function fingerprintOf(file: string): Promise<CodeFingerprint | undefined> {
  const bundled = await bundleOf(realPathOf(file));
  return bundled?.fingerprint;
}

function realPathOf(file: string): string {
  const path = resolve(file);
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new InvalidInputError('generator', 'a file that exists', path);
  }
  return realpathSync(path);
}

type Fingerprinted = Pick<Bundle, 'inputs' | 'unparsed'> & {
  readonly fingerprint: CodeFingerprint;
};

async function bundleOf(path: string): Promise<Fingerprinted | undefined> {
  if (!isEsbuildInstalled()) return undefined;
  const { bundle } = await import('./bundle.js');
  const { code, inputs, bundler, unparsed } = await bundle(path);
  const places = [...inputs].map(([input, digest]) => `${digest} ${placeOf(input, path)}`);
  const files = [...new Set(places)].sort().join('\n');
  return {
    inputs,
    unparsed,
    fingerprint: { bundle: digestOf(code), files: digestOf(files), bundler },
  };
}

/** The same in every checkout, and wherever packages are installed. */
function placeOf(input: string, path: string): string {
  const [, inPackage] = /^.*[\\/]node_modules[\\/](.*)$/s.exec(input) ?? [];
  return (inPackage ?? relative(dirname(path), input)).replaceAll('\\', '/');
}

async function prepareForTypeScript(
  path: string,
  bundled: Fingerprinted | undefined,
): Promise<void> {
  if (bundled === undefined) {
    if (!isTypeScript(path)) return;
    throw new InvalidInputError(
      'generator',
      'JavaScript, or TypeScript with esbuild installed (npm install esbuild)',
      path,
    );
  }
  if (![...bundled.inputs.keys()].some(isTypeScript)) return;
  const { registerHooks } = await import('./register-hooks.js');
  registerHooks();
}

function isEsbuildInstalled(): boolean {
  try {
    require.resolve('esbuild');
    return true;
  } catch {
    return false;
  }
}

/** Refuses files that are not as they were fingerprinted: before this load, now, and by earlier loads of this thread. */
async function refuseChanged(inputs: ReadonlyMap<string, string>, file: string): Promise<void> {
  for (const [path, digest] of inputs) {
    const now = await readFile(path).then(digestOf, () => undefined);
    if (now !== digest || (loaded.get(path) ?? digest) !== digest) {
      throw new InvalidInputError(
        'generator',
        `code that stays as it was loaded (${relative(dirname(file), path)} has changed: start again)`,
        file,
      );
    }
  }
  for (const [path, digest] of inputs) loaded.set(path, digest);
}

/** The message, and of a syntax error the place. */
function reasonOf(thrown: unknown, file: string, unparsed: ReadonlyMap<string, number>): string {
  const [message = ''] = messageOf(thrown).split('\n', 1);
  const place = placeBefore(stackOf(thrown) ?? '');
  // Node doesn't say where in an ES module; esbuild does.
  if (place === undefined && unparsed.size === 1 && nameOf(thrown) === 'SyntaxError') {
    for (const [path, line] of unparsed) return reason(path, line);
  }
  return place === undefined ? message : reason(...place);

  function reason(path: string, line: number): string {
    return `${relative(dirname(file), path)}:${line}: ${message}`;
  }
}

/** The path and line that Node puts before the stack of a syntax error. */
function placeBefore(stack: string): [path: string, line: number] | undefined {
  const [, place, line] = /^((?:file:|\/|[A-Z]:\\)[^\n]*):(\d+)\n/.exec(stack) ?? [];
  if (place === undefined) return undefined;
  return [place.startsWith('file:') ? fileURLToPath(place) : place, Number(line)];
}
