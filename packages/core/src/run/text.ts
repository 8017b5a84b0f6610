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
