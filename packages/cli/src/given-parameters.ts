import { readFile } from 'node:fs/promises';
import { InvalidInputError, messageOf, type Json } from '@stepcompute/core';
import type { ParsedSimulation } from '@stepcompute/core/adapters';
import type { Parameter } from './options.js';

/**
 * The parameters as they were given: those of a file, and over them those of the command line. A text
 * stays one where the simulation's default is one; otherwise it is JSON where it can be.
 * @throws InvalidInputError
 */
export async function givenParameters(
  { parameters: declared }: Pick<ParsedSimulation, 'parameters'>,
  given: readonly Parameter[],
  file: string | undefined,
): Promise<Record<string, unknown> | undefined> {
  if (given.length === 0 && file === undefined) return undefined;
  // Without a prototype, so that every name is a name.
  const parameters = Object.create(null) as Record<string, unknown>;
  if (file !== undefined) Object.assign(parameters, await readParameters(file));
  const defaults = (declared ?? {}) as Record<string, Json>;
  for (const { name, text } of given) {
    const isText = Object.hasOwn(defaults, name) && typeof defaults[name] === 'string';
    parameters[name] = isText ? text : jsonOrText(text, `parameter ${name}`);
  }
  return parameters;
}

function jsonOrText(text: string, field: string): unknown {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return text;
  }
  refuseRounded(text, field);
  return content;
}

/** @throws InvalidInputError when JSON has an integer that a double would round */
function refuseRounded(json: string, field: string): void {
  // A text in quotes, or a number.
  for (const [token] of json.matchAll(/"(?:\\.|[^"\\])*"|-?\d[\d.eE+-]*/g)) {
    if (!/^-?\d+$/.test(token)) continue;
    const value = Number(token);
    if (Number.isFinite(value) && BigInt(value) === BigInt(token)) continue;
    const expected = 'without an integer that a double rounds (in quotes it is text)';
    throw new InvalidInputError(field, expected, token);
  }
}

async function readParameters(file: string): Promise<object> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    const expected = `a file that can be read (${messageOf(cause)})`;
    throw new InvalidInputError('--params-file', expected, file, { cause });
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    const expected = `a file of JSON (${messageOf(cause)})`;
    throw new InvalidInputError('--params-file', expected, file, { cause });
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new InvalidInputError('--params-file', 'a file with a JSON object', file);
  }
  refuseRounded(text, `--params-file ${file}`);
  return content;
}
