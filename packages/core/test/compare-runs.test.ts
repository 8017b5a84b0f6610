import fc from 'fast-check';
import { compareRuns, type RunComparison } from '../src/analysis/compare-runs.js';
import { IterationId, Seed } from '../src/run/numbers.js';
import { RandomStream } from '../src/simulation/random-stream.js';
import { averageOf } from '../src/statistics/averaging.js';
import { studentTQuantile } from '../src/statistics/student-t.js';
import { times } from '../../../testing/exhaustive.js';
import { KeptRuns } from './kept-runs.js';

async function onlyComparison(kept: KeptRuns, control = 1, run = 2): Promise<RunComparison> {
  const { comparisons } = await compareRuns(kept, [control, run]);
  expect(comparisons).toHaveLength(1);
  return comparisons[0]!;
}

/** Two samples whose comparison is known from elsewhere. */
const some = [
  27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4,
];
const others = [
  27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 28.0, 21.0,
];

function expectClose(actual: readonly number[] | null, expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  actual?.forEach((number, index) => {
    expect(Math.abs(number - expected[index]!)).toBeLessThan(1e-12);
  });
}

describe('two runs of one seed', () => {
  it('are paired by iteration, the difference being run less control', async () => {
    const kept = new KeptRuns();
    kept.add({ values: [1, 2, 4] });
    kept.add({ values: [2, 2, 7] });
    const { mean, standardError, confidenceInterval } = averageOf([1, 0, 3]);
    const [a, b, d] = [
      [1, 2, 4],
      [2, 2, 7],
      [1, 0, 3],
    ].map((values) => averageOf(values).standardDeviation! ** 2);
    expect(await onlyComparison(kept)).toEqual({
      measure: 'value',
      control: 1,
      run: 2,
      difference: mean,
      standardError,
      degreesOfFreedom: 2,
      confidenceInterval,
      simultaneousInterval: confidenceInterval,
      pairs: 3,
      leftOut: 0,
      varianceRatio: expect.closeTo((a! + b!) / d!, 12) as number,
      isDistinguishable: false,
    });
  });

  it('have the interval of a paired t-test', async () => {
    const kept = new KeptRuns();
    kept.add({ values: some });
    kept.add({ values: some.map((value, i) => value + 0.5 * (i % 4) - 0.3) });
    // scipy 1.17.1: stats.ttest_rel(…).confidence_interval(0.95), and (0.99).
    const { comparisons } = await compareRuns(kept, [1, 2]);
    expectClose(comparisons[0]!.confidenceInterval, [0.08954347193861234, 0.7104565280613863]);
    const { comparisons: surer } = await compareRuns(kept, [1, 2], { confidence: 0.99 });
    expectClose(surer[0]!.confidenceInterval, [-0.03089611899575273, 0.8308961189957513]);
  });

  it('are paired where both have a value from code at the same place, and say how many are left out', async () => {
    const kept = new KeptRuns();
    const simulation = [{ version: '1' }, { version: '2' }];
    kept.add({ values: [1, undefined, 3, 4, 5, 6, undefined], simulation, codes: { 4: 1, 5: 1 } });
    kept.add({ values: [3, 4, undefined, 7, 9, 9, undefined, 8], simulation, codes: { 5: 1 } });
    // Iterations 0, 3 and 5; without 1, 2 and 7, which one of them lacks, and 4, of different code.
    const { difference, pairs, leftOut } = await onlyComparison(kept);
    expect({ difference, pairs, leftOut }).toEqual({ difference: 8 / 3, pairs: 3, leftOut: 4 });
  });

  it('have an interval without width where all differences are equal', async () => {
    const kept = new KeptRuns();
    for (const shift of [0, 0.5, 0]) kept.add({ values: [1, 2, 3].map((value) => value + shift) });
    const shifted = await onlyComparison(kept, 1, 2);
    expect(shifted).toMatchObject({
      standardError: 0,
      confidenceInterval: [0.5, 0.5],
      simultaneousInterval: [0.5, 0.5],
      varianceRatio: null,
      isDistinguishable: true,
    });
    expect(await onlyComparison(kept, 1, 3)).toMatchObject({
      confidenceInterval: [0, 0],
      isDistinguishable: false,
    });
  });

  it('have no interval with a single pair', async () => {
    const kept = new KeptRuns();
    kept.add({ values: [1, 2] });
    kept.add({ values: [4] });
    expect(await onlyComparison(kept)).toMatchObject({
      difference: 3,
      standardError: null,
      degreesOfFreedom: null,
      confidenceInterval: null,
      simultaneousInterval: null,
      pairs: 1,
      leftOut: 1,
      varianceRatio: null,
      isDistinguishable: false,
    });
  });

  it('are refused without any pair', async () => {
    const kept = new KeptRuns();
    kept.add({ values: [1, undefined] });
    kept.add({ values: [undefined, 4] });
    await expect(compareRuns(kept, [1, 2])).rejects.toMatchObject({
      name: 'IncomparableRunsError',
      message:
        "runs 1 and 2 can't be compared: no iteration has a value of both, from the same code",
    });
  });

  it('are refused where a difference leaves the range of a double', async () => {
    const kept = new KeptRuns();
    kept.add({ values: [-1e308] });
    kept.add({ values: [1e308] });
    kept.add({ values: [1e308], seed: 2 });
    for (const run of [2, 3]) {
      const refused = expect(compareRuns(kept, [1, run])).rejects;
      await refused.toMatchObject({ name: 'AverageOverflowError' });
    }
  });
});

describe('two runs of different seeds', () => {
  it('are compared as Welch does', async () => {
    const kept = new KeptRuns();
    kept.add({ values: some, seed: 1 });
    kept.add({ values: others, seed: 2 });
    const compared = await onlyComparison(kept);
    // scipy 1.17.1: stats.ttest_ind(others, some, equal_var=False), its df and confidence_interval(0.95).
    expectClose([compared.degreesOfFreedom!], [28.93070014953367]);
    expectClose(compared.confidenceInterval, [0.8125071134460686, 4.972492886553935]);
    expect(compared).toMatchObject({ pairs: null, leftOut: null, varianceRatio: null });
    expect(compared.difference).toBe(averageOf(others).mean - averageOf(some).mean);
  });

  it('have an interval without width where neither has spread, and none where one has a single value', async () => {
    const kept = new KeptRuns();
    kept.add({ values: [1, 1, 1], seed: 1 });
    kept.add({ values: [3, 3], seed: 2 });
    kept.add({ values: [3], seed: 3 });
    kept.add({ values: [1e-160, 2e-160], seed: 4 });
    expect(await onlyComparison(kept, 1, 2)).toMatchObject({
      confidenceInterval: [2, 2],
      degreesOfFreedom: 1,
      isDistinguishable: true,
    });
    expect(await onlyComparison(kept, 1, 3)).toMatchObject({
      difference: 2,
      confidenceInterval: null,
      degreesOfFreedom: null,
    });
    // The spread of one alone, however small, gives its degrees of freedom.
    const { degreesOfFreedom, standardError } = await onlyComparison(kept, 1, 4);
    expect({ degreesOfFreedom }).toEqual({ degreesOfFreedom: 1 });
    expect(standardError! / 5e-161).toBeCloseTo(1, 4);
  });
});

describe('several runs', () => {
  const kept = new KeptRuns(1000);
  /** Scenario k has the mean of the stream's numbers, shifted by k. */
  const scenario = (k: number, count = 6000): number[] =>
    Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898) * (1 + k / 10) + k / 4);
  const ids = [0, 1, 2, 3].map((k) => kept.add({ values: scenario(k) }).id);

  it('are compared each with each, the first given being the control', async () => {
    const { comparisons } = await compareRuns(kept, [3, 1, 4]);
    expect(comparisons.map(({ control, run }) => [control, run])).toEqual([
      [3, 1],
      [3, 4],
      [1, 4],
    ]);
  });

  it('are compared with a control, wherever it is among them', async () => {
    const { comparisons } = await compareRuns(kept, ids, { control: 3 });
    expect(comparisons.map(({ control, run }) => [control, run])).toEqual([
      [3, 1],
      [3, 2],
      [3, 4],
    ]);
  });

  it('are each read once', async () => {
    kept.scans.fill(0);
    await compareRuns(kept, ids);
    expect(kept.scans).toEqual([1, 1, 1, 1]);
  });

  it('have intervals that hold together, as Bonferroni’s do', async () => {
    const { comparisons, confidence } = await compareRuns(kept, ids, { confidence: 0.9 });
    expect(confidence).toBe(0.9);
    for (const each of comparisons) {
      const t = studentTQuantile(1 - 0.1 / 2 / 6, each.degreesOfFreedom!);
      expectClose(each.simultaneousInterval, [
        each.difference - t * each.standardError!,
        each.difference + t * each.standardError!,
      ]);
    }
  });

  it('are ranked by their means, and say which can’t be told apart', async () => {
    const ranked = new KeptRuns();
    for (const shift of [5, 0, 0.01, 5]) {
      ranked.add({
        values: some.map((value, i) => value + shift + Math.sin(i)),
        seed: 1 + ranked.scans.length,
      });
    }
    const all = await compareRuns(ranked, [1, 2, 3, 4]);
    expect(all.rankings).toEqual({
      value: [
        { run: 2, mean: expect.any(Number) as number, indistinguishable: [3] },
        { run: 3, mean: expect.any(Number) as number, indistinguishable: [2] },
        { run: 1, mean: expect.any(Number) as number, indistinguishable: [4] },
        { run: 4, mean: expect.any(Number) as number, indistinguishable: [1] },
      ],
    });
    expect(all.rankings.value?.[2]?.mean).toBe(
      averageOf(some.map((value, i) => value + 5 + Math.sin(i))).mean,
    );
    // With a control, the others are not compared with each other.
    const { rankings } = await compareRuns(ranked, [1, 2, 3, 4], { control: 1 });
    expect(rankings.value?.map(({ indistinguishable }) => indistinguishable)).toEqual([
      [],
      [],
      [4],
      [1],
    ]);
  });

  it('have comparisons and rankings for each of 64 measures', async () => {
    const measured = new KeptRuns();
    const measures = Array.from({ length: 64 }, (_, place) => `m${place}`);
    for (const shift of [0, 1]) {
      measured.add({
        measures,
        values: [0, 1, 2].map((i) =>
          measures.map((_, place) => i * place + shift * place * (i + 1)),
        ),
      });
    }
    const { comparisons, rankings } = await compareRuns(measured, [1, 2]);
    expect(comparisons.map(({ measure }) => measure)).toEqual(measures);
    expect(Object.keys(rankings)).toEqual(measures);
    for (const [place, { difference }] of comparisons.entries()) expect(difference).toBe(2 * place);
  });
});

/** What the answer says, from plain lists, in the simplest words. */
function directly(
  control: readonly (number | undefined)[],
  run: readonly (number | undefined)[],
): Partial<RunComparison> {
  const all = Array.from({ length: Math.max(control.length, run.length) }, (_, i) => i);
  const both = all.filter((i) => control[i] !== undefined && run[i] !== undefined);
  const one = all.filter((i) => (control[i] === undefined) !== (run[i] === undefined));
  const averaged = averageOf(both.map((i) => run[i]! - control[i]!));
  return {
    difference: averaged.mean,
    standardError: averaged.standardError,
    confidenceInterval: averaged.confidenceInterval,
    pairs: both.length,
    leftOut: one.length,
  };
}

describe('a comparison of paired runs', () => {
  const value = fc.oneof(
    { weight: 4, arbitrary: fc.double({ min: -1e9, max: 1e9, noNaN: true }).map((x) => x + 0) },
    { weight: 1, arbitrary: fc.constant(undefined) },
  );
  const list = fc.array(value, { minLength: 1, maxLength: 40 });

  it('is that of plain lists, when all pairs lie in one block', async () => {
    await fc.assert(
      fc.asyncProperty(list, list, fc.integer({ min: 1, max: 50 }), async (a, b, page) => {
        fc.pre(a.some((each, i) => each !== undefined && b[i] !== undefined));
        const kept = new KeptRuns(page);
        kept.add({ values: a });
        kept.add({ values: b });
        expect(await onlyComparison(kept)).toMatchObject(directly(a, b));
      }),
      { numRuns: times(100, 1000) },
    );
  });

  it('has the same bits whatever comes with a page, over many blocks with gaps', async () => {
    const lists = [1, 2].map((k) =>
      Array.from({ length: 20_000 + 1000 * k }, (_, i) =>
        (i > 5000 && i < 14_000 && k === 1) || i % (7 * k) === 3
          ? undefined
          : Math.sin(i) + k * Math.cos(i * k),
      ),
    );
    const answers = [];
    for (const pageLength of [1, 999, 4096, 5000, 100_000]) {
      const kept = new KeptRuns(pageLength);
      for (const values of lists) kept.add({ values });
      answers.push(await compareRuns(kept, [1, 2]));
    }
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    const { pairs, leftOut, difference } = directly(lists[0]!, lists[1]!);
    expect(answers[0]?.comparisons[0]).toMatchObject({ pairs, leftOut });
    expect(answers[0]?.comparisons[0]?.difference).toBeCloseTo(difference!, 13);
  });
});

describe('runs that can’t be compared', () => {
  const kept = new KeptRuns();
  const add = (run: Partial<Parameters<KeptRuns['add']>[0]>): number =>
    kept.add({ values: [1, 2], ...run }).id;
  const plain = add({ generatorName: 'queue' });
  const otherName = add({ generatorName: 'stack', seed: 2 });
  const first = add({ simulation: [{ version: '1' }], generatorName: 'queue' });
  const same = add({ simulation: [{ version: '1' }, { version: '2' }], generatorName: 'renamed' });
  const second = add({ simulation: [{ version: '2' }], generatorName: 'queue' });
  const forked = add({ simulation: [{ version: '1' }, { version: '3' }] });
  const measured = add({
    measures: ['wait', 'left'],
    values: [
      [1, 2],
      [3, 4],
    ],
    generatorName: 'queue',
  });

  it.each([
    [
      'names, where nothing else tells',
      plain,
      otherName,
      'simulation of run 1: "queue"; of run 2: "stack"',
    ],
    ['fingerprints', first, second, 'simulation of run 3: version 1; of run 5: version 2'],
    [
      'fingerprints that were accepted',
      same,
      forked,
      'simulation of run 4: version 2; of run 6: version 3',
    ],
    ['measures', plain, measured, 'measures of run 1: value; of run 7: wait, left'],
  ])('differ in their %s', async (_, control, run, difference) => {
    await expect(compareRuns(kept, [control, run])).rejects.toMatchObject({
      name: 'IncomparableRunsError',
      code: 'INCOMPARABLE_RUNS',
      message: `runs ${control} and ${run} can't be compared: ${difference}`,
      control,
      run,
    });
  });

  it('are not those whose code is the same, whatever its name, or nothing tells from each other', async () => {
    expect((await onlyComparison(kept, first, same)).pairs).toBe(2);
    expect((await onlyComparison(kept, plain, first)).pairs).toBe(2);
  });

  it('are no matter where they are not compared with each other', async () => {
    const { comparisons } = await compareRuns(kept, [same, first, plain], { control: first });
    expect(comparisons).toHaveLength(2);
  });

  it.each([
    [undefined, {}, 'runs must be the ids of two runs or more; got undefined'],
    [[], {}, 'runs must be the ids of two runs or more; got an array'],
    [[1], {}, 'runs must be the ids of two runs or more; got an array'],
    [[1, 0], {}, 'run id must be an integer from 1 to 2147483647; got 0'],
    [[1, '2'], {}, 'run id must be an integer from 1 to 2147483647; got "2"'],
    [[1, 1], {}, 'runs must be different ones: none is compared with itself; got 1'],
    [[1, 2, 1], {}, 'runs must be different ones: none is compared with itself; got 1'],
    [[1, 2], { control: 3 }, 'control must be one of the runs that are compared; got 3'],
    [[1, 2], { confidence: 95 }, 'confidence must be a number above 0 and below 1; got 95'],
    [[1, 2], { confidence: '0.9' }, 'confidence must be a number above 0 and below 1; got "0.9"'],
    [[1, 2], { confidence: NaN }, 'confidence must be a number above 0 and below 1; got NaN'],
    [
      [1, 2],
      { contol: 1 },
      'options must be an object with control, confidence alone; got "contol"',
    ],
  ])('are none: %p with %p', async (ids, options, message) => {
    const before = [...kept.scans];
    await expect(compareRuns(kept, ids as never, options as never)).rejects.toMatchObject({
      name: 'InvalidInputError',
      message,
    });
    expect(kept.scans).toEqual(before);
  });

  it('are too many', async () => {
    const some = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
    await expect(compareRuns(kept, some(142))).rejects.toThrow(
      'runs must be at most 141 to be compared each with each, or have a control; got 142',
    );
    await expect(compareRuns(kept, some(10_001), { control: 1 })).rejects.toThrow(
      'runs must be at most 10000; got 10001',
    );
  });

  it('do not exist, or are incomplete', async () => {
    await expect(compareRuns(kept, [1, 99])).rejects.toMatchObject({
      name: 'RunNotFoundError',
      runId: 99,
    });
    const incomplete = add({ values: [1, undefined], tolerance: 0, generatorName: 'queue' });
    await expect(compareRuns(kept, [1, incomplete])).rejects.toMatchObject({
      name: 'IncompleteRunError',
      runId: incomplete,
    });
  });
});

describe('runs whose values come while they are compared', () => {
  const values = (shift: number): number[] =>
    Array.from({ length: 300 }, (_, i) => Math.sin(i + shift));
  const filled = (): KeptRuns => {
    const kept = new KeptRuns(100);
    kept.add({ values: values(0).map((value, i) => (i === 7 ? undefined : value)) });
    kept.add({ values: values(1) });
    return kept;
  };

  it('are compared as they are when all were read', async () => {
    const kept = filled();
    let pages = 0;
    kept.afterPage = () => {
      pages += 1;
      if (pages === 4) kept.keep(1, 7, values(0)[7]!);
    };
    expect(await onlyComparison(kept)).toMatchObject(directly(values(0), values(1)));
    expect(kept.scans).toEqual([2, 2]);
  });

  it('are refused when a store never answers with what it counts', async () => {
    const { runs, values: scanned, failures } = filled();
    const counting = {
      ...failures,
      ledger: (id: number) =>
        Promise.resolve({
          requested: 300,
          completed: id === 2 ? 300 : 299.5,
          failed: 0.5,
          missing: 0,
        }),
    };
    await expect(
      compareRuns({ runs, values: scanned, failures: counting }, [1, 2]),
    ).rejects.toMatchObject({
      name: 'PersistenceError',
      message: 'run 1 has 299 values, and its ledger says 299.5',
    });
  });

  it('are let go of when one of them can’t be read', async () => {
    const kept = filled();
    const closed: number[] = [];
    const failing = {
      async *scan(id: number) {
        try {
          yield* kept.values.scan(id as never);
          if (id === 2) throw new Error('lost');
          yield* kept.values.scan(id as never);
        } finally {
          closed.push(id);
        }
      },
    };
    const { runs, failures } = kept;
    await expect(compareRuns({ runs, failures, values: failing as never }, [1, 2])).rejects.toThrow(
      'lost',
    );
    expect(closed.sort()).toEqual([1, 2]);
  });
});

/**
 * The share of experiments is a binomial variate: with a true coverage of c it is below c − 5 · √(c(1 − c) / n) in
 * one of three million choices of the seed, and this seed is fixed.
 */
function least(coverage: number, experiments: number): number {
  return coverage - 5 * Math.sqrt((coverage * (1 - coverage)) / experiments);
}

describe('the intervals of comparisons', () => {
  const experiments = times(500, 10_000);
  const shifts = [0, 0.3, 0.3, 1];

  /** How often the intervals have the true differences: each by itself, and all of an experiment together. */
  async function coverage(
    seedOf: (k: number) => number,
    draw: (common: number, own: number, k: number) => number,
  ): Promise<{ single: number; together: number }> {
    let [single, together] = [0, 0];
    for (let experiment = 0; experiment < experiments; experiment += 1) {
      const random = new RandomStream(Seed.parse(1), IterationId.parse(experiment));
      const common = Array.from({ length: 8 }, () => random.normal());
      const kept = new KeptRuns();
      for (const [k, shift] of shifts.entries()) {
        const values = common.map((each) => shift + draw(each, random.normal(), k));
        kept.add({ values, seed: seedOf(k) });
      }
      const { comparisons } = await compareRuns(kept, [1, 2, 3, 4], { control: 1 });
      const areIn = comparisons.map(({ confidenceInterval, simultaneousInterval, run }) =>
        [confidenceInterval, simultaneousInterval].map(
          (interval) => interval![0] <= shifts[run - 1]! && shifts[run - 1]! <= interval![1],
        ),
      );
      single += areIn.filter(([isIn]) => isIn).length / areIn.length;
      if (areIn.every(([, isIn]) => isIn)) together += 1;
    }
    return { single: single / experiments, together: together / experiments };
  }

  it('hold as often as they say under common random numbers, alone and together', async () => {
    const paired = await coverage(
      () => 1,
      (common, own) => common + 0.3 * own,
    );
    // Of correlated comparisons: an experiment counts as one.
    expect(paired.single).toBeGreaterThan(least(0.95, experiments));
    expect(paired.single).toBeLessThan(1 - least(0.05, experiments));
    expect(paired.together).toBeGreaterThan(least(0.95, experiments));
  });

  it('hold as often as they say of independent runs whose variances differ, alone and together', async () => {
    const welch = await coverage(
      (k) => k + 1,
      (_, own, k) => (1 + k) * own,
    );
    // Welch's degrees of freedom are an approximation, good to a percent with eight values.
    expect(welch.single).toBeGreaterThan(least(0.94, experiments));
    expect(welch.together).toBeGreaterThan(least(0.94, experiments));
  });
});
