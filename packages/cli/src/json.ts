import { InvalidInputError, messageOf } from '@stepcompute/core';

/**
 * The content of a file of JSON, which says nothing that would be lost.
 * @param option what names the file
 * @throws InvalidInputError when it is no JSON, has an integer that a double would round, or has a name
 *   twice in an object
 */
export function parseJsonFile(text: string, option: string, file: string): unknown {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new InvalidInputError(option, `a file of JSON (${messageOf(cause)})`, file, { cause });
  }
  refuseLoss(text, `${option} ${file}`);
  return content;
}

/**
 * The content of a JSON text; any other text as it is.
 * @throws InvalidInputError where {@link parseJsonFile} would refuse JSON for what it would lose
 */
export function jsonOrText(text: string, field: string): unknown {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return text;
  }
  refuseLoss(text, field);
  return content;
}

/** @throws InvalidInputError unless the integer is a double's */
export function exactInteger(digits: string | bigint, field: string): number {
  const value = Number(digits);
  if (Number.isFinite(value) && BigInt(value) === BigInt(digits)) return value;
  const expected = 'without an integer that a double rounds (in quotes it is text)';
  throw new InvalidInputError(field, expected, String(digits));
}

/** @param json valid */
function refuseLoss(json: string, field: string): void {
  // The names so far of each object that is open; undefined for an array.
  const open: (Set<string> | undefined)[] = [];
  const tokens = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|-?\d[\d.eE+-]*|[{}[\]]/g;
  for (const [token, text, colon] of json.matchAll(tokens)) {
    if (colon !== undefined) {
      const name = JSON.parse(text!) as string;
      const names = open.at(-1)!;
      if (names.has(name)) throw new InvalidInputError(field, 'with each name once', name);
      names.add(name);
    } else if (token === '{' || token === '[') open.push(token === '{' ? new Set() : undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (/^-?\d+$/.test(token)) exactInteger(token, field);
  }
}
