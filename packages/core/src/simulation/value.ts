import { InvalidValueError } from '../run/run-errors.js';
import type { IterationId } from '../run/numbers.js';

/** One stored value: a finite number, never −0, under its iteration. */
export interface IterationValue {
  readonly iterationId: IterationId;
  readonly value: number;
  /** The place that its code has among those that its run accepts; left out for the first, 0. */
  readonly code?: number | undefined;
}

/**
 * The value as it is stored: −0 becomes 0, which Postgres and JSON would otherwise tell apart.
 * @throws InvalidValueError unless it is a finite number
 */
export function parseValue(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new InvalidValueError(value);
  return value + 0;
}
