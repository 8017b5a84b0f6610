import { InvalidInputError, reachedPrecision, RunId, RunNotFoundError } from '@stepcompute/core';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import { experimentReport, runReport } from '../src/index.js';
import { grid, pricing, storesWithExperiment, storesWithRun } from './pages.js';

const countOf = (page: string, element: string): number => page.split(`<${element}`).length - 1;

describe('the page of a run', () => {
  it('is the same each time that it is made', async () => {
    const stores = await storesWithRun(pricing, { repetitions: 200, seed: 1 });
    expect(await runReport(stores, 1)).toBe(await runReport(stores, 1));
  });

  it('of a run without a value says so, and why', async () => {
    const stores = await storesWithRun(
      () => {
        throw new TypeError('no quote');
      },
      { repetitions: 10, seed: 1 },
    );
    const page = await runReport(stores, 1);
    expect(page).toContain('The run has no average');
    expect(page).toContain('There are no values to draw.');
    expect(page).toContain('TypeError');
    expect(page).toContain('stepcompute replay 1 0');
    expect(countOf(page, 'svg')).toBe(0);
  });

  it('of a run that failed half-way shows the values that are stored', async () => {
    const stores = await storesWithRun(
      ({ iterationId, random }) => {
        if (iterationId >= 50) throw new Error('no quote');
        return random.normal();
      },
      { repetitions: 100, seed: 1 },
    );
    const page = await runReport(stores, 1);
    expect(page).toContain('of the values that are stored');
    expect(countOf(page, 'svg')).toBe(3);
    expect(page).not.toContain('Quantiles');
  });

  it.each<[string, (iterationId: number) => number, number, number]>([
    ['one value', () => 3, 1, 0],
    ['values all equal', () => 3, 100, 0],
    ['1e-300 and 1e300 beside each other', (i) => (i % 2 === 0 ? 1e-300 : 1e300), 100, 3],
    ['the smallest doubles', (i) => i * Number.MIN_VALUE, 100, 3],
    ['values whose range no double holds', (i) => (i % 2 === 0 ? -1.7e308 : 1.7e308), 100, 0],
    ['whole numbers beyond 2^53', (i) => 2 ** 60 + i * 2 ** 10, 100, 3],
    ['neighbouring doubles', (i) => 1 + (i % 3) * Number.EPSILON, 100, 3],
  ])('draws %s', async (_, generate, repetitions, plots) => {
    const stores = await storesWithRun(({ iterationId }) => generate(iterationId), { repetitions });
    const page = await runReport(stores, 1);
    expect(countOf(page, 'svg')).toBe(plots);
    expect(page).not.toMatch(/NaN|Infinity|undefined|\[object/);
  });

  it('of a run with a goal has the interval that holds at whichever look it ends', async () => {
    const stores = await storesWithRun(({ random }) => random.uniform(), {
      repetitions: 100,
      seed: 1,
      precision: { halfWidth: '5%', maximum: 10_000 },
    });
    const run = await stores.runs.get(RunId.parse(1));
    const value = (await stores.averages.history(run.id)).at(-1)!;
    const { halfWidth, confidenceInterval } = reachedPrecision(run, { value })!;
    const page = await runReport(stores, 1);
    expect(page).toContain(`value="${halfWidth}"`);
    for (const end of confidenceInterval!) expect(page).toContain(`value="${end}"`);
    expect(page).toContain(', 5% of it');
  });

  it('stays below a megabyte with 64 measures', async () => {
    const measures = Array.from(
      { length: 64 },
      (_, place) => `a_measure_of_a_rather_long_name_indeed_${place}`,
    );
    const generate = ({ random }: { random: { normal: () => number } }) =>
      Object.fromEntries(measures.map((name, place) => [name, place * random.normal()]));
    const stores = await storesWithRun({ name: 'many', measures, generate }, { repetitions: 300 });
    expect(Buffer.byteLength(await runReport(stores, 1))).toBeLessThan(1_000_000);
  });

  it('is refused of a run that does not exist', async () => {
    await expect(runReport(inMemoryStores(), 1)).rejects.toThrow(RunNotFoundError);
    await expect(runReport(inMemoryStores(), 1.5)).rejects.toThrow(InvalidInputError);
  });
});

describe('the page of an experiment', () => {
  it('has a heat map for a grid of two parameters, and a part for each scenario', async () => {
    const { stores, runs } = await storesWithExperiment(pricing, grid([90, 110], [0.1, 0.2]));
    const page = await experimentReport(stores, runs);
    expect(page).toBe(await experimentReport(stores, runs.toReversed()));
    expect(page).toContain('Average of price by strike and volatility');
    expect(page).not.toContain('Differences');
    for (const { id } of runs) expect(page).toContain(`id="run-${id}"`);
  });

  it('has a line for a parameter that varies, and differences from a control', async () => {
    const { stores, runs } = await storesWithExperiment(pricing, grid([90, 100, 110], [0.2]));
    const control = runs[0]!.scenario;
    const page = await experimentReport(stores, runs, { control });
    expect(page).toContain('Average of delta by strike');
    expect(page).toContain(`Differences of price from ${control}`);
  });

  it('says which scenarios are not completed', async () => {
    const scenarios = [{ name: 'good' }, { name: 'bad', parameters: { isBad: true } }];
    const { stores, runs } = await storesWithExperiment(
      {
        name: 'some fail',
        parameters: { isBad: false },
        generate: ({ random, parameters: { isBad } }) => {
          if (isBad) throw new Error('it is bad');
          return random.normal();
        },
      },
      scenarios,
    );
    const page = await experimentReport(stores, runs, { control: 'good' });
    expect(page).toContain('2 scenarios');
    expect(page).toContain('1 completed');
    expect(page).toContain('it is bad');
    expect(page).toContain('There is nothing to compare');
  });

  it('has parts for the first hundred scenarios, and a row for each', async () => {
    const many = Array.from({ length: 103 }, (_, place) => place);
    const { stores, runs } = await storesWithExperiment(pricing, grid(many, [0.2]));
    const page = await experimentReport(stores, runs);
    expect(countOf(page, 'section>')).toBe(100);
    expect(page).toContain('of the first 100 scenarios');
    expect(page).toContain('strike=102 volatility=0.2');
  });

  it('is refused of runs of none, or of several, and of another control', async () => {
    const { stores, runs } = await storesWithExperiment(pricing, grid([90, 110], [0.2]));
    await expect(experimentReport(stores, [])).rejects.toThrow(/^runs must be/);
    for (const other of [{ experiment: 'another' }, { experimentKey: 'another' }]) {
      const mixed = [...runs, { ...runs[0]!, ...other }];
      await expect(experimentReport(stores, mixed)).rejects.toThrow(/^runs must be/);
    }
    await expect(experimentReport(stores, runs, { control: 'none' })).rejects.toThrow(
      /^control must be one of the scenarios/,
    );
    await expect(experimentReport(stores, runs, { contrl: '' } as never)).rejects.toThrow(
      InvalidInputError,
    );
  });
});
