import fc from 'fast-check';
import { IterationId, Seed } from '../src/run/numbers.js';
import { randomStreamVersion } from '../src/run/versions.js';
import { philox4x32, RandomStream } from '../src/simulation/random-stream.js';

const stream = (seed: number, iteration: number): RandomStream =>
  new RandomStream(Seed.parse(seed), IterationId.parse(iteration));

const draw = <T>(count: number, next: () => T): T[] => Array.from({ length: count }, next);

/** Philox4x32-10 as docs/random-stream.md words it, on whole numbers: shares nothing with the source. */
function philox(counter: readonly bigint[], key: readonly bigint[]): bigint[] {
  const word = 0xffff_ffffn;
  let [c0 = 0n, c1 = 0n, c2 = 0n, c3 = 0n] = counter;
  let [k0 = 0n, k1 = 0n] = key;
  for (let round = 0; round < 10; round += 1) {
    const product0 = 0xd2511f53n * c0;
    const product1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [
      (product1 >> 32n) ^ c1 ^ k0,
      product1 & word,
      (product0 >> 32n) ^ c3 ^ k1,
      product0 & word,
    ];
    k0 = (k0 + 0x9e3779b9n) & word;
    k1 = (k1 + 0xbb67ae85n) & word;
  }
  return [c0, c1, c2, c3];
}

/** The first words of a stream, by the specification alone. */
function specifiedWords(seed: number, iteration: number, blocks: number): number[] {
  const halves = (value: bigint): [bigint, bigint] => [value & 0xffff_ffffn, value >> 32n];
  return Array.from({ length: blocks }, (_, block) =>
    philox([...halves(BigInt(block)), ...halves(BigInt(iteration))], halves(BigInt(seed))),
  )
    .flat()
    .map(Number);
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (thrown) {
    return thrown;
  }
  throw new Error('nothing was thrown');
}

/** A stream whose uniforms are all the same, for the ends of the interval that no known seed hits. */
class ConstantStream extends RandomStream {
  constructor(private readonly constant: number) {
    super(Seed.parse(0), IterationId.parse(0));
  }

  override uniform(): number {
    return this.constant;
  }
}

const largestUniform = 1 - 2 ** -53;
const seeds = fc.oneof(
  fc.maxSafeNat(),
  fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Seed.maximum),
);
const iterations = fc.oneof(
  fc.nat({ max: IterationId.maximum }),
  fc.constantFrom(0, IterationId.maximum),
);
const words32 = fc.nat({ max: 2 ** 32 - 1 });

describe('philox4x32', () => {
  const ones = 'ffffffff';
  const zeros = '00000000';

  // Source: Random123's kat_vectors, philox4x32 with 10 rounds.
  it.each([
    [
      [zeros, zeros, zeros, zeros],
      [zeros, zeros],
      ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8'],
    ],
    [
      [ones, ones, ones, ones],
      [ones, ones],
      ['408f276d', '41c83b0e', 'a20bc7c6', '6d5451fd'],
    ],
    [
      ['243f6a88', '85a308d3', '13198a2e', '03707344'],
      ['a4093822', '299f31d0'],
      ['d16cfe09', '94fdcceb', '5001e420', '24126ea1'],
    ],
  ])('gives the published answer for counter %j under key %j', (counter, key, answer) => {
    const parse = (hex: string): number => Number.parseInt(hex, 16);
    const words = Int32Array.from(counter, parse);
    const [key0 = NaN, key1 = NaN] = key.map(parse);
    philox4x32(words, key0, key1);
    expect(Array.from(words, (word) => (word >>> 0).toString(16).padStart(8, '0'))).toEqual(answer);
  });

  it('agrees with whole-number arithmetic on every counter and key', () => {
    fc.assert(
      fc.property(
        fc.tuple(words32, words32, words32, words32),
        fc.tuple(words32, words32),
        (counter, key) => {
          const words = Int32Array.from(counter);
          philox4x32(words, ...key);
          const expected = philox(counter.map(BigInt), key.map(BigInt)).map(Number);
          expect(Array.from(words, (word) => word >>> 0)).toEqual(expected);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('random stream', () => {
  it('names its version', () => {
    expect(randomStreamVersion).toBe('philox4x32-10/2');
  });

  it('yields the blocks of the specification, word for word', () => {
    fc.assert(
      fc.property(seeds, iterations, fc.integer({ min: 1, max: 6 }), (seed, iteration, blocks) => {
        const random = stream(seed, iteration);
        expect(draw(blocks * 4, () => random.word())).toEqual(
          specifiedWords(seed, iteration, blocks),
        );
      }),
    );
  });

  it('is not disturbed by another stream drawn in between', () => {
    const [one, other] = [stream(1, 7), stream(2, 7)];
    const interleaved = draw(24, () => [one.word(), other.word()] as const);
    expect(interleaved.map(([word]) => word)).toEqual(specifiedWords(1, 7, 6));
    expect(interleaved.map(([, word]) => word)).toEqual(specifiedWords(2, 7, 6));
  });

  it('keeps to the values that any language gets for seed 42', () => {
    const drawn = draw(5, () => 0).map((_, iteration) => {
      const random = stream(42, iteration);
      return draw(3, () => random.integer(0, 1000));
    });
    expect(drawn).toEqual([
      [613, 73, 988],
      [10, 232, 129],
      [398, 422, 562],
      [40, 723, 522],
      [156, 76, 745],
    ]);
  });
});

describe('uniform', () => {
  it('takes 27 bits of one word and 26 of the next', () => {
    fc.assert(
      fc.property(seeds, iterations, (seed, iteration) => {
        const random = stream(seed, iteration);
        const [a = 0, b = 0, c = 0, d = 0] = specifiedWords(seed, iteration, 1);
        const exact = (high: number, low: number): number =>
          Number(((BigInt(high) >> 5n) << 26n) | (BigInt(low) >> 6n)) / 2 ** 53;
        expect([random.uniform(), random.uniform()]).toEqual([exact(a, b), exact(c, d)]);
      }),
    );
  });

  it('lies in [0, 1), with the moments of a uniform variate', () => {
    const random = stream(7, 0);
    const drawn = draw(20_000, () => random.uniform());
    expect(drawn.every((value) => value >= 0 && value < 1)).toBe(true);
    const { mean, variance } = momentsOf(drawn);
    expect(Math.abs(mean - 1 / 2)).toBeLessThan(0.01);
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.003);
  });
});

describe('integer', () => {
  const bounds = fc
    .tuple(fc.maxSafeInteger(), fc.maxSafeInteger())
    .map(([a, b]): [number, number] => (a <= b ? [a, b] : [b, a]))
    .filter(([lowest, highest]) => highest - lowest <= Number.MAX_SAFE_INTEGER);
  const smallBounds = fc
    .tuple(fc.integer(), fc.nat({ max: 5 }))
    .map(([lowest, span]): [number, number] => [lowest, lowest + span]);

  it('stays between its bounds, whatever the span', () => {
    fc.assert(
      fc.property(
        fc.oneof(bounds, smallBounds),
        fc.oneof(
          fc.constantFrom(0, largestUniform),
          fc.nat().map((seed) => stream(seed, 0).uniform()),
        ),
        ([lowest, highest], uniform) => {
          // Of so many, a number may be drawn again, and a constant stream has no other.
          const isLarge = highest - lowest >= 2 ** 32;
          const random = isLarge ? stream(lowest & 0xffff, 0) : new ConstantStream(uniform);
          const value = random.integer(lowest, highest);
          expect(Number.isSafeInteger(value)).toBe(true);
          expect(value).toBeGreaterThanOrEqual(lowest);
          expect(value).toBeLessThanOrEqual(highest);
          if (uniform === 0 && !isLarge) expect(value).toBe(lowest + 0);
          if (uniform === largestUniform && !isLarge) expect(value).toBe(highest + 0);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('cuts the span into equal parts, exactly, also where doubles end', () => {
    fc.assert(
      fc.property(seeds, iterations, (seed, iteration) => {
        const [a = 0, b = 0] = specifiedWords(seed, iteration, 1);
        const bits = ((BigInt(a) >> 5n) << 26n) | (BigInt(b) >> 6n);
        expect(stream(seed, iteration).integer(0, Number.MAX_SAFE_INTEGER)).toBe(Number(bits));
        expect(stream(seed, iteration).integer(-(2 ** 52), 2 ** 52 - 1)).toBe(
          Number(bits - 2n ** 52n),
        );
        expect(stream(seed, iteration).integer(0, 1000)).toBe(Number((bits * 1001n) >> 53n));
        expect(stream(seed, iteration).integer(1, 2 ** 32)).toBe(1 + Number(bits >> 21n));
      }),
    );
  });

  it('draws from more than 2^32 integers without a bias, by drawing again', () => {
    // As many as 3 · 2^51: without drawing again every third one came twice as often.
    const highest = 3 * 2 ** 51 - 1;
    const random = stream(3, 0);
    const counts = [0, 0, 0];
    for (const value of draw(30_000, () => random.integer(0, highest))) counts[value % 3]! += 1;
    // Five binomial deviations of 82.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(410);
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.integer({ min: 2 ** 32 + 1, max: Number.MAX_SAFE_INTEGER }),
        (seed, count) => {
          const [drawn, words] = [stream(seed, 5), stream(seed, 5)];
          // The specification in whole numbers of any size.
          const share = 2n ** 53n / BigInt(count);
          let bits: bigint;
          do bits = BigInt(words.uniform() * 2 ** 53);
          while (bits >= share * BigInt(count));
          expect(drawn.integer(0, count - 1)).toBe(Number(bits / share));
          expect(drawn.word()).toBe(words.word());
        },
      ),
    );
  });

  it('draws each of the integers equally often', () => {
    const random = stream(11, 0);
    const counts = new Map<number, number>();
    for (const face of draw(12_000, () => random.integer(1, 6))) {
      counts.set(face, (counts.get(face) ?? 0) + 1);
    }
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
    for (const count of counts.values()) expect(Math.abs(count - 2000)).toBeLessThan(200);
  });

  it('takes one uniform, also when there is no choice', () => {
    const [random, reference] = [stream(3, 3), stream(3, 3)];
    expect(random.integer(5, 5)).toBe(5);
    reference.uniform();
    expect(random.word()).toBe(reference.word());
  });

  it('is never negative zero', () => {
    expect(new ConstantStream(0).integer(-0, 1)).toBe(0);
    expect(new ConstantStream(largestUniform).integer(-1, 0)).toBe(0);
  });

  it.each([
    [1, 0],
    [0.5, 3],
    [0, 2.5],
    [NaN, 1],
    [0, NaN],
    [0, Infinity],
    [-Infinity, 0],
    [0, 2 ** 53],
    [-(2 ** 53), 0],
    [-1, Number.MAX_SAFE_INTEGER],
    [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])('refuses the bounds %p and %p', (lowest, highest) => {
    const random = stream(0, 0);
    const error = thrownBy(() => random.integer(lowest, highest));
    expect(error).toMatchObject({
      name: 'InvalidInputError',
      field: 'integer(lowest, highest)',
      received: `${lowest}, ${highest}`,
    });
    expect(random.word()).toBe(stream(0, 0).word());
  });
});

describe('normal', () => {
  it('is the Box–Muller transform of the next two uniforms', () => {
    const [random, reference] = [stream(5, 1), stream(5, 1)];
    for (const [mean, deviation] of [
      [0, 1],
      [-3, 0.25],
      [1e6, 12],
    ] as const) {
      const [u, v] = [reference.uniform(), reference.uniform()];
      const expected = Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v);
      const scaled = (random.normal(mean, deviation) - mean) / deviation;
      expect(Math.abs(scaled - expected)).toBeLessThan(1e-9);
    }
  });

  it('has the moments that it is asked for', () => {
    const random = stream(42, 0);
    const standard = momentsOf(draw(20_000, () => random.normal()));
    expect(Math.abs(standard.mean)).toBeLessThan(0.03);
    expect(Math.abs(standard.variance - 1)).toBeLessThan(0.05);
    const scaled = momentsOf(draw(20_000, () => random.normal(100, 15)));
    expect(Math.abs(scaled.mean - 100)).toBeLessThan(0.45);
    expect(Math.abs(scaled.variance - 225)).toBeLessThan(11);
  });

  it('is the mean itself when there is no deviation', () => {
    const random = stream(42, 1);
    expect(draw(100, () => random.normal(3.5, 0))).toEqual(draw(100, () => 3.5));
    expect(draw(100, () => random.normal(0, 0)).every((value) => Object.is(value, 0))).toBe(true);
  });

  it('is finite and not negative zero at both ends of the uniforms', () => {
    expect(new ConstantStream(0).normal()).toBe(0);
    expect(Number.isFinite(new ConstantStream(largestUniform).normal())).toBe(true);
  });

  it.each([NaN, Infinity, -Infinity])('refuses the mean %p', (mean) => {
    expect(thrownBy(() => stream(0, 0).normal(mean))).toMatchObject({
      name: 'InvalidInputError',
      field: 'mean',
      received: mean,
    });
  });

  it.each([NaN, Infinity, -1, -5e-324])('refuses the standard deviation %p', (deviation) => {
    expect(thrownBy(() => stream(0, 0).normal(0, deviation))).toMatchObject({
      name: 'InvalidInputError',
      field: 'standard deviation',
      received: deviation,
    });
  });
});

describe('exponential', () => {
  it('is the inverse of its distribution at the next uniform', () => {
    const [random, reference] = [stream(5, 2), stream(5, 2)];
    expect(random.exponential()).toBeCloseTo(-Math.log(1 - reference.uniform()), 12);
    expect(random.exponential(4)).toBeCloseTo(-Math.log(1 - reference.uniform()) / 4, 12);
  });

  it('has the moments of its rate', () => {
    const random = stream(42, 2);
    const drawn = draw(20_000, () => random.exponential(0.5));
    expect(drawn.every((value) => value >= 0)).toBe(true);
    const { mean, variance } = momentsOf(drawn);
    expect(Math.abs(mean - 2)).toBeLessThan(0.06);
    expect(Math.abs(variance - 4)).toBeLessThan(0.5);
  });

  it('is finite and not negative zero at both ends of the uniforms', () => {
    expect(new ConstantStream(0).exponential()).toBe(0);
    expect(new ConstantStream(largestUniform).exponential()).toBeCloseTo(53 * Math.LN2, 12);
  });

  it.each([0, -1, NaN, Infinity])('refuses the rate %p', (rate) => {
    expect(thrownBy(() => stream(0, 0).exponential(rate))).toMatchObject({
      name: 'InvalidInputError',
      field: 'rate',
      received: rate,
    });
  });
});

function momentsOf(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, variance: squares / (values.length - 1) };
}
