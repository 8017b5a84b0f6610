import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { InvalidInputError, messageOf, type ValueGenerator } from '@stepcompute/core';

/**
 * Loads a simulation from a JavaScript module, ESM or CommonJS.
 * @param file its path; what is no full path counts from the working directory
 * @param exportName under which name it exports the generator
 * @throws InvalidInputError when there is no such file, it can't be loaded, or exports no function
 */
export async function loadGenerator(file: string, exportName = 'default'): Promise<ValueGenerator> {
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
  const exported = exportOf(module, exportName);
  // A CommonJS module compiled from ESM carries its default export one level down.
  const generate = typeof exported === 'function' ? exported : exportOf(exported, exportName);
  if (typeof generate !== 'function') {
    throw new InvalidInputError(
      'generator',
      `a module whose ${exportName} export is a function (context) => number`,
      path,
    );
  }
  return generate as ValueGenerator;
}

function exportOf(module: unknown, name: string): unknown {
  return typeof module === 'object' && module !== null && name in module
    ? (module as Record<string, unknown>)[name]
    : undefined;
}
