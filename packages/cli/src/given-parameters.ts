import { InvalidInputError, type Json } from '@stepcompute/core';
import type { ParsedSimulation } from '@stepcompute/core/adapters';
import { jsonOrText, parseJsonFile } from './json.js';
import type { Parameter } from './options.js';
import { readTextFile } from './text-file.js';

/** The simulation's own word on its parameters. */
export type Declared = Pick<ParsedSimulation, 'parameters'>;

/**
 * The parameters as they were given: those of a file, and over them those of the command line, which
 * {@link readTexts} reads.
 * @throws InvalidInputError
 */
export async function givenParameters(
  declared: Declared,
  given: readonly Parameter[],
  file: string | undefined,
): Promise<Record<string, unknown> | undefined> {
  if (given.length === 0 && file === undefined) return undefined;
  const ofFile = file === undefined ? {} : await readParameters(file);
  return namesAlone(ofFile, readTexts(declared, given));
}

/**
 * The values that texts stand for: one stays a text where the simulation's default is one; otherwise it
 * is JSON where it can be.
 * @throws InvalidInputError
 */
export function readTexts(
  { parameters: declared }: Declared,
  given: readonly Parameter[],
): Record<string, unknown> {
  const defaults = (declared ?? {}) as Record<string, Json>;
  const parameters = namesAlone();
  for (const { name, text } of given) {
    const isText = Object.hasOwn(defaults, name) && typeof defaults[name] === 'string';
    parameters[name] = isText ? text : jsonOrText(text, `parameter ${name}`);
  }
  return parameters;
}

/** The fields of all, the last of a name winning, without a prototype: so that every name is a name. */
export function namesAlone(...all: readonly object[]): Record<string, unknown> {
  return Object.assign(Object.create(null) as Record<string, unknown>, ...all) as Record<
    string,
    unknown
  >;
}

async function readParameters(file: string): Promise<object> {
  const option = '--params-file';
  const content = parseJsonFile(await readTextFile(option, file), option, file);
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new InvalidInputError(option, 'a file with a JSON object', file);
  }
  return content;
}
