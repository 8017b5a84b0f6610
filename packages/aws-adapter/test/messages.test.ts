import { Repetitions, RunId, type Run } from '@stepcompute/core';
import { IterationRange, iterationsOf, parseRunRequest } from '@stepcompute/core/adapters';
import fc from 'fast-check';
import {
  assignmentsOf,
  mostPairs,
  parseAssignment,
  parseLostAssignment,
  parseProcessed,
  parseRetrieveRunIdEvent,
  parseWriteToDbEvent,
  refuseTooMany,
  type MostAssigned,
  refuseTooManyToAverage,
} from '../src/wire/index.js';

/** The largest payload by our own rule; AWS's limit is 256 KiB. */
const headroomBytes = 200 * 1024;

function runOf(repetitions: number, id = 1): Run {
  return {
    ...parseRunRequest({ repetitions, seed: Number.MAX_SAFE_INTEGER }),
    id: RunId.parse(id),
    status: 'started',
    startedAt: new Date(0),
    finishedAt: undefined,
  };
}

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

const whole = ({ repetitions }: Run) => [IterationRange.whole(repetitions)];

describe('assignments', () => {
  it('are one pair for each missing iteration, with the seed once', () => {
    const run = runOf(5);
    const missing = [
      { first: 1, count: 1 },
      { first: 3, count: 2 },
    ] as IterationRange[];
    expect(assignmentsOf({ run, missing }, undefined)).toEqual({
      runId: 1,
      seed: run.seed,
      repetitions: 5,
      pairs: [1, 3, 4].map((iterationId) => ({ runId: 1, iterationId })),
      traceparent: null,
    });
    // Once for all of them.
    expect(assignmentsOf({ run, missing }, 2, { traceparent })).toEqual({
      runId: 1,
      seed: run.seed,
      repetitions: 5,
      blocks: [0, 2, 4].map((first) => ({ runId: 1, first, count: Math.min(2, 5 - first) })),
      traceparent,
    });
  });

  it('fit a payload with headroom for any number of repetitions', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: Repetitions.maximum }),
        fc.integer({ min: 1, max: 1_000_000 }),
        (repetitions, blockSize) => {
          const run = runOf(repetitions, RunId.maximum);
          const plan = { run, missing: whole(run) };
          const assignments = assignmentsOf(plan, blockSize, { traceparent });
          expect(JSON.stringify(assignments).length).toBeLessThan(headroomBytes);
          const covered = (assignments.blocks ?? []).reduce((sum, { count }) => sum + count, 0);
          expect(covered).toBe(repetitions);
        },
      ),
      { numRuns: 50, examples: [[Repetitions.maximum, 1]] },
    );
    const largest = runOf(mostPairs, RunId.maximum);
    const plan = { run: largest, missing: whole(largest) };
    const pairs = assignmentsOf(plan, undefined, { traceparent });
    expect(JSON.stringify(pairs).length).toBeLessThan(headroomBytes);
  });

  it('are the blocks in which anything is missing, whole and aligned', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat({ max: 199 })),
        fc.integer({ min: 1, max: 60 }),
        (lost, blockSize) => {
          const run = runOf(200);
          const missing = lost
            .sort((a, b) => a - b)
            .map((first) => ({ first, count: 1 }) as IterationRange);
          const { blocks = [] } = assignmentsOf({ run, missing }, blockSize);
          const handedOut = new Set([...iterationsOf(blocks)]);
          for (const iteration of lost) expect(handedOut).toContain(iteration);
          for (const { first, count } of blocks) {
            expect(first % blockSize).toBe(0);
            expect(count).toBe(Math.min(blockSize, 200 - first));
            expect(lost.some((one) => one >= first && one < first + count)).toBe(true);
          }
        },
      ),
    );
  });
});

describe('events', () => {
  it('of step 1 are its input, alone or in the state machine’s envelope', () => {
    const input = { repetitions: 5, seed: 1 };
    expect(parseRetrieveRunIdEvent(input)).toMatchObject({ input, executionId: undefined });
    const envelope = { executionId: 'e', input, delayMs: 600_000, blockSize: 1000 };
    expect(parseRetrieveRunIdEvent(envelope)).toEqual({ ...envelope, most: {} });
    const bounded = { ...envelope, most: { blocks: 3, iterationsInBlock: 1000 } };
    expect(parseRetrieveRunIdEvent(bounded)).toEqual(bounded);
    for (const resumed of [
      { runId: 3 },
      { runId: 3, repetitions: 10, tolerance: '1%' },
      { runId: 3, parameters: { strike: 110 }, acceptChangedSimulation: true },
    ]) {
      expect(parseRetrieveRunIdEvent({ executionId: 'e', input: resumed })).toMatchObject({
        input: resumed,
      });
    }
  });

  it('have a trace context beside what they ask for, or none', () => {
    const pair = { runId: 1, iterationId: 4 };
    for (const beside of [{ traceparent }, { traceparent: null }, {}]) {
      const found = beside.traceparent ?? undefined;
      const step1 = parseRetrieveRunIdEvent({
        executionId: 'e',
        input: { repetitions: 5, ...beside },
      });
      expect(step1).toMatchObject({ input: { repetitions: 5 } });
      expect(step1.input).not.toHaveProperty('traceparent');
      const step2 = parseWriteToDbEvent({ ...pair, ...beside });
      expect(step2).toMatchObject({ assignment: { runId: 1, first: 4, count: 1 } });
      expect(step2.item).toEqual(pair);
      const error = { Error: 'E', Cause: 'lost' };
      const lost = parseLostAssignment({ ...pair, ...beside, error });
      expect(lost.item).toEqual(pair);
      for (const parsed of [step1, step2, lost]) expect(parsed.traceparent).toBe(found);
    }
    for (const wrong of [5, '', 'none', traceparent.toUpperCase(), `01${traceparent.slice(2)}`]) {
      for (const parse of [
        () => parseRetrieveRunIdEvent({ repetitions: 5, traceparent: wrong }),
        () => parseWriteToDbEvent({ ...pair, traceparent: wrong }),
      ]) {
        expect(parse).toThrow(
          'traceparent must be "00-…", as W3C Trace Context writes it, or left out; got ',
        );
      }
    }
  });

  it.each([
    [undefined],
    [null],
    [[]],
    ['{"repetitions":5}'],
    [{ repetitions: 5, extra: 1 }],
    [{ executionId: 'e' }],
    [{ executionId: 'e', input: [] }],
    [{ executionId: 'e', input: { repetitions: 5 }, more: 1 }],
    [{ runId: 0 }],
    [{ runId: 1, seed: 5 }],
    [{ repetitions: 5, delayMs: 5 }],
  ])('of step 1 are refused: %j', (event) => {
    expect(() => parseRetrieveRunIdEvent(event)).toThrow(
      expect.objectContaining({ name: 'InvalidInputError' }) as Error,
    );
  });

  it('of step 2 are a pair or a block', () => {
    expect(parseAssignment({ runId: 1, iterationId: 4 })).toEqual({ runId: 1, first: 4, count: 1 });
    expect(parseAssignment({ runId: 1, first: 4, count: 2 })).toEqual({
      runId: 1,
      first: 4,
      count: 2,
    });
  });

  it.each([
    [null],
    [{}],
    [{ runId: 1 }],
    [{ iterationId: 1 }],
    [{ runId: 1, iterationId: -1 }],
    [{ runId: 1, iterationId: 0.5 }],
    [{ runId: '1', iterationId: 1 }],
    [{ runId: 1, iterationId: 1, first: 0 }],
    [{ runId: 1, first: 0, count: 0 }],
    [{ runId: 1, first: 999_999_999, count: 2 }],
    [{ runId: 1, first: 0, count: 1, seed: 5 }],
  ])('of step 2 are refused: %j', (event) => {
    expect(() => parseAssignment(event)).toThrow(
      expect.objectContaining({ name: 'InvalidInputError' }) as Error,
    );
  });

  it('of a lost function are its assignment, with the error that was caught', () => {
    const error = { Error: 'Runtime.ExitError', Cause: 'it ended' };
    for (const [item, assignment] of [
      [
        { runId: 1, iterationId: 4 },
        { runId: 1, first: 4, count: 1 },
      ],
      [
        { runId: 1, first: 4, count: 2 },
        { runId: 1, first: 4, count: 2 },
      ],
    ]) {
      const lost = parseLostAssignment({ ...item, error });
      expect(lost).toMatchObject({ item, assignment });
      expect(lost.error).toMatchObject({ name: 'Runtime.ExitError', message: 'it ended' });
    }
  });

  it.each([
    [{ runId: 1, iterationId: 4 }],
    [{ runId: 1, iterationId: 4, error: 'lost' }],
    [{ runId: 1, iterationId: 4, error: { Cause: 'lost' } }],
    [{ error: { Error: 'E', Cause: 'lost' } }],
  ])('of a lost function are refused: %j', (event) => {
    expect(() => parseLostAssignment(event)).toThrow(
      expect.objectContaining({ name: 'InvalidInputError' }) as Error,
    );
  });

  it('of step 3 name one run', () => {
    const pairs = [
      { runId: 7, iterationId: 0 },
      { runId: 7, iterationId: 1 },
    ];
    expect(parseProcessed(pairs)).toEqual({ runId: 7 });
    expect(parseProcessed({ runId: 7, seed: 1, pairs })).toEqual({ runId: 7 });
    const blocks = [{ runId: 7, first: 0, count: 2 }];
    const expected = { runId: 7, repetitions: 2 };
    expect(parseProcessed({ runId: 7, seed: 1, repetitions: 2, blocks })).toEqual(expected);
    expect(parseProcessed({ runId: 7, seed: 1, repetitions: 2, pairs: [] })).toEqual(expected);
  });

  it.each([
    [[]],
    [{}],
    [{ runId: 7 }],
    [{ runId: 7, pairs: 'all' }],
    [{ runId: 7, repetitions: 0, pairs: [] }],
    [{ runId: 7, pairs: [{ runId: 8, iterationId: 0 }] }],
    [
      [
        { runId: 7, iterationId: 0 },
        { runId: 8, iterationId: 0 },
      ],
    ],
    [[{ runId: 7 }]],
  ])('of step 3 are refused: %j', (event) => {
    expect(() => parseProcessed(event)).toThrow(
      expect.objectContaining({ name: 'InvalidInputError' }) as Error,
    );
  });

  it('that ask for more than can be averaged say what can', () => {
    expect(() => refuseTooManyToAverage(48_100_000, 48_100_000)).not.toThrow();
    expect(() => refuseTooManyToAverage(48_100_001, 48_100_000)).toThrow(
      'repetitions must be at most 48100000 of this simulation on AWS, where a function has 15 minutes to average them',
    );
  });

  it('that ask for too much inline say what would fit, and which mode to use', () => {
    for (const most of [{}, { pairs: 2854 }]) {
      const { pairs = mostPairs } = most as MostAssigned;
      expect(() => refuseTooMany(pairs, undefined, most)).not.toThrow();
      expect(() => refuseTooMany(pairs + 1, undefined, most)).toThrow(
        `repetitions must be at most ${pairs} in inline mode (deploy with mode "distributed" for more); got ${pairs + 1}`,
      );
    }
  });

  it('that need larger blocks than a function gets done say how many fit', () => {
    const most = { blocks: 3, iterationsInBlock: 1000 };
    const run = runOf(3000);
    expect(() => refuseTooMany(3000, 10, most)).not.toThrow();
    const { blocks = [] } = assignmentsOf({ run, missing: whole(run) }, 10, { most });
    expect(blocks.map(({ count }) => count)).toEqual([1000, 1000, 1000]);
    expect(() => refuseTooMany(3001, 10, most)).toThrow(
      'repetitions must be at most 3000 as deployed, 3 blocks of the 1000 iterations that one function gets done in its time; got 3001',
    );
    expect(() => refuseTooMany(1e9, 1, {})).not.toThrow();
  });
});

describe('whatever comes as an event', () => {
  const anything = fc.oneof(
    fc.anything(),
    fc.jsonValue(),
    fc.record(
      {
        runId: fc.oneof(fc.integer(), fc.anything()),
        iterationId: fc.oneof(fc.integer(), fc.anything()),
        first: fc.oneof(fc.integer(), fc.anything()),
        count: fc.oneof(fc.integer(), fc.anything()),
        pairs: fc.anything(),
        blocks: fc.anything(),
        input: fc.oneof(fc.record({ repetitions: fc.anything() }), fc.anything()),
        executionId: fc.anything(),
        traceparent: fc.anything(),
        error: fc.oneof(fc.record({ Error: fc.string(), Cause: fc.anything() }), fc.anything()),
      },
      { requiredKeys: [] },
    ),
  );

  it.each([
    ['step 1', parseRetrieveRunIdEvent],
    ['step 2', parseWriteToDbEvent],
    ['a lost function', parseLostAssignment],
    ['step 3', parseProcessed],
  ])(
    'of %s is read, or refused with an InvalidInputError',
    (_, parse: (event: unknown) => unknown) => {
      fc.assert(
        fc.property(anything, (event) => {
          try {
            parse(event);
          } catch (error) {
            expect(error).toMatchObject({ name: 'InvalidInputError' });
          }
        }),
        { numRuns: 500, seed: 1 },
      );
    },
  );
});
