import fc from 'fast-check';
import { InvalidInputError, type MeasureReport } from '@stepcompute/core';
import { times } from '../../../testing/exhaustive.js';
import {
  evaluateCheck,
  parseCheck,
  probabilitiesOf,
  refuseOtherMeasures,
  type Check,
  type CheckedFigure,
  type CheckedFigures,
} from '../src/checks.js';

const messageOf = (text: string): string => {
  try {
    parseCheck(text);
  } catch (error) {
    if (error instanceof InvalidInputError) return error.message;
    throw error;
  }
  throw new Error(`${text} is a check`);
};

describe('a check', () => {
  it('claims something of a figure of a measure, with an interval or without', () => {
    expect(parseCheck(' mean(wait) < 3 ')).toEqual({
      text: 'mean(wait) < 3',
      figure: 'mean',
      measure: 'wait',
      comparison: '<',
      limit: 3,
      confidence: undefined,
    });
    expect(parseCheck('p99.9(wait_1)>=-1.5e-3with 99.9 %')).toEqual({
      text: 'p99.9(wait_1)>=-1.5e-3with 99.9 %',
      figure: { probability: 0.999 },
      measure: 'wait_1',
      comparison: '>=',
      limit: -0.0015,
      confidence: 0.999,
    });
    expect(parseCheck('median(value) > 0').figure).toEqual({ probability: 0.5 });
    expect(parseCheck('p0(value) > 0').figure).toEqual({ probability: 0 });
    expect(parseCheck('p100(value) > 0').figure).toEqual({ probability: 1 });
  });

  it.each([
    ['', 1, 'mean, sd, se, min, max, count, median or a percentile such as p95'],
    ['average(wait) < 3', 1, 'mean, sd, se, min, max, count, median or a percentile such as p95'],
    ['p100.1(wait) < 3', 1, 'mean, sd, se, min, max, count, median or a percentile such as p95'],
    ['constructor(wait) < 3', 1, 'mean, sd, se, min, max, count, median or a percentile such'],
    ['mean < 3', 6, '"(" and a measure'],
    ['mean() < 3', 6, 'a measure’s name'],
    ['mean(1) < 3', 6, 'a measure’s name'],
    ['mean(wait < 3', 11, '")"'],
    ['mean(wait)', 11, 'one of < <= > >='],
    ['mean(wait) = 3', 12, 'one of < <= > >='],
    ['mean(wait) <', 13, 'a finite number'],
    ['mean(wait) =< 3', 12, 'one of < <= > >='],
    ['mean(wait) < .5', 14, 'a finite number'],
    ['mean(wait) < 1e999', 14, 'a finite number'],
    ['mean(wait) < 10ms', 16, '"with" and a confidence such as 95%, or the end'],
    ['mean(wait) < 3 within 95%', 16, '"with" and a confidence such as 95%, or the end'],
    ['mean(wait) < 3 with', 20, 'a confidence between 0% and 100%'],
    ['mean(wait) < 3 with 95', 21, 'a confidence between 0% and 100%'],
    ['mean(wait) < 3 with 100%', 21, 'a confidence between 0% and 100%'],
    ['mean(wait) < 3 with 0%', 21, 'a confidence between 0% and 100%'],
    ['mean(wait) < 3 with 95% or so', 25, 'the end'],
    ['sd(wait) < 3 with 95%', 14, 'the end'],
    ['mean(wait) 😀 < 3', 12, 'one of < <= > >='],
  ])('that is none, %p, is refused at character %p', (text, character, expected) => {
    const message = messageOf(text);
    expect(message).toContain(`(expected at character ${character}: ${expected}`);
    expect(message).toContain(`--check must be a claim such as "mean(wait) < 3"`);
    expect(message).toContain(`; got ${JSON.stringify(text)}`);
  });

  it('counts characters as people see them', () => {
    expect(messageOf('mean(😀')).toContain('character 6:');
    expect(messageOf('mean(wait) < 3 😀😀')).toContain('character 16:');
    expect(messageOf('mean(wait) < 3 with 95% 😀')).toContain('character 25:');
  });

  const quantile = fc.constantFrom('p0', 'p5', 'p50', 'p95', 'p99.9', 'p100');
  const asText = (names: fc.Arbitrary<string>): fc.Arbitrary<[string, CheckedFigure]> =>
    names.map((name) => [name, { probability: Number(`${name.slice(1)}e-2`) }]);
  const quantiles = asText(quantile);
  const mean = fc.constant<[string, CheckedFigure]>(['mean', 'mean']);
  const others = fc
    .constantFrom('sd', 'se', 'min', 'max', 'count')
    .map((name): [string, CheckedFigure] => [name, name]);
  const space = fc.constantFrom('', ' ', '  ', '\t');
  const limit = fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .filter((number) => !Object.is(number, -0));
  const claim = {
    measure: fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,62}$/),
    comparison: fc.constantFrom('<' as const, '<=' as const, '>' as const, '>=' as const),
    limit,
    spaces: fc.array(space, { minLength: 9, maxLength: 9 }),
  };
  const claims = fc.oneof(
    fc.record({
      ...claim,
      figure: fc.oneof(mean, quantiles),
      percent: fc.option(fc.constantFrom('95', '99', '99.9', '0.1'), { nil: undefined }),
    }),
    fc.record({ ...claim, figure: others, percent: fc.constant(undefined) }),
  );

  it('is read as it was written', () => {
    fc.assert(
      fc.property(claims, ({ figure: [name, figure], percent, spaces, ...rest }) => {
        const tokens = [name, '(', rest.measure, ')', rest.comparison, String(rest.limit)];
        if (percent !== undefined) tokens.push('with', percent, '%');
        const text = tokens.map((token, index) => token + spaces[index]!).join('');
        const confidence = percent === undefined ? undefined : Number(`${percent}e-2`);
        expect(parseCheck(text)).toEqual({ ...rest, text: text.trim(), figure, confidence });
      }),
      { numRuns: times(300, 20_000) },
    );
  });

  it('that is any text is read, or refused at one of its characters or its end', () => {
    const pieces = fc.constantFrom(
      ...['mean', 'p95', 'median', '(', ')', 'wait', '<', '<=', '=', '3', '-', '1e9', '.', ' '],
      ...['with', '95', '%', '😀', '\0', '\ud800', '\n'],
    );
    const texts = fc.oneof(
      fc.array(pieces).map((all) => all.join('')),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parseCheck(text);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
          const [, character] = /\(expected at character (\d+): /.exec((error as Error).message)!;
          expect(Number(character)).toBeGreaterThanOrEqual(1);
          expect(Number(character)).toBeLessThanOrEqual(Array.from(text.trim()).length + 1);
        }
      }),
      { numRuns: times(1000, 100_000) },
    );
  });
});

it('refuses checks about a measure that the run does not have', () => {
  const checks = ['mean(wait) < 3', 'p95(idle) < 3'].map(parseCheck);
  expect(() => refuseOtherMeasures(checks, ['wait', 'idle'])).not.toThrow();
  expect(() => refuseOtherMeasures(checks, ['wait'])).toThrow(
    'the measure of --check p95(idle) < 3 must be wait; got "idle"',
  );
  expect(() => refuseOtherMeasures(checks, ['queue', 'wait'])).toThrow(
    'must be one of queue, wait; got "idle"',
  );
});

it('tells which quantiles the checks of a measure are about, each once and in order', () => {
  const texts = ['p95(wait) < 9', 'p5(wait) > 1', 'p95(wait) > 2', 'p1(idle) > 0', 'min(wait) > 0'];
  const checks = texts.map(parseCheck);
  expect(probabilitiesOf(checks, 'wait')).toEqual([0.05, 0.95]);
  expect(probabilitiesOf(checks, 'idle')).toEqual([0.01]);
  expect(probabilitiesOf(checks, 'other')).toEqual([]);
});

describe('a check is held against the figures of its run, and', () => {
  const wait: MeasureReport = {
    count: 100,
    average: 2.9,
    standardDeviation: 2,
    standardError: 0.2,
    confidenceInterval: [2.5, 3.3],
    min: 0,
    max: 9,
  };
  const single: MeasureReport = {
    ...{ count: 1, average: 5, standardDeviation: null, standardError: null },
    ...{ confidenceInterval: null, min: 5, max: 5 },
  };

  const figures: CheckedFigures = {
    measures: { wait, single, unknown: null },
    quantile: (_measure, probability) => 10 * probability,
    interval: (measure, figure, confidence) => {
      if (measure === 'single') return null;
      const center = typeof figure === 'object' ? 10 * figure.probability : 2.9;
      return [center - confidence, center + confidence];
    },
  };
  const evaluate = (text: string) => evaluateCheck(parseCheck(text), figures);

  it.each([
    ['mean(wait) < 3', true, 2.9],
    ['mean(wait) < 2.9', false, 2.9],
    ['mean(wait) <= 2.9', true, 2.9],
    ['mean(wait) > 2.9', false, 2.9],
    ['mean(wait) >= 2.9', true, 2.9],
    ['sd(wait) < 2', false, 2],
    ['se(wait) < 0.3', true, 0.2],
    ['min(wait) >= 0', true, 0],
    ['max(wait) < 9', false, 9],
    ['count(wait) >= 100', true, 100],
    ['mean(single) > 4', true, 5],
    ['p95(wait) < 10', true, 9.5],
    ['median(wait) > 5', false, 5],
  ])('%p holds: %p', (check, holds, actual) => {
    expect(evaluate(check)).toEqual({ check, holds, actual, reason: null });
  });

  it.each([
    ['mean(wait) < 3.5 with 50%', true, [2.4, 3.4]],
    ['mean(wait) < 3.4 with 50%', false, [2.4, 3.4]],
    ['mean(wait) <= 3.4 with 50%', true, [2.4, 3.4]],
    ['mean(wait) > 2.3 with 50%', true, [2.4, 3.4]],
    ['mean(wait) > 2.4 with 50%', false, [2.4, 3.4]],
    ['mean(wait) >= 2.4 with 50%', true, [2.4, 3.4]],
    ['p50(wait) < 5.25 with 25%', false, [4.75, 5.25]],
    ['p50(wait) < 5.3 with 25%', true, [4.75, 5.25]],
  ])('%p holds at every point of the interval: %p', (check, holds, [lower, upper]) => {
    const result = evaluate(check);
    expect(result).toMatchObject({ check, holds, reason: null });
    expect(result.actual).toEqual([expect.closeTo(lower!, 12), expect.closeTo(upper!, 12)]);
  });

  it.each([
    ['mean(other) < 3', 'the run has no measure other'],
    ['mean(unknown) < 3', 'the run is not completed'],
    ['median(unknown) < 3', 'the run is not completed'],
    ['mean(unknown) < 3 with 95%', 'the run is not completed'],
    ['sd(single) < 3', 'a single value has no spread'],
    ['se(single) >= 0', 'a single value has no spread'],
    ['mean(single) < 9 with 95%', 'a count of 1 is too low for the interval'],
  ])('%p does not hold without a figure, and says why', (check, reason) => {
    expect(evaluate(check)).toEqual({ check, holds: false, actual: null, reason });
  });

  it('claims of an interval imply the same of its points', () => {
    const ends = fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: 0, max: 9 }));
    const comparison = fc.constantFrom<Check['comparison']>('<', '<=', '>', '>=');
    fc.assert(
      fc.property(
        ends,
        comparison,
        fc.integer({ min: -9, max: 9 }),
        ([lower, width], sign, limit) => {
          const check = parseCheck(`mean(wait) ${sign} ${limit} with 95%`);
          const upper = lower + width;
          const held = evaluateCheck(check, { ...figures, interval: () => [lower, upper] }).holds;
          const each = Array.from({ length: width + 1 }, (_, index) => {
            const measures = { wait: { ...wait, average: lower + index } };
            const estimate = { ...check, confidence: undefined };
            return evaluateCheck(estimate, { ...figures, measures }).holds;
          });
          expect(held).toBe(each.every(Boolean));
        },
      ),
      { numRuns: times(300, 5000) },
    );
  });
});
