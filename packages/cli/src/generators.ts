import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidInputError, uniformInteger, type ValueGenerator } from '@stepcompute/core';
import { loadGenerator as load } from '@stepcompute/worker-threads';

export interface NamedGenerator {
  /** As the run's record has it: a file's full path, or the built-in simulation's name. */
  readonly name: string;
  readonly generate: ValueGenerator;
  /** Where a worker thread finds it. */
  readonly module: string;
  readonly exportName: string;
}

/** The simulation of a run that names no other. */
export const builtInGenerator: NamedGenerator = {
  name: uniformInteger.name,
  generate: uniformInteger,
  module: fileURLToPath(import.meta.resolve('@stepcompute/core')),
  exportName: uniformInteger.name,
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
  return { name: path, generate: await load(path), module: path, exportName: 'default' };
}
