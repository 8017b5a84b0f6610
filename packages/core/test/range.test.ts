import fc from 'fast-check';
import { IterationId, Repetitions, RunId } from '../src/run/numbers.js';
import { blockSizeFor, blocksOf, type RunPlan } from '../src/run/plan.js';
import { IterationRange, iterationsOf, without } from '../src/run/range.js';
import { parseRunRequest } from '../src/run/request.js';

const smallRuns = fc.integer({ min: 1, max: 500 }).map((count) => Repetitions.parse(count));
const runs = fc.integer({ min: 1, max: 1e9 }).map((count) => Repetitions.parse(count));

function refusalOf(action: () => unknown): { name: string; message: string } {
  try {
    action();
  } catch (thrown) {
    const { name, message } = thrown as Error;
    return { name, message };
  }
  throw new Error('nothing was thrown');
}

describe('an iteration id', () => {
  it('is an integer from 0 to 999 999 999', () => {
    fc.assert(
      fc.property(fc.nat({ max: 999_999_999 }), (value) => {
        expect(IterationId.parse(value)).toBe(value);
      }),
    );
    expect(IterationId.parse(999_999_999)).toBe(999_999_999);
  });

  it.each([-1, 0.5, 1_000_000_000, NaN, '0', null])('is not %p', (value) => {
    expect(refusalOf(() => IterationId.parse(value))).toMatchObject({
      name: 'InvalidInputError',
      message: expect.stringMatching(
        /^iteration id must be an integer from 0 to 999999999; got /,
      ) as string,
    });
  });
});

describe('a range', () => {
  it('is any piece of the largest run', () => {
    const pieces = fc
      .nat({ max: 999_999_999 })
      .chain((first) =>
        fc.integer({ min: 1, max: 1e9 - first }).map((count) => ({ first, count })),
      );
    fc.assert(
      fc.property(pieces, (piece) => {
        expect(IterationRange.parse(piece)).toEqual(piece);
      }),
    );
    expect(IterationRange.parse({ first: 0, count: 1e9 })).toEqual({ first: 0, count: 1e9 });
    expect(IterationRange.parse({ first: 999_999_999, count: 1 }).count).toBe(1);
  });

  it('keeps nothing but its two numbers', () => {
    expect(IterationRange.parse({ first: 1, count: 2, last: 2 })).toEqual({ first: 1, count: 2 });
  });

  it.each([
    [undefined, 'range must be an object {first, count}; got undefined'],
    [null, 'range must be an object {first, count}; got null'],
    [5, 'range must be an object {first, count}; got 5'],
    [{}, 'iteration id must be an integer from 0 to 999999999; got undefined'],
    [[0, 1], 'iteration id must be an integer from 0 to 999999999; got undefined'],
    [{ first: -1, count: 1 }, 'iteration id must be an integer from 0 to 999999999; got -1'],
    [{ first: 0 }, 'range count must be an integer from 1 to 1000000000; got undefined'],
    [{ first: 0, count: 0 }, 'range count must be an integer from 1 to 1000000000; got 0'],
    [{ first: 0, count: 1.5 }, 'range count must be an integer from 1 to 1000000000; got 1.5'],
    [{ first: 0, count: '1' }, 'range count must be an integer from 1 to 1000000000; got "1"'],
    [{ first: 999_999_998, count: 3 }, 'range count must be an integer from 1 to 2; got 3'],
  ])('is not %j', (value, message) => {
    expect(refusalOf(() => IterationRange.parse(value))).toEqual({
      name: 'InvalidInputError',
      message,
    });
  });

  it('covers a whole run from 0 on', () => {
    expect(IterationRange.whole(Repetitions.parse(12))).toEqual({ first: 0, count: 12 });
  });
});

describe('iterations of ranges', () => {
  it('come one by one, in the order of the ranges', () => {
    const ranges = [
      { first: 7, count: 2 },
      { first: 0, count: 1 },
      { first: 3, count: 3 },
    ].map((range) => IterationRange.parse(range));
    expect([...iterationsOf(ranges)]).toEqual([7, 8, 0, 3, 4, 5]);
    expect([...iterationsOf([])]).toEqual([]);
  });

  it('are those in which something is missing, each once and whole', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 40 }),
        (isMissing, size) => {
          const { run } = wholeRun(Repetitions.parse(isMissing.length));
          const present = rangesOf(isMissing.map((missing) => !missing));
          const missing = without([IterationRange.whole(run.repetitions)], present);
          const expected = [...blocksOf(wholeRun(run.repetitions), size)].filter(
            ({ first, count }) => isMissing.slice(first, first + count).some(Boolean),
          );
          expect([...blocksOf({ run, missing }, size)]).toEqual(expected);
        },
      ),
    );
  });

  it('are made only when they are asked for', () => {
    const whole = IterationRange.whole(Repetitions.parse(1e9));
    const ids = iterationsOf([whole]);
    expect([ids.next().value, ids.next().value, ids.next().value]).toEqual([0, 1, 2]);
    const end = IterationRange.parse({ first: 999_999_998, count: 2 });
    expect([...iterationsOf([end])]).toEqual([999_999_998, 999_999_999]);
  });

  it('ask for a range only when the one before is used up', () => {
    const asked: number[] = [];
    function* ranges(): Generator<IterationRange> {
      for (const first of [0, 5]) {
        asked.push(first);
        yield IterationRange.parse({ first, count: 2 });
      }
    }
    const ids = iterationsOf(ranges());
    ids.next();
    ids.next();
    expect(asked).toEqual([0]);
    ids.next();
    expect(asked).toEqual([0, 5]);
  });
});

describe('the blocks of a plan', () => {
  it('hold each iteration of the run once, in order', () => {
    fc.assert(
      fc.property(smallRuns, fc.integer({ min: 1, max: 600 }), (repetitions, size) => {
        expect([...iterationsOf(blocksOf(wholeRun(repetitions), size))]).toEqual(
          Array.from({ length: repetitions }, (_, id) => id),
        );
      }),
    );
  });

  it('start at multiples of their size and are full but for the last', () => {
    fc.assert(
      fc.property(smallRuns, fc.integer({ min: 1, max: 600 }), (repetitions, size) => {
        const blocks = [...blocksOf(wholeRun(repetitions), size)];
        expect(blocks.map(({ first }) => first)).toEqual(blocks.map((_, k) => k * size));
        expect(blocks.slice(0, -1).every(({ count }) => count === size)).toBe(true);
        expect(blocks.at(-1)?.count).toBe(repetitions - (blocks.length - 1) * size);
        expect(blocks.at(-1)?.count).toBeGreaterThan(0);
      }),
    );
  });

  it('are those in which something is missing, each once and whole', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 40 }),
        (isMissing, size) => {
          const { run } = wholeRun(Repetitions.parse(isMissing.length));
          const present = rangesOf(isMissing.map((missing) => !missing));
          const missing = without([IterationRange.whole(run.repetitions)], present);
          const expected = [...blocksOf(wholeRun(run.repetitions), size)].filter(
            ({ first, count }) => isMissing.slice(first, first + count).some(Boolean),
          );
          expect([...blocksOf({ run, missing }, size)]).toEqual(expected);
        },
      ),
    );
  });

  it('are made only when they are asked for', () => {
    const blocks = blocksOf(wholeRun(Repetitions.parse(1e9)), 1);
    expect([blocks.next().value, blocks.next().value]).toEqual([
      { first: 0, count: 1 },
      { first: 1, count: 1 },
    ]);
  });

  it.each([0, -1, 1.5, NaN, 1_000_000_001])('refuse the size %p', (size) => {
    expect(refusalOf(() => [...blocksOf(wholeRun(Repetitions.parse(10)), size)])).toEqual({
      name: 'InvalidInputError',
      message: `block size must be an integer from 1 to 1000000000; got ${size}`,
    });
  });
});

describe('block size', () => {
  it('needs no more blocks than allowed, and is the smallest that does', () => {
    fc.assert(
      fc.property(runs, fc.integer({ min: 1, max: 1e9 }), (repetitions, maximum) => {
        const size = blockSizeFor(repetitions, maximum);
        const blocksNeeded = (blockSize: number): bigint =>
          (BigInt(repetitions) + BigInt(blockSize) - 1n) / BigInt(blockSize);
        expect(blocksNeeded(size)).toBeLessThanOrEqual(BigInt(maximum));
        if (size > 1) expect(blocksNeeded(size - 1)).toBeGreaterThan(BigInt(maximum));
      }),
    );
  });

  it('agrees with the blocks that it is for', () => {
    fc.assert(
      fc.property(smallRuns, fc.integer({ min: 1, max: 100 }), (repetitions, maximum) => {
        const size = blockSizeFor(repetitions, maximum);
        expect([...blocksOf(wholeRun(repetitions), size)].length).toBeLessThanOrEqual(maximum);
      }),
    );
  });

  it.each([0, -1, 1.5, NaN])('refuses at most %p blocks', (maximum) => {
    expect(refusalOf(() => blockSizeFor(Repetitions.parse(10), maximum))).toEqual({
      name: 'InvalidInputError',
      message: `maximum blocks must be an integer from 1 to 1000000000; got ${maximum}`,
    });
  });
});

describe('ranges without others', () => {
  const flags = fc.array(fc.boolean(), { maxLength: 60 });

  it('hold what is in the ones and not in the others', () => {
    fc.assert(
      fc.property(flags, flags, (mine, theirs) => {
        const left = without(rangesOf(mine), rangesOf(theirs));
        const kept = mine.map((isMine, id) => isMine && theirs[id] !== true);
        expect([...iterationsOf(left)]).toEqual([...iterationsOf(rangesOf(kept))]);
      }),
    );
  });

  it('are as few as there can be within one range', () => {
    fc.assert(
      fc.property(flags, (theirs) => {
        const whole = IterationRange.whole(Repetitions.parse(theirs.length + 1));
        const kept = [...theirs.map((isTheirs) => !isTheirs), true];
        expect(without([whole], rangesOf(theirs))).toEqual(rangesOf(kept));
      }),
    );
  });
});

/** A plan of a run of which nothing is stored. */
function wholeRun(repetitions: Repetitions): RunPlan {
  const run = { ...parseRunRequest({ repetitions }), ...ended };
  return { run, missing: [IterationRange.whole(repetitions)] };
}

const ended = {
  id: RunId.parse(1),
  status: 'started',
  startedAt: new Date(0),
  finishedAt: undefined,
} as const;

/** The maximal ranges of the indices that are true. */
function rangesOf(flags: readonly boolean[]): IterationRange[] {
  const ranges: IterationRange[] = [];
  let from = 0;
  for (const [index, flag] of [...flags, false].entries()) {
    if (flag) continue;
    const range = IterationRange.between(from, index);
    if (range !== undefined) ranges.push(range);
    from = index + 1;
  }
  return ranges;
}
