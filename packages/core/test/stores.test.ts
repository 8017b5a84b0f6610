import { averageOf, completeAverage } from '../src/average.js';
import { IterationRange } from '../src/range.js';
import { parseRunRequest, RunId, type Run } from '../src/run.js';
import { assertSameAverage, readLedger, type Stores } from '../src/stores.js';

const run: Run = {
  ...parseRunRequest({ repetitions: 10, seed: 1 }),
  id: RunId.parse(4),
  status: 'started',
  startedAt: new Date(0),
  finishedAt: undefined,
};

/** The parts of the stores that a ledger is read from. */
function holding(
  missing: readonly { first: number; count: number }[],
  failed: readonly number[],
): Pick<Stores, 'values' | 'failures'> {
  return {
    values: {
      missing: () => Promise.resolve(missing.map((range) => IterationRange.parse(range))),
    },
    failures: {
      list: () => Promise.resolve(failed.map((iterationId) => ({ iterationId }))),
    },
  } as unknown as Pick<Stores, 'values' | 'failures'>;
}

describe('a ledger', () => {
  it.each([
    ['nothing was done', [{ first: 0, count: 10 }], [], { completed: 0, failed: 0, missing: 10 }],
    ['all is done', [], [], { completed: 10, failed: 0, missing: 0 }],
    [
      'some failed and some were never tried',
      [
        { first: 2, count: 3 },
        { first: 9, count: 1 },
      ],
      [2, 4, 9],
      { completed: 6, failed: 3, missing: 1 },
    ],
    [
      'a failed iteration got its value later',
      [{ first: 5, count: 2 }],
      [4, 5, 7],
      { completed: 8, failed: 1, missing: 1 },
    ],
    [
      'failures lie in, between and beyond the missing ranges',
      [
        { first: 1, count: 1 },
        { first: 3, count: 2 },
        { first: 8, count: 1 },
      ],
      [0, 1, 2, 3, 4, 5, 9],
      { completed: 6, failed: 3, missing: 1 },
    ],
  ])('accounts for every iteration when %s', async (_, missing, failed, account) => {
    const ledger = await readLedger(run, holding(missing, failed));
    expect(ledger).toEqual({ requested: 10, ...account });
    expect(ledger.completed + ledger.failed + ledger.missing).toBe(ledger.requested);
  });
});

describe('the average that is kept', () => {
  const kept = averageOf([1, 2, 4.5]);

  it('is the one that is offered again', () => {
    expect(() => {
      assertSameAverage(run.id, kept, averageOf([1, 2, 4.5]));
    }).not.toThrow();
    const single = averageOf([3]);
    expect(() => {
      assertSameAverage(run.id, single, completeAverage(single));
    }).not.toThrow();
  });

  it.each([
    ['mean', 2.5000000000000004],
    ['standardDeviation', null],
    ['minimum', 0],
    ['maximum', 5],
  ] as const)('is refused when its %s is %p', (figure, other) => {
    const offered = { ...kept, [figure]: other };
    expect(() => {
      assertSameAverage(run.id, kept, offered);
    }).toThrow(
      expect.objectContaining({
        name: 'PersistenceError',
        retryable: false,
        message:
          `run 4 already has an average over 3 values whose ${figure} is ` +
          `${kept[figure]}, not ${other}: its values have been altered since`,
      }) as Error,
    );
  });
});
