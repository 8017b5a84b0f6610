import { looked } from './base.js';

const longestDescription = 80;

/** Each finds a secret as its first group. */
const secrets: readonly RegExp[] = [
  // Of a database's URL nothing is left but its scheme: where it was mistyped, any part may be one of a password.
  /postgres(?:ql)?:([^]+?)\n?$/dgi,
  // Of any other URL, all before its host.
  /:\/\/([^]*)@/dg,
  // A user with a password before a host, without a scheme.
  /(?<!\S)[^\s:]*:(?!\/\/)(\S+)@/dg,
  // Under the name of one, as in libpq's text, JSON, YAML, a query or the environment. A quote that does
  // not end has all that follows. A lookahead, since one may be named within another.
  /(?=(?:password|passwd|passphrase|pwd|secret|token|(?:access|api)[-_]?key)\\*["']?\s*[=:]\s*(\\*'(?:\\[^]?|''|[^'\\])*'?|\\*"(?:\\[^]?|""|[^"\\])*"?|(?:\\[^]?|[^\s\\])+))/dgi,
];

/** The text without what it may hold of a password, by itself or in a URL. */
export function withoutSecrets(text: string): string {
  // All are looked for in the text as it was, so that none hides another.
  const spans = secrets
    .flatMap((secret) => Array.from(text.matchAll(secret), ({ indices }) => indices![1]!))
    .sort(([a], [b]) => a - b);
  let masked = '';
  let end = 0;
  for (const [first, last] of spans) {
    if (first > end) masked += `${text.slice(end, first)}…`;
    end = Math.max(end, last);
  }
  return masked + text.slice(end);
}

/** A short, unambiguous rendering for error messages: strings quoted, cut and without secrets, objects by kind. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(cut(withoutSecrets(value)));
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'bigint':
      return `${value}n`;
    case 'object':
      return value === null
        ? 'null'
        : looked(() => Array.isArray(value), false)
          ? 'an array'
          : 'an object';
    case 'function':
    case 'symbol':
      return `a ${typeof value}`;
    default:
      return String(value);
  }
}

function cut(text: string): string {
  return text.length > longestDescription ? `${text.slice(0, longestDescription)}…` : text;
}
