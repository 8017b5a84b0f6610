import { InvalidInputError } from '../errors/invalid-input-error.js';
import { refuseUnknown, type FieldNames } from '../errors/unknown-fields.js';
import { parseConfidence } from './confidence.js';
import { Repetitions } from './numbers.js';
import { nameIn } from './text.js';

/** How precise a run is to become: it goes on until its mean is known so well, or it has enough. */
export interface PrecisionGoal {
  /**
   * Half the width that the interval of the mean is to have at most: a positive number in the measure's unit,
   * or a share of the mean such as `'1%'`.
   */
  readonly halfWidth: number | string;
  /** The measure whose mean it is. Default: the first. */
  readonly measure?: string | undefined;
  /** That of the interval, between 0 and 1. Default: 0.95. */
  readonly confidence?: number | undefined;
  /** The most repetitions: with so many the run ends, however precise it is. Default: 1,000 times the first look's. */
  readonly maximum?: number | undefined;
}

/** A {@link PrecisionGoal} with its defaults; the first look is at the run's repetitions as first asked. */
export interface Precision {
  /** As a number's text, or a share's with a percent sign. */
  readonly halfWidth: string;
  /** Undefined: the first. */
  readonly measure?: string | undefined;
  readonly confidence: number;
  readonly maximum: Repetitions;
}

const goalFields: FieldNames<PrecisionGoal> = {
  halfWidth: true,
  measure: true,
  confidence: true,
  maximum: true,
};

const defaultConfidence = 0.95;
const defaultGrowth = 1000;

export const Precision = {
  /**
   * @param repetitions those that the run is asked for: its first look's
   * @throws InvalidInputError naming the first field that is wrong, or that there is no such field
   */
  parse: (value: unknown, repetitions: Repetitions): Precision => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new InvalidInputError('precision', 'an object with halfWidth', value);
    }
    const goal = refuseUnknown(value as PrecisionGoal, 'precision', goalFields);
    const { measure, confidence = defaultConfidence } = goal;
    parseConfidence(confidence);
    if (repetitions < 2) {
      throw new InvalidInputError(
        'repetitions',
        'at least 2, to tell how precise a mean is',
        repetitions,
      );
    }
    const most = Math.min(Repetitions.maximum, defaultGrowth * repetitions);
    const { maximum = most } = goal;
    if (!Number.isInteger(maximum) || maximum < repetitions || maximum > Repetitions.maximum) {
      const expected = `an integer from the first look's ${repetitions} to ${Repetitions.maximum}`;
      throw new InvalidInputError('maximum', expected, maximum);
    }
    return {
      halfWidth: parseHalfWidth(goal.halfWidth),
      ...(measure !== undefined && { measure: nameIn('measure')(measure) }),
      confidence,
      maximum: maximum as Repetitions,
    };
  },
  text: (precision: Precision | undefined): string =>
    precision === undefined ? '' : JSON.stringify(precision),
  /** The half width that the interval of a mean may have. */
  halfWidthOf: ({ halfWidth }: Pick<Precision, 'halfWidth'>, mean: number): number =>
    halfWidth.endsWith('%')
      ? (Number(halfWidth.slice(0, -1)) / 100) * Math.abs(mean)
      : Number(halfWidth),
  /**
   * The measure whose mean it is.
   * @throws InvalidInputError when the run has no such measure
   */
  measureOf: ({ measure }: Pick<Precision, 'measure'>, measures: readonly string[]): string => {
    const [first = ''] = measures;
    if (measure === undefined) return first;
    if (measures.includes(measure)) return measure;
    const expected = `one of the simulation’s measures: ${measures.join(', ')}`;
    throw new InvalidInputError('measure', expected, measure);
  },
} as const;

/** @returns a text that says the same number as was given */
function parseHalfWidth(value: unknown): string {
  const isText = typeof value === 'string';
  const [, digits, percent] =
    /^(\d+(?:\.\d+)?(?:e[+-]?\d+)?)(%)?$/i.exec(isText ? value : '') ?? [];
  const number = isText ? Number(digits ?? NaN) : value;
  if (typeof number === 'number' && number > 0 && number < Infinity)
    return `${number}${percent ?? ''}`;
  const expected = 'a number above 0, or a share of the mean such as 1%';
  throw new InvalidInputError('half width', expected, value);
}
