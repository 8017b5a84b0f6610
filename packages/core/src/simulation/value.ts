import { InvalidValueError } from '../run/run-errors.js';
import type { IterationId } from '../run/numbers.js';

/** One stored value: a finite number, never −0, under its iteration. */
export interface IterationValue {
  readonly iterationId: IterationId;
  readonly value: number;
  /** The place that its code has among those that its run accepts; left out for the first, 0. */
  readonly code?: number | undefined;
}

/** Values in ascending iteration order, by columns of equal length. */
export interface ValueColumns {
  readonly iterationIds: Int32Array;
  readonly values: Float64Array;
  /** As {@link IterationValue.code} has them; left out where all are of the first. */
  readonly codes?: Int16Array | undefined;
}

/** The values of a scan one by one: `read` of a store that has `scan`. */
export async function* rowsOf(
  scan: AsyncIterable<ValueColumns>,
): AsyncGenerator<readonly IterationValue[], void> {
  for await (const { iterationIds, values, codes } of scan) {
    yield Array.from(iterationIds, (id, index) => {
      const row = { iterationId: id as IterationId, value: values[index]! };
      const code = codes?.[index] ?? 0;
      return code === 0 ? row : { ...row, code };
    });
  }
}

/**
 * The value as it is stored: −0 becomes 0, which Postgres and JSON would otherwise tell apart.
 * @throws InvalidValueError unless it is a finite number
 */
export function parseValue(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new InvalidValueError(value);
  return value + 0;
}
