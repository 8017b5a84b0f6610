import { InvalidInputError } from '../errors/invalid-input-error.js';

/** @throws InvalidInputError unless it is a probability with which an interval can hold */
export function parseConfidence(value: unknown): number {
  if (typeof value === 'number' && value > 0 && value < 1) return value;
  throw new InvalidInputError('confidence', 'a number above 0 and below 1', value);
}
