import {
  averageOf,
  defineSimulation,
  InProcessOrchestrator,
  reportOf,
  type AnySimulation,
} from '@stepcompute/core';
import { inMemoryStores } from '../src/inmemory-stores.js';
import { partialResultOf, simulate } from '../src/simulate.js';

const dice = defineSimulation({
  name: 'two dice',
  measures: ['sum', 'highest'],
  generate({ random }) {
    const [first, second] = [random.integer(1, 6), random.integer(1, 6)];
    return { sum: first + second, highest: Math.max(first, second) };
  },
});
const request = { repetitions: 500, seed: 42 };

describe('a simulation of several measures', () => {
  it('has every value and an average of each, the first of which is the run’s', async () => {
    const { run, average, averages, values, valuesOf } = await simulate(dice, request);
    expect(run.measures).toEqual(['sum', 'highest']);
    expect(Object.keys(averages)).toEqual(['sum', 'highest']);
    expect(averages).toEqual({
      sum: averageOf(valuesOf.sum),
      highest: averageOf(valuesOf.highest),
    });
    expect(average).toEqual(averages.sum);
    expect(values).toEqual(valuesOf.sum);
    expect(averages.highest.mean).toBeCloseTo(161 / 36, 0);
    for (const [index, highest] of valuesOf.highest.entries()) {
      expect(highest).toBeGreaterThanOrEqual(values[index]! / 2);
      expect(highest).toBeLessThan(values[index]!);
    }
  });

  it('gives its first measure the values that it has alone', async () => {
    const alone = await simulate(
      ({ random }) => random.integer(1, 6) + random.integer(1, 6),
      request,
    );
    const { values, average } = await simulate(dice, request);
    expect(values).toEqual(alone.values);
    expect(average).toEqual(alone.average);
    expect(alone.averages).toEqual({ value: average });
    expect(alone.valuesOf).toEqual({ value: values });
  });

  it('may have 64, and may name one alone', async () => {
    const names = Array.from({ length: 64 }, (_, index) => `m${index}`);
    const many = await simulate(
      {
        measures: names,
        generate: ({ random }) =>
          Object.fromEntries(names.map((name, index) => [name, index + random.uniform()])),
      },
      request,
    );
    expect(Object.keys(many.averages)).toEqual(names);
    for (const [index, name] of names.entries()) {
      expect(many.averages[name]).toEqual(averageOf(many.valuesOf[name]!));
      expect(many.averages[name]?.minimum).toBeGreaterThanOrEqual(index);
    }
    const { averages, average } = await simulate(
      { measures: ['wait'], generate: async ({ iterationId }) => ({ wait: iterationId }) },
      { repetitions: 3 },
    );
    expect(averages).toEqual({ wait: averageOf([0, 1, 2]) });
    expect(average).toEqual(averages.wait);
  });

  it('is reported by measure, with the fields of the first beside them', async () => {
    const result = await simulate(dice, request);
    const { sum, highest } = result.averages;
    const { mean: average, minimum: min, maximum: max, method, ...figures } = sum;
    const first = { ...figures, average, min, max };
    const report = reportOf(result);
    expect(report).toMatchObject(first);
    expect(Object.keys(report.measures)).toEqual(['sum', 'highest']);
    expect(report.measures.sum).toEqual(first);
    expect(report.measures.highest?.average).toBe(highest.mean);
    const { run, ledger } = result;
    expect(reportOf({ run, ledger }).measures).toEqual({ sum: null, highest: null });
  });

  it('has types that tie its values to its measures', () => {
    defineSimulation({
      measures: ['payoff', 'delta'],
      // @ts-expect-error: delta is missing
      generate: () => ({ payoff: 1 }),
    });
    defineSimulation({
      measures: ['payoff'],
      // @ts-expect-error: a bare number
      generate: () => 1,
    });
    // @ts-expect-error: measures that are not declared
    defineSimulation({ generate: () => ({ payoff: 1 }) });
    // @ts-expect-error: a text is no number
    defineSimulation({ generate: () => 'one' });
    defineSimulation({
      parameters: { strike: 1 },
      measures: ['payoff', 'delta'],
      generate: async ({ parameters: { strike } }) => ({ payoff: strike, delta: 2 * strike }),
    });
    const bare = defineSimulation({ generate: ({ random }) => random.uniform() });
    const typed = async (): Promise<unknown> => {
      const one = await simulate(bare, request);
      const named: number =
        one.averages.value.mean + (one.valuesOf.value[0] ?? 0) + one.average.mean;
      expect(named).toBeGreaterThan(0);
      const { averages } = await simulate(dice, request);
      // @ts-expect-error: no such measure
      return averages.lowest;
    };
    expect(typed).toBeInstanceOf(Function);
  });

  it.each<[string, unknown, string]>([
    [
      'an object without a declaration',
      { generate: () => ({ a: 1, b: 2 }) },
      "a value must be a finite number, or its simulation must declare measures: ['a', 'b']; the generator returned",
    ],
    [
      'a number',
      { measures: ['a'], generate: () => 1 },
      'a value must be an object of the measure a; the generator returned 1',
    ],
    [
      'nothing',
      { measures: ['a', 'b'], generate: () => undefined },
      'a value must be an object of the measures a, b; the generator returned undefined',
    ],
    [
      'null',
      { measures: ['a', 'b'], generate: async () => null },
      'a value must be an object of the measures a, b; the generator returned null',
    ],
    [
      'a measure that is missing',
      { measures: ['a', 'b'], generate: () => ({ a: 1 }) },
      'measure b is missing: each value must have it; the generator returned undefined',
    ],
    [
      'a measure that is inherited',
      { measures: ['toString'], generate: () => ({}) },
      'measure toString is missing',
    ],
    [
      'a measure that is not declared',
      { measures: ['a'], generate: () => ({ a: 1, c: 3 }) },
      'a value must be an object of the measure a alone, without c; the generator returned 3',
    ],
    [
      'NaN',
      { measures: ['a', 'b'], generate: () => ({ a: 1, b: NaN }) },
      'measure b must be a finite number; the generator returned NaN',
    ],
    [
      'a text',
      { measures: ['a', 'b'], generate: () => ({ a: '1', b: 1 }) },
      'measure a must be a finite number; the generator returned "1"',
    ],
    ['an array', { measures: ['a'], generate: () => [1] }, 'measure a is missing'],
  ])(
    'fails an iteration that answers with %s, and says which measure is wrong',
    async (_, simulation, message) => {
      await expect(simulate(simulation as AnySimulation, { repetitions: 1 })).rejects.toMatchObject(
        {
          name: 'IterationFailedError',
          message: expect.stringContaining(message) as string,
        },
      );
    },
  );

  it.each<[unknown, string]>([
    [[], 'an array of 1 to 64 names'],
    [Array.from({ length: 65 }, (_, index) => `m${index}`), 'an array of 1 to 64 names'],
    ['payoff', 'an array of 1 to 64 names'],
    [['a', 'b', 'a'], 'names that differ from each other; got "a"'],
    [['1a'], 'a measure’s name must be a letter'],
    [['a b'], 'a measure’s name must be a letter'],
    [['a', 7], 'a measure’s name must be a letter'],
    [[, 'a'], 'a measure’s name must be a letter'],
    [['a'.repeat(64)], 'at most 63 characters'],
  ])('refuses %j as measures before anything is begun', async (measures, message) => {
    const simulation = { measures, generate: () => 1 } as AnySimulation;
    await expect(simulate(simulation, { repetitions: 1 })).rejects.toMatchObject({
      name: 'InvalidInputError',
      message: expect.stringContaining(message) as string,
    });
  });

  it('stores −0 of any measure as 0', async () => {
    const { valuesOf } = await simulate(
      { measures: ['a', 'b'], generate: () => ({ a: -0, b: -0 }) },
      { repetitions: 1 },
    );
    expect([...valuesOf.a, ...valuesOf.b]).toEqual([0, 0]);
  });

  it('is refused for a run of other measures, also where a change is accepted', async () => {
    const stores = inMemoryStores();
    const orchestrator = (generator: AnySimulation): InProcessOrchestrator =>
      new InProcessOrchestrator({ generator, stores, simulationVersion: '1' });
    const { run } = await orchestrator(dice).run({ ...request, idempotencyKey: 'dice' });
    const others: AnySimulation[] = [
      { measures: ['highest', 'sum'], generate: dice.generate },
      { measures: ['sum'], generate: () => ({ sum: 1 }) },
      () => 1,
    ];
    for (const other of others) {
      for (const acceptChangedSimulation of [undefined, true]) {
        const change = { repetitions: 600, acceptChangedSimulation };
        await expect(orchestrator(other).resume(run.id, change)).rejects.toMatchObject({
          name: 'ChangedSimulationError',
          message: expect.stringMatching(
            /its measures are sum, highest; at hand: .*\. Go on with the simulation as it was, or begin a new run$/,
          ) as string,
        });
      }
      await expect(
        orchestrator(other).run({ ...request, idempotencyKey: 'dice' }),
      ).rejects.toMatchObject({ name: 'ConflictingRunError' });
    }
    const extended = await orchestrator(dice).resume(run.id, { repetitions: 600 });
    expect(extended.averages).toEqual(
      (await simulate(dice, { ...request, repetitions: 600 })).averages,
    );
  });

  it('is changed when any of its measures comes to another number', async () => {
    const stores = inMemoryStores();
    const orchestrator = (generator: AnySimulation): InProcessOrchestrator =>
      new InProcessOrchestrator({ generator, stores });
    const { run } = await orchestrator(dice).run(request);
    const changed: AnySimulation = {
      ...dice,
      generate: ({ random }) => {
        const sum = random.integer(1, 6) + random.integer(1, 6);
        return { sum, highest: 7 };
      },
    };
    await expect(orchestrator(changed).resume(run.id, { repetitions: 600 })).rejects.toMatchObject({
      name: 'ChangedSimulationError',
      message: expect.stringMatching(
        /iteration 0, generated again, came to 7 of highest, and \d is stored/,
      ) as string,
    });
  });
});

describe('a simulate that fails', () => {
  const failing: AnySimulation = {
    measures: ['a', 'b'],
    generate({ iterationId }) {
      if (iterationId === 3) throw new Error('no value at 3');
      return { a: iterationId, b: 2 * iterationId };
    },
  };

  it('hands over the values that it has', async () => {
    const error: unknown = await simulate(failing, { repetitions: 5, concurrency: 1 }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ name: 'IterationFailedError' });
    const partial = partialResultOf(error);
    expect(partial?.run.status).toBe('failed');
    expect(partial?.ledger).toMatchObject({ requested: 5, completed: 3, failed: 1, missing: 1 });
    expect(partial?.values).toEqual(Float64Array.of(0, 1, 2, NaN, NaN));
    expect(partial?.valuesOf).toEqual({
      a: partial?.values,
      b: Float64Array.of(0, 2, 4, NaN, NaN),
    });
  });

  it('hands them over when it was cancelled, and when they can’t be averaged', async () => {
    const controller = new AbortController();
    const cancelled: unknown = await simulate(
      ({ iterationId }) => {
        if (iterationId === 2) controller.abort();
        return iterationId;
      },
      { repetitions: 5, concurrency: 1, signal: controller.signal },
    ).catch((thrown: unknown) => thrown);
    expect(cancelled).toMatchObject({ name: 'CancelledError' });
    expect(partialResultOf(cancelled)?.values.slice(0, 2)).toEqual(Float64Array.of(0, 1));
    const large: unknown = await simulate(() => Number.MAX_VALUE, { repetitions: 2 }).catch(
      (thrown: unknown) => thrown,
    );
    expect(large).toMatchObject({ name: 'AverageOverflowError' });
    expect(partialResultOf(large)?.values).toEqual(
      Float64Array.of(Number.MAX_VALUE, Number.MAX_VALUE),
    );
  });

  it('has none when nothing was begun', async () => {
    const refused: unknown = await simulate(() => 1, { repetitions: 0 }).catch(
      (thrown: unknown) => thrown,
    );
    expect(refused).toMatchObject({ name: 'InvalidInputError' });
    for (const other of [refused, undefined, 'text', new Error('another')]) {
      expect(partialResultOf(other)).toBeUndefined();
    }
  });
});
