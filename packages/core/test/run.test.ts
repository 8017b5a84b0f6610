import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describeValue } from '../src/errors/masking.js';
import { Milliseconds, Repetitions, RunId, Seed } from '../src/run/numbers.js';
import { parseRunRequest, type RunRequest } from '../src/run/request.js';

const manifest = JSON.parse(
  readFileSync(new URL('../package.json', `file://${__filename}`), 'utf8'),
) as { version: string };

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (thrown) {
    return thrown;
  }
  throw new Error('nothing was thrown');
}

/** Expects the refusal of `received`, with a message that says what was wrong and what would be right. */
function expectRefusal(
  action: () => unknown,
  field: string,
  expected: string,
  received: unknown,
): void {
  const error = thrownBy(action);
  expect(error).toMatchObject({
    name: 'InvalidInputError',
    code: 'INVALID_INPUT',
    field,
    expected,
  });
  expect((error as { received: unknown }).received).toBe(received);
  expect((error as Error).message).toBe(
    `${field} must be ${expected}; got ${describeValue(received)}`,
  );
}

const anythingElse = (accepted: (value: number) => boolean): fc.Arbitrary<unknown> =>
  fc
    .oneof(
      fc.anything(),
      fc.double(),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.maxSafeInteger().map(String),
    )
    .filter((value) => typeof value !== 'number' || !accepted(value));

describe.each([
  { parse: RunId.parse, field: 'run id', lowest: 1, highest: 2_147_483_647 },
  { parse: Seed.parse, field: 'seed', lowest: 0, highest: 9_007_199_254_740_991 },
  { parse: Repetitions.parse, field: 'repetitions', lowest: 1, highest: 1_000_000_000 },
])('a $field', ({ parse, field, lowest, highest }) => {
  const expected = `an integer from ${lowest} to ${highest}`;

  it(`is any integer from ${lowest} to ${highest}`, () => {
    fc.assert(
      fc.property(fc.integer({ min: lowest, max: highest }), (value) => {
        expect(parse(value)).toBe(value);
      }),
    );
    expect([parse(lowest), parse(highest)]).toEqual([lowest, highest]);
  });

  it('is nothing else, and the refusal says so', () => {
    const valid = (value: number): boolean =>
      Math.floor(value) === value && value >= lowest && value <= highest;
    fc.assert(
      fc.property(anythingElse(valid), (value) => {
        expectRefusal(() => parse(value), field, expected, value);
      }),
    );
  });

  it.each([
    lowest - 1,
    highest + 1,
    lowest + 0.5,
    -1,
    NaN,
    Infinity,
    -Infinity,
    String(lowest),
    BigInt(lowest),
    [lowest],
    true,
    null,
    undefined,
  ])('is not %p', (value) => {
    expectRefusal(() => parse(value), field, expected, value);
  });
});

describe('a seed', () => {
  it('takes negative zero for zero', () => {
    expect(Seed.parse(-0)).toBe(0);
  });

  it('is valid and seldom the same when it is chosen at random', () => {
    const chosen = Array.from({ length: 1000 }, () => Seed.random());
    expect(chosen.map((seed) => Seed.parse(seed))).toEqual(chosen);
    expect(new Set(chosen).size).toBe(1000);
    expect(Math.max(...chosen)).toBeGreaterThan(2 ** 52);
  });

  it.each([
    [0, 0],
    [1 - 2 ** -53, Seed.maximum],
  ])('is valid when the engine draws only %p', (drawn, seed) => {
    const random = jest.spyOn(Math, 'random').mockReturnValue(drawn);
    try {
      expect(Seed.random()).toBe(seed);
    } finally {
      random.mockRestore();
    }
  });
});

describe('a span of milliseconds', () => {
  const expected = 'a number of milliseconds from 0 to 31536000000 (365 days)';

  it('is any number from 0 to 365 days, whole or not', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 31_536_000_000, noNaN: true }), (value) => {
        expect(Milliseconds.parse(value, 'delay')).toBe(value + 0);
      }),
    );
    expect(Milliseconds.parse(31_536_000_000, 'delay')).toBe(365 * 24 * 3600 * 1000);
    expect(Milliseconds.parse(-0, 'delay')).toBe(0);
  });

  it('is nothing else, and the refusal names what it was for', () => {
    const valid = (value: number): boolean => value >= 0 && value <= 31_536_000_000;
    fc.assert(
      fc.property(anythingElse(valid), fc.string(), (value, field) => {
        expectRefusal(() => Milliseconds.parse(value, field), field, expected, value);
      }),
    );
  });

  it('may have a higher minimum', () => {
    expect(Milliseconds.parse(1, 'timeout', 1)).toBe(1);
    expectRefusal(
      () => Milliseconds.parse(0.5, 'timeout', 1),
      'timeout',
      'a number of milliseconds from 1 to 31536000000 (365 days)',
      0.5,
    );
  });
});

describe('a run request', () => {
  it('waits no time, has an anonymous generator and no key unless it says otherwise', () => {
    const { request, simulation, measures, versions } = parseRunRequest({ repetitions: 3 });
    const { seed, ...others } = request;
    expect(simulation).toEqual([{}]);
    expect(measures).toEqual(['value']);
    expect(versions).toEqual({
      stepcompute: manifest.version,
      randomStream: 'philox4x32-10/2',
      runtime: `node ${process.versions.node}`,
    });
    expect(others).toEqual({
      repetitions: 3,
      delayMs: 0,
      parameters: {},
      generatorName: 'anonymous',
      tolerance: '0',
      idempotencyKey: undefined,
    });
    expect(Seed.parse(seed)).toBe(seed);
  });

  it('gets a new seed each time that it names none', () => {
    const seeds = Array.from({ length: 20 }, () => parseRunRequest({ repetitions: 1 }).seed);
    expect(new Set(seeds).size).toBe(20);
  });

  it('is taken as it is when it is valid', () => {
    const texts = (maxLength: number): fc.Arbitrary<string> =>
      fc
        .string({ minLength: 1, maxLength, unit: 'grapheme' })
        .filter((text) => !text.includes('\0') && text.length <= maxLength);
    const requests = fc.record({
      repetitions: fc.integer({ min: 1, max: 1e9 }),
      seed: fc.maxSafeNat(),
      delayMs: fc.nat({ max: 31_536_000_000 }),
      parameters: fc.dictionary(fc.stringMatching(/^[A-Za-z]\w{0,9}$/), fc.integer(), {
        maxKeys: 5,
      }),
      generatorName: texts(4096),
      tolerance: fc.oneof(
        fc.nat({ max: 1e9 }).map(String),
        fc.nat({ max: 100 }).map((percent) => `${percent}%`),
      ),
      idempotencyKey: texts(512),
    });
    fc.assert(
      fc.property(requests, (request) => {
        const { request: asked, ...run } = parseRunRequest(request);
        expect(asked).toEqual(request);
        expect(run).toMatchObject(request);
      }),
    );
  });

  it('is refused with a field that there is not, unless that is undefined', () => {
    const request = { repetitions: 1, sead: 1 };
    expect(() => parseRunRequest(request)).toThrow(
      'request must be an object with repetitions, seed, delayMs, parameters, generatorName, ' +
        'tolerance, idempotencyKey, label, precision, experiment, experimentKey, scenario alone; got "sead"',
    );
    expect(parseRunRequest({ ...request, sead: undefined } as RunRequest)).not.toHaveProperty(
      'sead',
    );
  });

  it.each<[string, string, Record<string, unknown>]>([
    ['repetitions', 'an integer from 1 to 1000000000', { repetitions: 0 }],
    ['repetitions', 'an integer from 1 to 1000000000', { repetitions: undefined }],
    ['seed', 'an integer from 0 to 9007199254740991', { seed: null }],
    ['seed', 'an integer from 0 to 9007199254740991', { seed: -1 }],
    ['delay', 'a number of milliseconds from 0 to 31536000000 (365 days)', { delayMs: '10m' }],
    ['generator name', 'a text of 1 to 4096 characters', { generatorName: '' }],
    ['generator name', 'a text of 1 to 4096 characters', { generatorName: 'g'.repeat(4097) }],
    ['generator name', 'a text of 1 to 4096 characters', { generatorName: 7 }],
    ['generator name', 'well-formed text without NUL characters', { generatorName: 'a\0b' }],
    ['generator name', 'well-formed text without NUL characters', { generatorName: 'a\ud800' }],
    ['label', 'a text of 1 to 256 characters', { label: '' }],
    ['label', 'a text of 1 to 256 characters', { label: 'l'.repeat(257) }],
    ['label', 'well-formed text without NUL characters', { label: 'a\0b' }],
    ['idempotency key', 'a text of 1 to 512 characters', { idempotencyKey: '' }],
    ['idempotency key', 'a text of 1 to 512 characters', { idempotencyKey: 'k'.repeat(513) }],
    ['idempotency key', 'a text of 1 to 512 characters', { idempotencyKey: null }],
    ['idempotency key', 'well-formed text without NUL characters', { idempotencyKey: '\0' }],
    ['idempotency key', 'well-formed text without NUL characters', { idempotencyKey: '\udc00k' }],
  ])('is refused with its %s unless that is %s', (field, expected, wrong) => {
    const request = { repetitions: 1, ...wrong } as unknown as RunRequest;
    expectRefusal(() => parseRunRequest(request), field, expected, Object.values(wrong)[0]);
  });

  it('is told of its first wrong field alone', () => {
    expect(
      thrownBy(() => parseRunRequest({ repetitions: 0, seed: -1, delayMs: -1 })),
    ).toMatchObject({ field: 'repetitions' });
  });

  it('accepts texts of the greatest length', () => {
    const request = {
      repetitions: 1,
      generatorName: 'g'.repeat(4096),
      idempotencyKey: 'k'.repeat(512),
    };
    expect(parseRunRequest(request)).toMatchObject(request);
  });
});
