import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  InvalidInputError,
  messageOf,
  uniformInteger,
  type ValueGenerator,
} from '@stepcompute/core';

export interface NamedGenerator {
  /** What the run's record says: a file's full path, or the built-in simulation's name. */
  readonly name: string;
  readonly generate: ValueGenerator;
}

/** The simulation of a run that names no other. */
export const builtInGenerator: NamedGenerator = {
  name: uniformInteger.name,
  generate: uniformInteger,
};

/**
 * The generator that a run's record names.
 * @throws InvalidInputError when it names none that can be loaded, as for a run that a program made
 */
export async function recordedGenerator(name: string): Promise<NamedGenerator> {
  if (name === builtInGenerator.name) return builtInGenerator;
  if (isAbsolute(name)) return loadGenerator(name);
  throw new InvalidInputError(
    'the run’s generator',
    'a file or the built-in one, to be found from here: `replay` takes --generator, and only the ' +
      'program that made the run can resume it',
    name,
  );
}

/**
 * The default export of a JavaScript module, ESM or CommonJS.
 * @throws InvalidInputError when there is no such file, it can't be loaded, or exports no function
 */
export async function loadGenerator(file: string): Promise<NamedGenerator> {
  const path = resolve(file);
  if (!existsSync(path)) {
    throw new InvalidInputError('generator', 'a file that exists', path);
  }
  let module: unknown;
  try {
    module = await import(pathToFileURL(path).href);
  } catch (cause) {
    throw new InvalidInputError('generator', `a module that loads (${messageOf(cause)})`, path, {
      cause,
    });
  }
  const exported = defaultExportOf(module);
  // A CommonJS module compiled from ESM carries its default export one level down.
  const generate = typeof exported === 'function' ? exported : defaultExportOf(exported);
  if (typeof generate !== 'function') {
    throw new InvalidInputError(
      'generator',
      'a module whose default export is a function (context) => number',
      path,
    );
  }
  return { name: path, generate: generate as ValueGenerator };
}

function defaultExportOf(module: unknown): unknown {
  return typeof module === 'object' && module !== null && 'default' in module
    ? module.default
    : undefined;
}
