import { UnsupportedError } from '../service-error.js';

/** A states-language object of whatever kind. */
export type Fields = Readonly<Record<string, unknown>>;

/** @throws UnsupportedError unless the value is an object */
export function asFields(value: unknown, place: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new UnsupportedError(`${place} must be an object; got ${JSON.stringify(value)}`);
}

/** @throws UnsupportedError unless the value is a list of something */
export function asList(value: unknown, place: string): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0) return value;
  throw new UnsupportedError(`${place} must be a list, not empty; got ${JSON.stringify(value)}`);
}

/** @throws UnsupportedError for what would be passed over in silence */
export function refuseOthers(value: Fields, place: string, known: readonly string[]): void {
  const other = Object.keys(value).find((key) => !known.includes(key));
  if (other !== undefined) {
    throw new UnsupportedError(`${place} has ${other}, which is not rehearsed`);
  }
}

/** @throws UnsupportedError unless the value is none, or of the type */
export function assertType(
  value: unknown,
  type: 'string' | 'number' | 'boolean',
  place: string,
): void {
  if (value === undefined || typeof value === type) return;
  throw new UnsupportedError(`${place} must be a ${type}; got ${JSON.stringify(value)}`);
}

/** @throws UnsupportedError unless the value is none, or an integer within AWS’s limits */
export function assertInteger(value: unknown, least: number, place: string): void {
  if (value === undefined) return;
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= 99_999_999) return;
  throw new UnsupportedError(
    `${place} must be an integer from ${least} to 99999999; got ${JSON.stringify(value)}`,
  );
}

/** @throws UnsupportedError unless the target is one of the states */
export function assertTarget(target: unknown, states: Fields, place: string): void {
  if (typeof target === 'string' && Object.hasOwn(states, target)) return;
  throw new UnsupportedError(`${place} ${JSON.stringify(target)}, which is none of its states`);
}
