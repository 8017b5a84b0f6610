import { ServiceError } from './service-error.js';

export type Kind = 'string' | 'integer' | 'boolean' | 'list' | 'structure';

/**
 * Reads an operation's input: the members that are known, each of its kind; null is none.
 * @param text JSON; nothing at all is an object without members
 * @throws ServiceError for what is no such input
 */
export function readInput(
  text: string | undefined,
  kinds: Readonly<Record<string, Kind>>,
): Readonly<Record<string, unknown>> {
  const members = Object.entries(readObject(text)).filter(
    ([name, value]) => Object.hasOwn(kinds, name) && value !== null,
  );
  for (const [name, value] of members) {
    const kind = kinds[name]!;
    if (!isOf(kind, value)) throw serializationError(`${name} must be of the kind ${kind}`);
  }
  return Object.fromEntries(members);
}

function readObject(text = ''): object {
  if (text === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw serializationError('the body is no JSON');
  }
  if (isOf('structure', value)) return value as object;
  throw serializationError('the body is no JSON object');
}

function isOf(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case 'integer':
      return Number.isSafeInteger(value);
    case 'list':
      return Array.isArray(value);
    case 'structure':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    default:
      return typeof value === kind;
  }
}

function serializationError(message: string): ServiceError {
  return new ServiceError('SerializationException', message);
}
