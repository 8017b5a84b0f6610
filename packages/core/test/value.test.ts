import fc from 'fast-check';
import { IterationId, RunId, Seed } from '../src/run/numbers.js';
import {
  SeededIteration,
  uniformInteger,
  type IterationContext,
} from '../src/simulation/generator.js';
import { RandomStream } from '../src/simulation/random-stream.js';
import { parseValue } from '../src/simulation/value.js';

describe('a value', () => {
  it('is any finite number, to the bit, but for negative zero', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => value !== 0),
        (value) => {
          expect(parseValue(value)).toBe(value);
        },
      ),
    );
    expect(parseValue(0)).toBe(0);
    expect(parseValue(-0)).toBe(0);
    expect(parseValue(5e-324)).toBe(5e-324);
    expect(parseValue(-Number.MAX_VALUE)).toBe(-Number.MAX_VALUE);
  });

  it('is nothing else', () => {
    const others = fc
      .anything()
      .filter(
        (value) => typeof value !== 'number' || Math.abs(value) === Infinity || value !== value,
      );
    fc.assert(
      fc.property(others, (value) => {
        expect(() => parseValue(value)).toThrow(
          expect.objectContaining({ name: 'InvalidValueError', received: value }) as Error,
        );
      }),
    );
  });

  it.each([
    [NaN, 'NaN'],
    [Infinity, 'Infinity'],
    [-Infinity, '-Infinity'],
    ['5', '"5"'],
    [undefined, 'undefined'],
    [null, 'null'],
    [5n, '5n'],
    [[5], 'an array'],
    [new Number(5), 'an object'],
  ])('is not %p, and the refusal shows it', (value, shown) => {
    expect(() => parseValue(value)).toThrow(
      `a value must be a finite number; the generator returned ${shown}`,
    );
  });
});

describe('a seeded iteration', () => {
  const abort = new AbortController();
  const runId = RunId.parse(3);
  const parameters = { strike: 110 };
  const iteration = (seed: number, id: number): SeededIteration =>
    new SeededIteration(
      { runId, seed: Seed.parse(seed), parameters },
      IterationId.parse(id),
      abort,
    );

  it('tells its generator which iteration of which run it is, and when to stop', () => {
    const context = iteration(1, 8);
    expect(context.runId).toBe(3);
    expect(context.iterationId).toBe(8);
    expect(context.signal).toBe(abort.signal);
  });

  it('asks for its signal only when its generator does', () => {
    let asked = 0;
    const lazy = {
      get signal(): AbortSignal {
        asked += 1;
        return abort.signal;
      },
    };
    const context = new SeededIteration(
      { runId, seed: Seed.parse(1), parameters },
      IterationId.parse(8),
      lazy,
    );
    uniformInteger(context);
    expect(asked).toBe(0);
    expect(context.signal).toBe(abort.signal);
    expect(asked).toBe(1);
  });

  it('keeps everything when it is spread, its random numbers in one stream', () => {
    const context: IterationContext = iteration(9, 8);
    const spread = { ...context, volatility: 0.2 };
    expect(Object.keys(spread).sort()).toEqual([
      'iterationId',
      'parameters',
      'random',
      'runId',
      'seed',
      'signal',
      'volatility',
    ]);
    expect(spread.parameters).toBe(parameters);
    expect(spread.signal).toBe(abort.signal);
    const first = spread.random.word();
    expect(context.random.word()).not.toBe(first);
  });

  it('draws from one stream, that of its seed and id', () => {
    const context = iteration(9, 8);
    const stream = new RandomStream(Seed.parse(9), IterationId.parse(8));
    expect([context.random.word(), context.random.word(), context.random.word()]).toEqual([
      stream.word(),
      stream.word(),
      stream.word(),
    ]);
  });

  it('yields by default a uniform integer from 0 to 1000, the first of its stream', () => {
    expect([0, 1, 2, 3, 4].map((id) => uniformInteger(iteration(42, id)))).toEqual([
      613, 10, 398, 40, 156,
    ]);
    const values = Array.from({ length: 20_000 }, (_, id) => uniformInteger(iteration(1, id)));
    expect([Math.min(...values), Math.max(...values)]).toEqual([0, 1000]);
  });
});
