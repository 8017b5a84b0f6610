import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duration } from 'aws-cdk-lib';
import fc from 'fast-check';
import { facts } from '../src/facts.js';
import {
  eventsPerPair,
  limitsOf,
  mostRepetitions,
  plannedEvents,
  refuseRepetitions,
  throttledEvents,
  type LimitedSettings,
  type Limits,
} from '../src/limits.js';
import { runSeconds } from '../src/run-length.js';

const inline = { mode: 'inline', delay: Duration.minutes(10), delayIn: 'function' } as const;
const distributed = { mode: 'distributed', delay: Duration.minutes(10), delayIn: 'state' } as const;
const inFunction = { ...distributed, delayIn: 'function' } as const;

describe('what is left out follows from the rest', () => {
  it.each<[LimitedSettings, object]>([
    [inline, { concurrency: 40, mostPairs: 2854 }],
    [{ ...inline, delayIn: 'state' }, { mostPairs: 2219 }],
    [{ ...inline, delay: Duration.millis(0), delayIn: 'state' }, { mostPairs: 2854 }],
    [{ ...inline, accountConcurrency: 10 }, { concurrency: 10 }],
    [{ ...inline, accountConcurrency: 1000 }, { concurrency: 40 }],
    // A week has 1,008 times ten minutes.
    [{ ...inline, concurrency: 2 }, { mostPairs: 2016 }],
    [distributed, { concurrency: 1000, blockSize: 1000, mostBlocks: 3000 }],
    [{ ...distributed, accountConcurrency: 100 }, { concurrency: 100 }],
    [{ ...distributed, concurrency: 2 }, { mostBlocks: 2016 }],
    [{ ...distributed, iterationDuration: Duration.millis(1) }, { blockSize: 60_000 }],
    [{ ...distributed, iterationDuration: Duration.seconds(1) }, { blockSize: 60 }],
    [
      { ...distributed, iterationDuration: Duration.minutes(1) },
      { blockSize: 1, largestBlock: 12 },
    ],
    [inFunction, { blockSize: 1000, largestBlock: 1000 }],
    [{ ...inFunction, delay: Duration.minutes(6), blockSize: 2000 }, { largestBlock: 2000 }],
    [{ ...inFunction, iterationDuration: Duration.millis(1) }, { blockSize: 1000 }],
  ])('%#', (settings, expected) => {
    expect(limitsOf(settings)).toMatchObject(expected);
  });

  it.each<[LimitedSettings, number]>([
    [inline, 780],
    [distributed, 300],
    [inFunction, 780],
    [{ ...distributed, iterationDuration: Duration.millis(1) }, 900],
    [{ ...inline, iterationTimeout: Duration.seconds(30) }, 810],
    // 0.1, 0.2, … 25.6 and 30 seconds between ten attempts of 20.
    [{ ...distributed, iterationTimeout: Duration.seconds(20), retry: { attempts: 10 } }, 432],
  ])('step 2’s time-out: %#', (settings, seconds) => {
    expect(limitsOf(settings).writeTimeout.toSeconds()).toBe(seconds);
  });
});

describe('what does not fit together is refused in one line', () => {
  it.each<[LimitedSettings, string]>([
    [
      { ...inline, concurrency: 41 },
      'concurrency must be an integer from 1 to 40, AWS’s own limit in inline mode; got 41',
    ],
    [
      { ...distributed, concurrency: 10_001 },
      'concurrency must be an integer from 1 to 10000, AWS’s own limit in distributed mode; got 10001',
    ],
    [
      { ...distributed, concurrency: 11, accountConcurrency: 10 },
      'concurrency must be at most accountConcurrency, which is 10; got 11',
    ],
    [
      { ...inline, accountConcurrency: 0.5 },
      'accountConcurrency must be an integer of 1 or more; got 0.5',
    ],
    [
      { ...inFunction, blockSize: 1001 },
      'blockSize must be at most 1000, which a Lambda function gets done in its 15 minutes; got 1001',
    ],
    [
      { ...distributed, blockSize: 721, iterationDuration: Duration.seconds(1) },
      'blockSize must be at most 720, which a Lambda function gets done in its 15 minutes; got 721',
    ],
    [
      { ...inline, blockSize: 500 },
      "blockSize must come with mode: 'distributed', since inline each function has one pair; got 500",
    ],
    [{ ...distributed, blockSize: 0 }, 'blockSize must be an integer of 1 or more; got 0'],
    [
      { ...inline, writeTimeout: Duration.minutes(16) },
      'writeTimeout must be at most 15 minutes, as long as a Lambda function may take; got 16 minutes',
    ],
    [
      { ...inline, writeTimeout: Duration.minutes(10) },
      'writeTimeout must be more than the 600 seconds that a pair takes in the function; got 10 minutes',
    ],
    [
      {
        ...inFunction,
        delay: Duration.minutes(2),
        blockSize: 3000,
        writeTimeout: Duration.minutes(6),
      },
      'writeTimeout must be more than the 360 seconds that a block of 3000 takes in the function; got 6 minutes',
    ],
    [
      { ...inline, delay: Duration.minutes(13) },
      "a delay of 13 minutes does not fit a Lambda function, which may take 15 minutes in all: use delayIn: 'state'",
    ],
    [
      { ...distributed, delay: Duration.days(7) },
      'a delay of 7 days does not fit an execution, which may take 7 days in all: give it a longer timeout',
    ],
    [
      { ...distributed, timeout: Duration.days(366) },
      'timeout must be at most 365 days; got 366 days',
    ],
    [
      { ...inline, iterationDuration: Duration.minutes(3) },
      'iterationDuration must be at most 120 seconds beside its delay, since a Lambda function may take 15 minutes in all; got 180 seconds',
    ],
    [
      { ...inline, iterationTimeout: Duration.minutes(5) },
      'retry and iterationTimeout must leave an iteration that fails each time to end within writeTimeout, 15 minutes; it may take 900 seconds',
    ],
    [
      { ...distributed, retry: { attempts: 100 }, writeTimeout: Duration.minutes(10) },
      'retry and iterationTimeout must leave an iteration that fails each time to end within writeTimeout, 10 minutes; it may take 2751.1 seconds',
    ],
  ])('%#', (settings, message) => {
    expect(() => limitsOf(settings)).toThrow(new RangeError(message));
  });
});

describe('whatever the settings', () => {
  type Drawn = LimitedSettings & Pick<Limits, 'mode' | 'delay' | 'delayIn'>;
  const settings: fc.Arbitrary<Drawn> = fc.record(
    {
      mode: fc.constantFrom('inline' as const, 'distributed' as const),
      delay: fc.nat({ max: 1000 }).map((count) => Duration.seconds(count)),
      delayIn: fc.constantFrom('function' as const, 'state' as const),
      concurrency: fc.integer({ min: 1, max: 100 }),
      accountConcurrency: fc.integer({ min: 1, max: 2000 }),
      blockSize: fc.integer({ min: 1, max: 3000 }),
      iterationDuration: fc.nat({ max: 2000 }).map((count) => Duration.millis(count)),
      writeTimeout: fc.integer({ min: 1, max: 1000 }).map((count) => Duration.seconds(count)),
      timeout: fc.integer({ min: 60, max: 1_000_000 }).map((count) => Duration.seconds(count)),
    },
    { requiredKeys: ['mode', 'delay', 'delayIn'] },
  );

  /** The work of step 2's function, lane by lane: its time for a block, in seconds. */
  function secondsOf({ delay, delayIn, iterationDuration }: Drawn, block: number): number {
    const waits = delayIn === 'function' ? delay.toSeconds() : 0;
    let time = 0;
    for (let left = block; left > 0; left -= 1000) time += waits;
    return time + (block * (iterationDuration?.toMilliseconds() ?? 0)) / 1000;
  }

  it('what is accepted fits AWS’s quotas and its own time-outs', () => {
    let accepted = 0;
    fc.assert(
      fc.property(settings, (given) => {
        let limits: ReturnType<typeof limitsOf>;
        try {
          limits = limitsOf(given);
        } catch (error) {
          expect((error as Error).message).toMatch(/must be|must come|does not fit/);
          return;
        }
        accepted += 1;
        const { concurrency, blockSize, writeTimeout, timeout, mostPairs, mostBlocks } = limits;
        const isInline = given.mode === 'inline';
        const assigned = isInline ? 1 : blockSize;
        expect(concurrency).toBeLessThanOrEqual(isInline ? 40 : 10_000);
        expect(concurrency).toBeLessThanOrEqual(given.accountConcurrency ?? Infinity);
        expect(writeTimeout.toSeconds()).toBeLessThanOrEqual(900);
        expect(secondsOf(given, assigned)).toBeLessThan(writeTimeout.toSeconds());
        const waitsInState = given.delayIn === 'state' && given.delay.toSeconds() > 0;
        expect(mostPairs * eventsPerPair(waitsInState)).toBeLessThan(plannedEvents);
        // Assignments one after the other in each place, within the execution's time.
        const each = (waitsInState ? given.delay.toSeconds() : 0) + secondsOf(given, assigned);
        const rounds = Math.ceil((isInline ? mostPairs : mostBlocks) / concurrency);
        if (each <= timeout.toSeconds()) {
          expect(rounds * each).toBeLessThanOrEqual(timeout.toSeconds());
        }
      }),
      { numRuns: 2000, seed: 15 },
    );
    expect(accepted).toBeGreaterThan(200);
  });

  it('the largest block is the largest', () => {
    let bounded = 0;
    fc.assert(
      fc.property(settings, (given) => {
        let largest: number;
        let seconds: number;
        try {
          const limits = limitsOf({ ...given, mode: 'distributed', blockSize: 1 });
          largest = limits.largestBlock;
          seconds = limits.writeTimeout.toSeconds();
        } catch {
          return;
        }
        if (largest === Number.MAX_SAFE_INTEGER || largest === 1) return;
        bounded += 1;
        expect(secondsOf(given, largest)).toBeLessThanOrEqual(seconds - 180 + 1e-6);
        expect(secondsOf(given, largest + 1)).toBeGreaterThan(seconds - 180 - 1e-6);
      }),
      { numRuns: 2000, seed: 15 },
    );
    expect(bounded).toBeGreaterThan(50);
  });
});

it.each<LimitedSettings>([
  { mode: 'inline' },
  { mode: 'distributed' },
  { mode: 'distributed', iterationDuration: Duration.seconds(1) },
])('the most repetitions with %j are done, and one more is refused', (given) => {
  const most = mostRepetitions(given);
  expect(() => refuseRepetitions(given, most)).not.toThrow();
  if (most < 1e9) expect(() => refuseRepetitions(given, most + 1)).toThrow(`at most ${most} `);
});

it('an account of ten throttles the largest inline run, and its history has room for that', () => {
  const { mostPairs, concurrency } = limitsOf(inline);
  const functions = facts.lambda.newAccountConcurrency;
  const seconds = (mostPairs / functions) * inline.delay.toSeconds();
  const throttled = (concurrency - functions) * throttledEvents(seconds);
  expect(throttled).toBeGreaterThan(3000);
  expect(throttled).toBeLessThan(facts.stepFunctions.historyEvents - plannedEvents);
});

describe('how long a run takes', () => {
  const minutes = (settings: LimitedSettings, repetitions: number, each = 0): number[] =>
    [10, 100, 1000].map(
      (functions) =>
        runSeconds(settings, { repetitions, functions, secondsPerIteration: each }) / 60,
    );

  it.each<[string, LimitedSettings, number, number, number[]]>([
    ['200 inline sleep in their functions', {}, 200, 0, [200, 50, 50]],
    ['200 inline, in an account of ten', { accountConcurrency: 10 }, 200, 0, [200, 200, 200]],
    ['200 inline wait in a state', { delayIn: 'state' }, 200, 0, [50, 50, 50]],
    ['30 inline', {}, 30, 0, [30, 10, 10]],
    ['a million distributed', { mode: 'distributed' }, 1e6, 0, [10, 10, 10]],
    ['a million that compute 60 ms', { mode: 'distributed' }, 1e6, 0.06, [110, 20, 11]],
    ['a billion', { mode: 'distributed' }, 1e9, 0, [30, 30, 30]],
    [
      'a million in their functions',
      { mode: 'distributed', delayIn: 'function' },
      1e6,
      0,
      [1000, 100, 10],
    ],
    ['one', { mode: 'distributed' }, 1, 60, [11, 11, 11]],
  ])('%s', (_, settings, repetitions, each, expected) => {
    minutes(settings, repetitions, each).forEach((actual, index) => {
      expect(actual).toBeCloseTo(expected[index]!, 9);
    });
  });
});

it.each(['../README.md', '../src/limits.ts', '../../cli/src/commands/rehearse.ts'])(
  'the limits of the inline mode in %s are those held',
  (file) => {
    const text = readFileSync(join(__dirname, file), 'utf8').replaceAll(/\s+\*?\s*/g, ' ');
    const most = (delayIn: 'function' | 'state'): string =>
      limitsOf({ delayIn }).mostPairs.toLocaleString('en-US');
    expect(text).toContain(`up to ${most('function')} repetitions`);
    if (!file.includes('cli')) expect(text).toContain(`${most('state')} with the delay in a state`);
  },
);
