import { InvalidInputError } from '../errors/invalid-input-error.js';
import { Repetitions } from './numbers.js';

declare const brand: unique symbol;

/** How many of a run's iterations may fail: a count such as `5`, or a share of them such as `1%`. */
export type Tolerance = string & { readonly [brand]: 'Tolerance' };

const toleranceShape = /^(?:(\d{1,10})|(\d{1,3}(?:\.\d{1,6})?)%)$/;

export const Tolerance = {
  none: '0' as Tolerance,
  /**
   * @param value an integer from 0 to {@link Repetitions.maximum}, the same as text, or a text of 0 to
   *   100 with a percent sign
   * @throws InvalidInputError
   */
  parse: (value: unknown): Tolerance => {
    const [, digits, percent] =
      toleranceShape.exec(
        typeof value === 'string' || typeof value === 'number' ? String(value) : '',
      ) ?? [];
    const count = Number(digits ?? NaN);
    const share = Number(percent ?? NaN);
    if (count <= Repetitions.maximum) return String(count) as Tolerance;
    if (share <= 100) return `${share}%` as Tolerance;
    throw new InvalidInputError(
      'tolerance',
      `a number of failures from 0 to ${Repetitions.maximum}, or a share from 0% to 100%`,
      value,
    );
  },
  /** The most failures that a run of so many repetitions may end with: of a share, what is whole of it. */
  failures: (tolerance: Tolerance, repetitions: number): number => {
    if (!tolerance.endsWith('%')) return Number(tolerance);
    // In whole millionths of a percent: a double would round some shares up to the next whole number.
    const millionths = BigInt(Math.round(Number(tolerance.slice(0, -1)) * 1e6));
    return Number((BigInt(repetitions) * millionths) / 100_000_000n);
  },
} as const;
