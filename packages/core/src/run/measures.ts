import { InvalidInputError } from '../errors/invalid-input-error.js';
import { nameIn } from './text.js';

/** The measures of a simulation that declares none: a bare number is the measure `value`. */
export const singleMeasure: readonly string[] = Object.freeze(['value']);

const mostMeasures = 64;
const parseName = nameIn('a measure’s name');

/**
 * The names of an iteration's numbers, in order.
 * @throws InvalidInputError unless it is an array of 1 to 64 different names such as `strike_2`
 */
export function parseMeasures(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > mostMeasures) {
    throw new InvalidInputError('measures', `an array of 1 to ${mostMeasures} names`, value);
  }
  // By position: a hole is refused.
  const names = Array.from(value, parseName);
  const repeated = names.find((name, index) => names.indexOf(name) < index);
  if (repeated === undefined) return Object.freeze(names);
  throw new InvalidInputError('measures', 'names that differ from each other', repeated);
}

/** True when both have the same names in the same order. */
export function areSameMeasures(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((name, index) => name === others[index]);
}
