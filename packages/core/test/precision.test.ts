import fc from 'fast-check';
import { Orchestration } from '../src/orchestration/orchestration.js';
import { InProcessOrchestrator } from '../src/orchestration/in-process-orchestrator.js';
import { reportOf } from '../src/orchestration/report.js';
import type { Executor, RunResult } from '../src/ports/orchestrator.js';
import { startedRun } from '../src/ports/keeping.js';
import { IterationId, Repetitions, RunId, Seed } from '../src/run/numbers.js';
import { Precision, type PrecisionGoal } from '../src/run/precision.js';
import { iterationsOf } from '../src/run/range.js';
import { parseRunRequest } from '../src/run/request.js';
import { PersistenceError } from '../src/run/run-errors.js';
import type { Run } from '../src/run/run.js';
import { iterationContext, uniformInteger } from '../src/simulation/generator.js';
import { RandomStream, type Random } from '../src/simulation/random-stream.js';
import { completeAverage, type Average } from '../src/statistics/average.js';
import { Averaging, averageOf } from '../src/statistics/averaging.js';
import { binomialProbabilities } from '../src/statistics/binomial.js';
import { nextLook, reachedPrecision } from '../src/statistics/reached-precision.js';
import { AggregateAndStoreValue } from '../src/steps/aggregate-and-store-value.js';
import { RetrieveRunId } from '../src/steps/retrieve-run-id.js';
import { FakeStores } from './fakes.js';

function runOf(precision: PrecisionGoal, first: number, now = first): Run {
  const run = startedRun(RunId.parse(1), parseRunRequest({ repetitions: first, precision }));
  return { ...run, repetitions: Repetitions.parse(now) };
}

/** An average whose values lie evenly about their mean. */
function evenly(count: number, mean: number, standardDeviation: number): Average {
  const figures = { method: null, count, mean, standardDeviation };
  return completeAverage({ ...figures, minimum: mean - 1, maximum: mean + 1 });
}

/** Where the looks are, of a run that never reaches its goal. */
function looksOf(first: number, maximum: number): number[] {
  const looks: number[] = [];
  for (let at: number | undefined = first; at !== undefined;) {
    looks.push(at);
    const run = runOf({ halfWidth: 1e-9, maximum }, first, at);
    at = nextLook(run, { value: evenly(at, 5, 1) });
  }
  return looks;
}

describe('a goal', () => {
  it.each([
    [1, '1'],
    [0.5, '0.5'],
    [1e21, '1e+21'],
    [5e-324, '5e-324'],
    ['2', '2'],
    ['1e-3', '0.001'],
    ['1%', '1%'],
    ['0.50%', '0.5%'],
    ['1E+2%', '100%'],
  ])('reads the half width %j', (halfWidth, text) => {
    const parsed = Precision.parse({ halfWidth }, Repetitions.parse(100));
    expect(parsed).toEqual({ halfWidth: text, confidence: 0.95, maximum: 100_000 });
    expect(Precision.parse(parsed, Repetitions.parse(100))).toEqual(parsed);
  });

  it('has at most as many repetitions as a run can have', () => {
    const { maximum } = Precision.parse({ halfWidth: 1 }, Repetitions.parse(2_000_000));
    expect(maximum).toBe(1_000_000_000);
  });

  it.each([
    ...[0, -0, -1, NaN, Infinity, '0', '0%', '1 %', ' 1', '-1%', '1e400', '1e-400', 'abc', '', '%'],
    ...['1%%', '.5', '1.', '0x1', '1,5', null, undefined, true, {}, [1]],
  ])('refuses the half width %p', (halfWidth) => {
    const precision = { halfWidth } as PrecisionGoal;
    expect(() => parseRunRequest({ repetitions: 100, precision })).toThrow(
      expect.objectContaining({ name: 'InvalidInputError', field: 'half width' }) as Error,
    );
  });

  it.each<[string, number, unknown]>([
    ...[0, 1, 95, -0.5, NaN, '0.95', null].map((confidence): [string, number, unknown] => [
      'confidence',
      100,
      { confidence },
    ]),
    ...[99, 0, -100, 1_000_000_001, 100.5, NaN, Infinity, '1000', null].map(
      (maximum): [string, number, unknown] => ['maximum', 100, { maximum }],
    ),
    ...['', 1, null, 'a'.repeat(5000)].map((measure): [string, number, unknown] => [
      'measure',
      100,
      { measure },
    ]),
    ['repetitions', 1, {}],
  ])('refuses the %s of %d repetitions with %j', (field, repetitions, others) => {
    const precision = { halfWidth: 1, ...(others as object) };
    expect(() => parseRunRequest({ repetitions, precision })).toThrow(
      expect.objectContaining({ name: 'InvalidInputError', field }) as Error,
    );
  });

  it.each([null, 1, '1%', [], true])('is no %j', (precision) => {
    const request = { repetitions: 100, precision: precision as never };
    expect(() => parseRunRequest(request)).toThrow('precision must be an object with halfWidth');
  });

  it('refuses a field that it does not have', () => {
    const precision = { halfWidth: 1, minimum: 10 } as PrecisionGoal;
    expect(() => parseRunRequest({ repetitions: 100, precision })).toThrow('minimum');
  });

  it('refuses a measure that the simulation does not have before anything is allocated', async () => {
    const stores = new FakeStores();
    const precision = { halfWidth: 1, measure: 'wait' };
    await expect(
      new RetrieveRunId(stores).execute({ repetitions: 100, precision }),
    ).rejects.toMatchObject({ name: 'InvalidInputError', field: 'measure', received: 'wait' });
    expect(stores.allocated).toEqual([]);
  });
});

describe('the looks at a run', () => {
  it.each([
    [20, 150, [20, 40, 80, 150]],
    [20, 160, [20, 40, 80, 160]],
    [20, 161, [20, 40, 80, 160, 161]],
    [2, 2, [2]],
    [2, 3, [2, 3]],
    [600_000_000, 1_000_000_000, [600_000_000, 1_000_000_000]],
  ])('of %d to %d repetitions are fixed beforehand', (first, maximum, looks) => {
    expect(looksOf(first, maximum)).toEqual(looks);
  });

  it('double, and end at the maximum, and are as many as each of them says', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 1e6 }),
        fc.integer({ min: 0, max: 1e9 }),
        (first, more) => {
          const maximum = Math.min(first + more, Repetitions.maximum);
          const looks = looksOf(first, maximum);
          expect(looks.slice(0, -1)).toEqual(looks.slice(0, -1).map((_, k) => first * 2 ** k));
          expect(looks).toEqual([...new Set(looks)].toSorted((a, b) => a - b));
          expect(looks.at(-1)).toBe(maximum);
          looks.forEach((at, index) => {
            const run = runOf({ halfWidth: 1, maximum }, first, at);
            const reached = reachedPrecision(run, { value: evenly(at, 5, 1) });
            expect(reached).toMatchObject({ look: index + 1, looks: looks.length });
          });
        },
      ),
    );
  });

  it('end with the first that is precise enough', () => {
    const run = runOf({ halfWidth: 0.3, maximum: 1600 }, 100);
    expect(nextLook(run, { value: evenly(100, 5, 1.2) })).toBe(200);
    expect(nextLook(run, { value: evenly(100, 5, 1) })).toBeUndefined();
  });

  it('are none of a run without a goal', () => {
    const run = startedRun(RunId.parse(1), parseRunRequest({ repetitions: 100 }));
    expect(nextLook(run, { value: evenly(100, 5, 1) })).toBeUndefined();
    expect(reachedPrecision(run, { value: evenly(100, 5, 1) })).toBeUndefined();
  });
});

describe('the interval of a look', () => {
  // Source of t: NIST/SEMATECH e-Handbook 1.3.6.7.2, at 0.995 with 100 degrees of freedom, for 95 % over five looks.
  it('is Student’s, with what the goal leaves outside shared among the looks', () => {
    const run = runOf({ halfWidth: '10%', maximum: 1616 }, 101);
    const reached = reachedPrecision(run, { value: evenly(101, -20, Math.sqrt(101)) });
    expect(reached).toMatchObject({ measure: 'value', confidence: 0.95, look: 1, looks: 5 });
    expect(reached).toMatchObject({ wanted: 2, isReached: false });
    expect(reached?.halfWidth).toBeCloseTo(2.626, 3);
    const [lower, upper] = reached!.confidenceInterval!;
    expect([lower, upper]).toEqual([-20 - reached!.halfWidth!, -20 + reached!.halfWidth!]);
  });

  it('is the average’s own where there is one look', () => {
    const average = evenly(50, 3, 2);
    const reached = reachedPrecision(runOf({ halfWidth: 1, maximum: 50 }, 50), { value: average });
    reached!.confidenceInterval!.forEach((bound, index) => {
      expect(bound).toBeCloseTo(average.confidenceInterval![index]!, 12);
    });
  });

  it('is that of the measure that the goal names', () => {
    const run = { ...runOf({ halfWidth: 1, measure: 'b' }, 100), measures: ['a', 'b'] };
    const reached = reachedPrecision(run, { a: evenly(100, 1, 1), b: evenly(100, 70, 1) });
    expect(reached).toMatchObject({ measure: 'b', wanted: 1, isReached: true });
    expect(reached!.confidenceInterval![0]).toBeGreaterThan(69);
  });

  it('is finite at every confidence below 1', () => {
    const run = runOf({ halfWidth: 1, confidence: 1 - 2 ** -53, maximum: 100_000 }, 100);
    const { halfWidth } = reachedPrecision(run, { value: evenly(100, 5, 1) })!;
    expect(halfWidth).toBeGreaterThan(0.8);
    expect(halfWidth).toBeLessThan(2);
  });

  it.each([
    ['all values are equal', Array.from({ length: 5000 }, () => 0.1)],
    ['there is one value', [7]],
    ['the rarer of two outcomes has come nine times', twoOutcomes(5000, 9)],
    ['the other one is the rarer', twoOutcomes(5000, 4991)],
    ['one value is most of the sum', [...Array.from({ length: 5000 }, (_, i) => i % 7), 1e9]],
  ])('is not taken while %s, and no goal is reached', (_, values) => {
    const average = averageOf(values);
    const run = runOf({ halfWidth: 1e12, maximum: 1e6 }, values.length + 1);
    expect(reachedPrecision(run, { value: average })).toMatchObject({
      halfWidth: null,
      confidenceInterval: null,
      isReached: false,
    });
    expect(nextLook(run, { value: average })).toBe(2 * (values.length + 1));
  });

  it.each([10, 4990])('is taken once the rarer outcome has come ten times: %d of 5000', (count) => {
    const run = runOf({ halfWidth: 0.5 }, 5000);
    const reached = reachedPrecision(run, { value: averageOf(twoOutcomes(5000, count)) });
    expect(reached?.isReached).toBe(true);
  });

  it('is never a share of a mean of 0', () => {
    const run = runOf({ halfWidth: '1000%' }, 100);
    const reached = reachedPrecision(run, { value: evenly(100, 0, 1e-9) });
    expect(reached).toMatchObject({ wanted: 0, isReached: false });
  });
});

function twoOutcomes(length: number, ones: number): number[] {
  return Array.from({ length }, (_, index) => (index < ones ? 1 : 0));
}

const seed = Seed.parse(42);
const valueAt = (iterationId: IterationId): number =>
  uniformInteger(iterationContext({ seed, iterationId }));

/** The average of a run of so many repetitions, without those that fail. */
function expected(repetitions: number, failing: readonly number[] = []): Average {
  const ids = Array.from({ length: repetitions }, (_, id) => id);
  return averageOf(
    ids.filter((id) => !failing.includes(id)).map((id) => valueAt(id as IterationId)),
  );
}

/** It ends with its third look, at 80 repetitions. */
const request = { repetitions: 20, seed: 42, precision: { halfWidth: 100, maximum: 150 } };

describe('a run with a goal', () => {
  let stores: FakeStores;

  beforeEach(() => {
    stores = new FakeStores();
  });

  /** Stores the values of what is missing, but for those that fail. */
  function engine(
    failing: readonly number[] = [],
    before: (asked: readonly number[]) => Promise<void> | void = () => undefined,
  ): Executor {
    return {
      async execute({ run, missing }) {
        const ids = [...iterationsOf(missing)];
        await before(ids);
        const done = ids.filter((id) => !failing.includes(id));
        await stores.values.write(
          run.id,
          done.map((iterationId) => ({ iterationId, value: valueAt(iterationId) })),
        );
        const lost = ids.filter((id) => failing.includes(id));
        await stores.failures.record(
          run.id,
          lost.map((iterationId) => ({ iterationId, errorName: 'E', message: 'm', attempts: 1 })),
        );
      },
    };
  }

  function expectTheEnd({ run, average, ledger }: RunResult): void {
    expect([run.status, run.repetitions, ledger.completed]).toEqual(['completed', 80, 80]);
    expect(average).toEqual(expected(80));
    expect(stores.saved).toEqual([20, 40, 80].map((count) => expected(count)));
  }

  it('does of each look what the one before has not done', async () => {
    const asked: number[][] = [];
    const executor = engine([], (ids) => void asked.push([...ids]));
    expectTheEnd(await new Orchestration({ stores, executor }).run(request));
    expect(asked.map((ids) => [ids[0], ids.length])).toEqual([
      [0, 20],
      [20, 20],
      [40, 40],
    ]);
  });

  it('leaves tolerated failures where they are from look to look', async () => {
    const asked: number[] = [];
    const executor = engine([3, 33], (ids) => void asked.push(...ids));
    const orchestration = new Orchestration({ stores, executor });
    const { run, average, ledger } = await orchestration.run({ ...request, tolerance: 2 });
    expect(run.repetitions).toBe(80);
    expect(ledger).toEqual({ requested: 80, completed: 78, failed: 2, missing: 0 });
    expect(average).toEqual(expected(80, [3, 33]));
    expect(stores.saved.map(({ count }) => count)).toEqual([19, 38, 78]);
    expect(asked).toEqual(Array.from({ length: 80 }, (_, id) => id));
    const looks = stores.saved.map((value) => reachedPrecision(run, { value })?.look);
    expect(looks).toEqual([1, 2, 3]);
  });

  it('is what it was when the third step of a look is delivered again', async () => {
    const { run } = await new RetrieveRunId(stores).execute(request);
    const step = new AggregateAndStoreValue(stores);
    const all = Array.from({ length: 80 }, (_, id) => IterationId.parse(id));
    const write = (first: number, end: number): Promise<void> =>
      stores.values.write(
        run.id,
        all.slice(first, end).map((iterationId) => ({ iterationId, value: valueAt(iterationId) })),
      );
    await write(0, 20);
    expect(await step.execute(run.id, 20)).toEqual(expected(20));
    const second = await stores.runs.get(run.id);
    expect([second.status, second.repetitions]).toEqual(['started', 40]);
    // At once, and while the second look is being done.
    expect(await step.execute(run.id, 20)).toEqual(expected(20));
    await write(20, 33);
    expect(await step.execute(run.id, 20)).toEqual(expected(20));
    expect(await stores.runs.get(run.id)).toBe(second);
    await expect(step.execute(run.id)).rejects.toMatchObject({ name: 'IncompleteRunError' });
    await expect(step.execute(run.id, 40)).rejects.toMatchObject({ name: 'IncompleteRunError' });
    await write(33, 40);
    await step.execute(run.id, 40);
    await write(40, 80);
    expect(await step.execute(run.id, 80)).toEqual(expected(80));
    const ended = await stores.runs.get(run.id);
    expect([ended.status, ended.repetitions]).toEqual(['completed', 80]);
    for (const look of [20, 40, 80]) {
      expect(await step.execute(run.id, look)).toEqual(expected(look));
    }
    expect(await step.execute(run.id)).toEqual(expected(80));
    expect(await stores.runs.get(run.id)).toBe(ended);
    expect(stores.saved).toHaveLength(3);
  });

  it('comes to one end when two processes work on it at once', async () => {
    const two = [engine(), engine()].map((executor) => new Orchestration({ stores, executor }));
    const keyed = { ...request, idempotencyKey: 'k' };
    const results = await Promise.all(two.map((orchestration) => orchestration.run(keyed)));
    results.forEach(expectTheEnd);
    expect(stores.allocated).toHaveLength(1);
  });

  it('is answered from its end when another process has come to it meanwhile', async () => {
    const keyed = { ...request, idempotencyKey: 'k' };
    let others: RunResult | undefined;
    const executor = engine([], async () => {
      others ??= await new Orchestration({ stores, executor: engine() }).run(keyed);
    });
    const result = await new Orchestration({ stores, executor }).run(keyed);
    expectTheEnd(result);
    expect(result).toEqual(others);
  });

  it.each([1, 2])('goes on to the same end after a kill before look %d is left', async (kill) => {
    const reopen = stores.runs.reopen.bind(stores.runs);
    let reopened = 0;
    stores.runs.reopen = (...change) => {
      reopened += 1;
      if (reopened !== kill) return reopen(...change);
      return Promise.reject(new PersistenceError('killed', { retryable: false }));
    };
    const orchestration = new Orchestration({ stores, executor: engine() });
    await expect(orchestration.run(request)).rejects.toThrow('killed');
    const killed = await stores.runs.get(RunId.parse(1));
    expect([killed.status, killed.repetitions]).toEqual(['failed', 20 * kill]);
    expect(stores.saved).toHaveLength(kill);
    expectTheEnd(await orchestration.resume(1));
  });

  it('is cancelled in the middle of a look, and goes on from there to the same end', async () => {
    const controller = new AbortController();
    const orchestrator = new InProcessOrchestrator({
      stores,
      concurrency: 1,
      generator: (context) => {
        if (context.iterationId === 30) controller.abort();
        return uniformInteger(context);
      },
    });
    await expect(orchestrator.run(request, { signal: controller.signal })).rejects.toMatchObject({
      name: 'CancelledError',
      ledger: { requested: 40 },
    });
    const cancelled = await stores.runs.get(RunId.parse(1));
    expect([cancelled.status, cancelled.repetitions]).toEqual(['cancelled', 40]);
    expect(stores.saved).toEqual([expected(20)]);
    expectTheEnd(await orchestrator.resume(1));
  });

  it('has its goal in its report, and what is reached of it', async () => {
    const result = await new Orchestration({ stores, executor: engine() }).run(request);
    const { precision, warning } = reportOf(result);
    expect(precision).toMatchObject({
      goal: '100',
      measure: 'value',
      confidence: 0.95,
      minimum: 20,
      maximum: 150,
      reached: { wanted: 100, look: 3, looks: 4, isReached: true },
    });
    const [lower, upper] = precision!.reached!.confidenceInterval!;
    expect((lower + upper) / 2).toBeCloseTo(result.average.mean, 9);
    expect(warning).toBeNull();
    expect(JSON.parse(JSON.stringify(precision))).toEqual(precision);
  });

  it('has none of it reached in its report while it has no average', () => {
    const run = runOf({ halfWidth: '1%' }, 100);
    const ledger = { requested: 100, completed: 0, failed: 0, missing: 100 };
    expect(reportOf({ run, ledger }).precision).toEqual({
      goal: '1%',
      measure: 'value',
      confidence: 0.95,
      minimum: 100,
      maximum: 100_000,
      reached: null,
    });
  });

  it('does not pass for biased once it has gone on to its next look', () => {
    const run = runOf({ halfWidth: 1 }, 20, 40);
    const ledger = { requested: 40, completed: 20, failed: 0, missing: 20 };
    const { warning } = reportOf({ run, ledger, averages: { value: expected(20) } });
    expect(warning).toBe(
      'the average is over 20 of 40 values, and 20 are stored by now: resume the run to average it again',
    );
  });

  it.each([
    ['is known to ±', twoOutcomes(5000, 2500)],
    ['rests on so few values that its precision can’t be told', twoOutcomes(5000, 3)],
  ])('that ends at its maximum says that its mean %s', (text, values) => {
    const run = {
      ...runOf({ halfWidth: 1e-6, maximum: 5000 }, 5000),
      status: 'completed' as const,
    };
    const ledger = { requested: 5000, completed: 5000, failed: 0, missing: 0 };
    const { warning } = reportOf({ run, ledger, averages: { value: averageOf(values) } });
    expect(warning).toContain(text);
    expect(warning).toContain('its 5000 repetitions');
  });

  it('without a goal has none in its report', async () => {
    const orchestration = new Orchestration({ stores, executor: engine() });
    const { precision } = reportOf(await orchestration.run({ repetitions: 20, seed: 42 }));
    expect(precision).toBeNull();
  });
});

/** docs/precision.md has the same over 10,000 runs each. */
describe('of 300 runs that end by their goals', () => {
  interface Case {
    readonly name: string;
    readonly mean: number;
    readonly draw: (random: Random) => number;
    readonly halfWidth: number | string;
  }
  const rare = (random: Random): number => (random.uniform() < 0.01 ? 1 : 0);

  it.each<Case>([
    { name: 'normal', mean: 1, draw: (random) => random.normal(1, 1), halfWidth: 0.1 },
    { name: 'exponential', mean: 1, draw: (random) => random.exponential(), halfWidth: '10%' },
    { name: 'rare', mean: 0.01, draw: rare, halfWidth: 0.01 },
    { name: 'rare, within as much again', mean: 0.01, draw: rare, halfWidth: 0.02 },
  ])('no fewer hold the true mean than by chance: $name', ({ mean, draw, halfWidth }) => {
    const runs = 300;
    let held = 0;
    for (let each = 1; each <= runs; each += 1) {
      let run = runOf({ halfWidth }, 100);
      const averaging = new Averaging();
      for (;;) {
        for (let id = averaging.count; id < run.repetitions; id += 1) {
          averaging.add(id, draw(new RandomStream(Seed.parse(each), IterationId.parse(id))));
        }
        const averages = { value: averaging.average() };
        const repetitions = nextLook(run, averages);
        if (repetitions === undefined) {
          const reached = reachedPrecision(run, averages);
          const [lower, upper] = reached?.confidenceInterval ?? [NaN, NaN];
          if (lower <= mean && mean <= upper) held += 1;
          break;
        }
        run = { ...run, repetitions };
      }
    }
    // Of intervals that hold with 95 %, so few or fewer do in one case of a thousand.
    expect(binomialProbabilities(held, runs, 0.95).atMost).toBeGreaterThan(0.001);
  });
});
