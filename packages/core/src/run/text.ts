import { InvalidInputError } from '../errors/invalid-input-error.js';

/** Parses a text that every store can keep: PostgreSQL's is UTF-8 without NUL. */
export function textOf(field: string, maximum: number): (value: unknown) => string {
  return (value) => {
    if (typeof value !== 'string' || value.length < 1 || value.length > maximum) {
      throw new InvalidInputError(field, `a text of 1 to ${maximum} characters`, value);
    }
    if (/\0|\p{Surrogate}/u.test(value)) {
      throw new InvalidInputError(field, 'well-formed text without NUL characters', value);
    }
    return value;
  };
}

/** Parses a text of one line: a name that stands in tables, and in a key beside others. */
export function lineOf(field: string, maximum: number): (value: unknown) => string {
  const parse = textOf(field, maximum);
  return (value) => {
    const text = parse(value);
    if (!/\p{Cc}/u.test(text)) return text;
    throw new InvalidInputError(field, 'a text without control characters', value);
  };
}

/** Parses a name that a query, a header and a type can have as it is: of a parameter, or of a measure. */
export function nameIn(field: string): (value: unknown) => string {
  return (value) => {
    if (typeof value === 'string' && /^[A-Za-z][A-Za-z0-9_]{0,62}$/.test(value)) return value;
    const expected = 'a letter, then letters, digits or _, at most 63 characters in all';
    throw new InvalidInputError(field, expected, value);
  };
}
