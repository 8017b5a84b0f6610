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
    value = parseJson(text);
  } catch {
    throw serializationError('the body is no JSON');
  }
  if (isOf('structure', value)) return value as object;
  throw serializationError('the body is no JSON object');
}

/** Strings, to step over, and integers that may be beyond what a number holds. */
const token = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;

/** JSON whose integers beyond 2^53 are bigints, where JSON.parse rounds them. */
function parseJson(text: string): unknown {
  const marked = text.replace(token, (found) =>
    found.startsWith('"') || Number.isSafeInteger(Number(found)) ? found : `{"":"${found}"}`,
  );
  return JSON.parse(marked, (_, value: unknown) => {
    const { '': digits } = (value ?? {}) as { ''?: unknown };
    return typeof digits === 'string' && /^-?\d+$/.test(digits) ? BigInt(digits) : value;
  });
}

/** JSON, with an integer for each bigint. */
export function jsonOf(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, content]) => content !== undefined);
  return `{${members.map(([name, content]) => `${JSON.stringify(name)}:${jsonOf(content)}`).join(',')}}`;
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
