import { InvalidInputError } from './invalid-input-error.js';

/** The names of an object's fields, kept complete by the compiler. */
export type FieldNames<T> = Readonly<Record<keyof T, true>>;

/**
 * Refuses an object with a field that nothing reads, such as a misspelt one.
 * @param field the object, as its giver knows it
 * @param known the fields that there are
 * @returns the object
 * @throws InvalidInputError when it is no object, or has another field that is not undefined
 */
export function refuseUnknown<T extends object>(value: T, field: string, known: FieldNames<T>): T {
  if (typeof value !== 'object' || (value as unknown) === null || Array.isArray(value)) {
    throw new InvalidInputError(field, `an object with ${listOf(known)}`, value);
  }
  const unknown = Object.entries(value).find(
    ([name, content]) => content !== undefined && !Object.hasOwn(known, name),
  );
  if (unknown === undefined) return value;
  throw new InvalidInputError(field, `an object with ${listOf(known)} alone`, unknown[0]);
}

function listOf(known: object): string {
  const names = Object.keys(known);
  return names.length === 0 ? 'nothing' : names.join(', ');
}
