import fc from 'fast-check';
import { IterationId, RunId, Seed } from '../src/run/numbers.js';
import {
  contextFor,
  uniformInteger,
  type IterationContext,
  type ValueGenerator,
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

describe('the context of an attempt', () => {
  const abort = new AbortController();
  const runId = RunId.parse(3);
  const parameters = { strike: 110 };
  const contextOf = (
    generator: ValueGenerator,
    seed = 1,
    id = 8,
    aborting: { readonly signal: AbortSignal } = abort,
  ): IterationContext =>
    contextFor(
      generator,
      { runId, seed: Seed.parse(seed), parameters },
      IterationId.parse(id),
      aborting,
    );
  const takingAll: ValueGenerator = (context) => context.seed;

  it('tells its generator which iteration of which run it is, and when to stop', () => {
    for (const generator of [takingAll, uniformInteger]) {
      const context = contextOf(generator);
      expect(context.runId).toBe(3);
      expect(context.iterationId).toBe(8);
      expect(context.parameters).toBe(parameters);
      expect(context.signal).toBe(abort.signal);
    }
  });

  it('asks for its signal only when its generator does', () => {
    for (const generator of [takingAll, uniformInteger]) {
      let asked = 0;
      const lazy = {
        get signal(): AbortSignal {
          asked += 1;
          return abort.signal;
        },
      };
      const context = contextOf(generator, 1, 8, lazy);
      uniformInteger(context);
      expect(asked).toBe(0);
      expect(context.signal).toBe(abort.signal);
      expect(asked).toBe(1);
    }
  });

  const inner = ({ random, signal }: IterationContext): number =>
    random.word() + Number(signal.aborted);

  // Each of these hands the context on as a whole.
  it.each<[string, ValueGenerator]>([
    ['a parameter', (context) => inner({ ...context })],
    ['a rest', ({ iterationId, ...rest }) => inner({ ...rest, iterationId })],
    ['a computed name', ({ ['random']: random, ...rest }) => inner({ ...rest, random })],
    [
      'arguments',

      function ({ iterationId }: IterationContext) {
        // eslint-disable-next-line prefer-rest-params -- `arguments` is what is tested
        return inner({ ...(arguments[0] as IterationContext), iterationId });
      },
    ],
    ['all arguments', (...all) => inner({ ...all[0] })],
    ['a method', { generate: (context: IterationContext) => inner({ ...context }) }.generate],
    [
      'a bound function',
      function bound(context: IterationContext) {
        return inner({ ...context });
      }.bind(null),
    ],
    ['an asynchronous function', async (context) => inner({ ...context })],
    ['a mock', jest.fn((context: IterationContext) => inner({ ...context }))],
  ])(
    'keeps everything when it is spread by a generator that takes it as %s',
    async (_, generator) => {
      const context = contextOf(generator, 9);
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
      const expected = new RandomStream(Seed.parse(9), IterationId.parse(8)).word();
      expect(await generator(context)).toBe(expected);
    },
  );

  it('draws from one stream, that of its seed and id', () => {
    const context = contextOf(takingAll, 9);
    const stream = new RandomStream(Seed.parse(9), IterationId.parse(8));
    expect([context.random.word(), context.random.word(), context.random.word()]).toEqual([
      stream.word(),
      stream.word(),
      stream.word(),
    ]);
  });

  it('yields by default a uniform integer from 0 to 1000, the first of its stream', () => {
    const drawn = (seed: number, id: number) => uniformInteger(contextOf(uniformInteger, seed, id));
    expect([0, 1, 2, 3, 4].map((id) => drawn(42, id))).toEqual([613, 10, 398, 40, 156]);
    const values = Array.from({ length: 20_000 }, (_, id) => drawn(1, id));
    expect([Math.min(...values), Math.max(...values)]).toEqual([0, 1000]);
  });
});
