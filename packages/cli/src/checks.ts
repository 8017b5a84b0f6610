import { InvalidInputError, type MeasureReport } from '@stepcompute/core';

/** The figures of a measure that a check may claim something of, as a report names them. */
const reported = {
  mean: 'average',
  sd: 'standardDeviation',
  se: 'standardError',
  min: 'min',
  max: 'max',
  count: 'count',
} as const satisfies Record<string, keyof MeasureReport>;

type ReportedFigure = keyof typeof reported;

/** One of a report's figures by its name in a check, or a quantile, from 0 to 1. */
export type CheckedFigure = ReportedFigure | { readonly probability: number };

type Comparison = '<' | '<=' | '>' | '>=';

/** A claim about a measure of a run, such as `mean(wait) < 3`. */
export interface Check {
  /** As it was given, without the spaces around it. */
  readonly text: string;
  readonly figure: CheckedFigure;
  readonly measure: string;
  readonly comparison: Comparison;
  readonly limit: number;
  /**
   * Between 0 and 1: the claim is about every point of the figure's two-sided interval of this
   * confidence. Undefined: it is about the estimate.
   */
  readonly confidence: number | undefined;
}

/** A check's outcome, of JSON's types. */
export interface CheckResult {
  readonly check: string;
  readonly holds: boolean;
  /** The figure, or its interval; null where there is none. */
  readonly actual: number | readonly [number, number] | null;
  /** Why there is no figure; null where there is one. */
  readonly reason: string | null;
}

/** The figures of a run, for its checks. */
export interface CheckedFigures {
  /** By the measures' names, as a report has them; null while the run is not completed. */
  readonly measures: Readonly<Record<string, MeasureReport | null>>;
  readonly quantile: (measure: string, probability: number) => number;
  /**
   * The two-sided interval of a mean or a quantile: Student's, or one by order statistics. Null where
   * the values are too few for one.
   */
  readonly interval: (
    measure: string,
    figure: CheckedFigure,
    confidence: number,
  ) => readonly [number, number] | null;
}

/**
 * Parses a check: `figure(measure) comparison number`, and perhaps `with P%`. A figure is `mean`, `sd`,
 * `se`, `min`, `max`, `count`, `median` or a percentile such as `p95` or `p99.9`; a comparison `<`, `<=`,
 * `>` or `>=`; the number JSON's. `with P%` is for the mean and the quantiles alone, which have intervals.
 * @throws InvalidInputError naming the character from which the text is no check
 */
export function parseCheck(given: string): Check {
  const text = given.trim();
  const reader = new Reader(text);
  const figure = readFigure(reader);
  reader.read(/\(/y, '"(" and a measure');
  const measure = reader.read(/[A-Za-z][A-Za-z0-9_]{0,62}/y, 'a measure’s name');
  reader.read(/\)/y, '")"');
  const comparison = reader.read(/[<>]=?/y, 'one of < <= > >=') as Comparison;
  const limit = readNumber(reader);
  const hasInterval = figure === 'mean' || typeof figure === 'object';
  const ending = hasInterval ? '"with" and a confidence such as 95%, or the end' : 'the end';
  if (reader.isAtEnd) return { text, figure, measure, comparison, limit, confidence: undefined };
  reader.read(hasInterval ? /with(?![A-Za-z])/y : /$/y, ending);
  const confidence = readConfidence(reader);
  reader.read(/$/y, 'the end');
  return { text, figure, measure, comparison, limit, confidence };
}

/** A quantile's probability of each figure that has a name of its own. */
const namedQuantiles: Readonly<Record<string, number>> = { median: 0.5 };

function readFigure(reader: Reader): CheckedFigure {
  const names = [...Object.keys(reported), ...Object.keys(namedQuantiles)].join(', ');
  const expected = `${names} or a percentile such as p95`;
  return reader.parse(/[A-Za-z][A-Za-z0-9.]*/y, expected, (name) => {
    if (Object.hasOwn(reported, name)) return name as ReportedFigure;
    if (Object.hasOwn(namedQuantiles, name)) return { probability: namedQuantiles[name]! };
    const [, percent] = /^p(\d+(?:\.\d+)?)$/.exec(name) ?? [];
    const probability = percent === undefined ? NaN : hundredth(percent);
    return probability <= 1 ? { probability } : undefined;
  });
}

function readNumber(reader: Reader): number {
  const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
  return reader.parse(number, 'a finite number', (text) => {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  });
}

function readConfidence(reader: Reader): number {
  return reader.parse(/\d+(?:\.\d+)?\s*%/y, 'a confidence between 0% and 100%', (text) => {
    const confidence = hundredth(text.slice(0, -1).trim());
    return confidence > 0 && confidence < 1 ? confidence : undefined;
  });
}

/** The double nearest to a hundredth of a decimal, which the quotient by 100 need not be: 99.9 / 100 is none. */
export function hundredth(decimal: string): number {
  return Number(`${decimal}e-2`);
}

/**
 * Reads tokens, with any spaces before them. The grammar is one sequence without precedence or nesting:
 * a reader of it is shorter than the refusal of all else that an expression library would accept.
 */
class Reader {
  #at = 0;

  constructor(private readonly text: string) {}

  get isAtEnd(): boolean {
    return this.#at === this.text.length;
  }

  /** @param token sticky */
  read(token: RegExp, expected: string): string {
    return this.parse(token, expected, (text) => text);
  }

  /** @param parse answers undefined to refuse the token */
  parse<T>(token: RegExp, expected: string, parse: (text: string) => T | undefined): T {
    const [spaces = ''] = /^\s*/.exec(this.text.slice(this.#at)) ?? [];
    const start = this.#at + spaces.length;
    token.lastIndex = start;
    const [found] = token.exec(this.text) ?? [];
    const parsed = found === undefined ? undefined : parse(found);
    if (found === undefined || parsed === undefined) throw this.#refused(start, expected);
    this.#at = start + found.length;
    return parsed;
  }

  #refused(start: number, expected: string): InvalidInputError {
    const character = Array.from(this.text.slice(0, start)).length + 1;
    const claim = `a claim such as "mean(wait) < 3" (expected at character ${character}: ${expected})`;
    return new InvalidInputError('--check', claim, this.text);
  }
}

/** @throws InvalidInputError when a check is about a measure that the run doesn't have */
export function refuseOtherMeasures(checks: readonly Check[], measures: readonly string[]): void {
  const other = checks.find(({ measure }) => !measures.includes(measure));
  if (other === undefined) return;
  const known = measures.length === 1 ? measures[0]! : `one of ${measures.join(', ')}`;
  throw new InvalidInputError(`the measure of --check ${other.text}`, known, other.measure);
}

/** The quantiles, from 0 to 1, that a measure's checks are about, in order. */
export function probabilitiesOf(checks: readonly Check[], measure: string): readonly number[] {
  const probabilities = checks.flatMap((check) =>
    check.measure === measure && typeof check.figure === 'object' ? [check.figure.probability] : [],
  );
  return [...new Set(probabilities)].sort((a, b) => a - b);
}

/**
 * Holds a check against the figures of its run. Where there is no figure, or no interval, it does not hold.
 * One with a confidence holds where it does at every point of the two-sided interval: for `<` and `<=` the
 * upper end decides, for `>` and `>=` the lower one.
 */
export function evaluateCheck(check: Check, figures: CheckedFigures): CheckResult {
  const { text, figure, measure, comparison, limit, confidence } = check;
  const report = figures.measures[measure];
  const unknown = (reason: string) => ({ check: text, holds: false, actual: null, reason });
  // Of a deployed simulation the measures are known by its runs alone.
  if (report === undefined) return unknown(`the run has no measure ${measure}`);
  if (report === null) return unknown('the run is not completed');
  if (confidence !== undefined) {
    const interval = figures.interval(measure, figure, confidence);
    if (interval === null) return unknown(`a count of ${report.count} is too low for the interval`);
    const end = comparison.startsWith('<') ? interval[1] : interval[0];
    const holds = compare(end, comparison, limit);
    return { check: text, holds, actual: interval, reason: null };
  }
  const actual =
    typeof figure === 'object'
      ? figures.quantile(measure, figure.probability)
      : report[reported[figure]];
  if (actual === null) return unknown('a single value has no spread');
  return { check: text, holds: compare(actual, comparison, limit), actual, reason: null };
}

function compare(actual: number, comparison: Comparison, limit: number): boolean {
  switch (comparison) {
    case '<':
      return actual < limit;
    case '<=':
      return actual <= limit;
    case '>':
      return actual > limit;
    case '>=':
      return actual >= limit;
  }
}
