import { looked } from './base.js';

const longestDescription = 80;

/**
 * The text without what a URL in it may hold of a password. Of a database's nothing is left but its scheme:
 * where it was mistyped, any part of it may be one of a password.
 */
export function withoutSecrets(text: string): string {
  return text
    .replace(/(postgres(?:ql)?:)[^]*?(\n?)$/i, '$1…$2')
    .replaceAll(/:\/\/.*@/gs, '://…@')
    .replaceAll(/(password|passwd|pwd|secret)=[^&\s"']*/gi, '$1=…');
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
