import { looked } from '../errors/base.js';
import { InvalidValueError } from '../run/run-errors.js';
import type { IterationId } from '../run/numbers.js';

/** One stored value: a finite number, never −0, under its iteration. */
export interface IterationValue {
  readonly iterationId: IterationId;
  /** Of the run's first measure. */
  readonly value: number;
  /** Of the measures that follow, in their order; left out where there is one alone. */
  readonly more?: readonly number[] | undefined;
  /** The place that its code has among those that its run accepts; left out for the first, 0. */
  readonly code?: number | undefined;
}

/** Values in ascending iteration order, by columns of equal length. */
export interface ValueColumns {
  readonly iterationIds: Int32Array;
  /** Of the run's first measure. */
  readonly values: Float64Array;
  /** A column for each measure that follows; left out, or none, where there is one alone. */
  readonly more?: readonly Float64Array[] | undefined;
  /** As {@link IterationValue.code} has them; left out where all are of the first. */
  readonly codes?: Int16Array | undefined;
}

/** The values of a scan one by one: `read` of a store that has `scan`. */
export async function* rowsOf(
  scan: AsyncIterable<ValueColumns>,
): AsyncGenerator<readonly IterationValue[], void> {
  for await (const { iterationIds, values, more = [], codes } of scan) {
    yield Array.from(iterationIds, (id, index) => {
      const row = { iterationId: id as IterationId, value: values[index]! };
      const code = codes?.[index] ?? 0;
      const further = more.length > 0 && { more: more.map((column) => column[index]!) };
      return code === 0 ? { ...row, ...further } : { ...row, ...further, code };
    });
  }
}

/** An iteration's numbers, in the order of its run's measures. */
export type MeasuredValue = Pick<IterationValue, 'value' | 'more'>;

/**
 * The value as it is stored: −0 becomes 0, which Postgres and JSON would otherwise tell apart.
 * @throws InvalidValueError unless it is a finite number
 */
export function parseValue(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value + 0;
  const names = measuresOf(value);
  if (names.length === 0) throw new InvalidValueError(value);
  const line = `measures: [${names.map((name) => `'${name}'`).join(', ')}]`;
  throw new InvalidValueError(
    value,
    `a value must be a finite number, or its simulation must declare ${line}`,
  );
}

/** The names of an object that may be meant for measures: its properties are numbers. */
function measuresOf(value: unknown): readonly string[] {
  return looked(() => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
    const isMeasured = Object.values(value).every((number) => typeof number === 'number');
    return isMeasured ? Object.keys(value) : [];
  }, []);
}

/**
 * The value of an iteration whose simulation declares measures, from an object of exactly these.
 * @throws InvalidValueError unless each is a finite number, and there is nothing else
 */
export function parseMeasured(drawn: unknown, measures: readonly string[]): MeasuredValue {
  if (typeof drawn !== 'object' || drawn === null) {
    throw new InvalidValueError(drawn, `a value must be an object of ${listOf(measures)}`);
  }
  const numbers = drawn as Readonly<Record<string, unknown>>;
  let value = NaN;
  const more = new Array<number>(measures.length - 1);
  let place = 0;
  // Nearly all have their measures in the order that was declared: then a look at each is enough.
  for (const name in numbers) {
    if (name !== measures[place]) return parseUnordered(numbers, measures);
    const number = parseMeasure(numbers, name);
    if (place === 0) value = number;
    else more[place - 1] = number;
    place += 1;
  }
  if (place < measures.length) return parseUnordered(numbers, measures);
  return place === 1 ? { value } : { value, more };
}

function parseUnordered(
  numbers: Readonly<Record<string, unknown>>,
  measures: readonly string[],
): MeasuredValue {
  const names: string[] = [];
  for (const name in numbers) names.push(name);
  const missing = measures.find((measure) => !names.includes(measure));
  if (missing !== undefined) {
    const expected = `measure ${missing} is missing: each value must have it`;
    throw new InvalidValueError(undefined, expected, missing);
  }
  const other = names.find((name) => !measures.includes(name));
  if (other !== undefined) {
    const expected = `a value must be an object of ${listOf(measures)} alone, without ${other}`;
    throw new InvalidValueError(numbers[other], expected, other);
  }
  const [value = NaN, ...more] = measures.map((measure) => parseMeasure(numbers, measure));
  return { value, more };
}

function parseMeasure(numbers: Readonly<Record<string, unknown>>, measure: string): number {
  const number = numbers[measure];
  if (typeof number === 'number' && Number.isFinite(number)) return number + 0;
  throw new InvalidValueError(number, `measure ${measure} must be a finite number`, measure);
}

function listOf(measures: readonly string[]): string {
  return measures.length === 1
    ? `the measure ${measures[0]}`
    : `the measures ${measures.join(', ')}`;
}
