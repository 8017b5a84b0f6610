import {
  InProcessOrchestrator,
  InvalidInputError,
  reachedPrecision,
  RunId,
  RunNotFoundError,
  type Stores,
} from '@stepcompute/core';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import { experimentReport, runReport, valuesToRead } from '../src/index.js';
import { grid, pricing, storesWithExperiment, storesWithRun } from './pages.js';

/** As WCAG has it, of red, green and blue from 0 to 255. */
function luminance(channels: readonly number[]): number {
  const [red, green, blue] = channels.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

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
    ['zero and the smallest double', (i) => (i % 2) * Number.MIN_VALUE, 100, 3],
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

  it.each([
    ['reached', '5%', 'Reached at look 5 of 8'],
    ['not reached', '0.1%', 'Not reached at look 8 of 8'],
  ])('says of a goal whether it is %s', async (_, halfWidth, words) => {
    const stores = await storesWithRun(({ random }) => random.uniform(), {
      repetitions: 100,
      seed: 1,
      precision: { halfWidth, maximum: 10_000 },
    });
    expect(await runReport(stores, 1)).toContain(words);
  });

  it('has as many digits as its values need to be told apart', async () => {
    const stores = await storesWithRun(({ random }) => 1e6 + random.uniform(), {
      repetitions: 1000,
      seed: 1,
    });
    const page = await runReport(stores, 1);
    const texts = page.replaceAll(/<[^>]*>/g, ' ');
    expect(texts).toMatch(/1000000\.\d+\s+to\s+1000000\.\d+/);
    const [, , lower = '', upper = ''] =
      /(its 95 % interval from) (\d+\.\d+) to (\d+\.\d+)/.exec(texts) ?? [];
    expect(Number(lower)).toBeLessThan(Number(upper));
  });

  it('has whole numbers whole', async () => {
    const stores = await storesWithRun(({ random }) => random.integer(1_234_560, 1_234_570), {
      repetitions: 200,
      seed: 1,
    });
    const page = await runReport(stores, 1);
    expect(page).toContain('11 bins from 1234560 to 1234570; the fullest, at 12345');
    expect(page).toContain('The share of the values up to and with each number.');
  });

  it('says where the average lies outside of what is drawn', async () => {
    const stores = await storesWithRun(
      ({ iterationId, random }) => (iterationId % 500 === 0 ? 1e6 : random.uniform()),
      { repetitions: 5000, seed: 1 },
    );
    expect(await runReport(stores, 1)).toMatch(
      /20 bins from 0 to 1; .* 10 more lie above, to 1000000\. The average, 2000\.\d, lies outside\./,
    );
  });

  it('has bars of whole numbers in the middle of whole numbers', async () => {
    const stores = await storesWithRun(({ random }) => random.integer(0, 1), { repetitions: 100 });
    const page = await runReport(stores, 1);
    expect(page).toContain('2 bins from 0 to 1; the fullest, at ');
    const [histogram = ''] = /<svg.*?<\/svg>/s.exec(page) ?? [];
    // Labels of the x axis hang below it.
    const labels = Array.from(histogram.matchAll(/y="0.71em">(\d+)</g), ([, label]) => label);
    expect(labels).toEqual(['0', '1']);
  });

  it('tells the ticks of an axis apart', async () => {
    const stores = await storesWithRun(({ random }) => 1e9 + random.uniform(), {
      repetitions: 1000,
      seed: 1,
    });
    const page = await runReport(stores, 1);
    for (const [, svg = ''] of page.matchAll(/<svg(.*?)<\/svg>/gs)) {
      const labels = Array.from(svg.matchAll(/<text[^>]*>([^<]*)</g), ([, label]) => label);
      expect(labels.length).toBeGreaterThan(4);
      expect(new Set(labels).size).toBe(labels.length);
    }
  });

  it('of a run that was extended and failed says how many values its average is over', async () => {
    const stores = inMemoryStores();
    let isBad = false;
    const orchestrator = new InProcessOrchestrator({
      generator: ({ iterationId, random }) => {
        if (isBad && iterationId >= 150) throw new Error('no quote');
        return random.normal();
      },
      stores,
    });
    const { run, average } = await orchestrator.run({
      repetitions: 100,
      seed: 1,
      experiment: 'grown',
      scenario: 'only',
    });
    expect(await runReport(stores, run.id)).toContain('The dashed line is the average.');
    isBad = true;
    await expect(orchestrator.resume(run.id, { repetitions: 300 })).rejects.toThrow('no quote');
    const page = await runReport(stores, run.id);
    expect(page).toContain('Caution');
    expect(page).not.toContain('The dashed line is the average.');
    const experiment = await experimentReport(stores, await stores.runs.list({}));
    const cells = [average.count, (await stores.failures.ledger(run.id)).completed];
    expect(experiment).toMatch(/stored by now/);
    expect(experiment).toContain(cells.map((each) => `<td>${each}</td>`).join(''));
  });

  it('of a run that goes on while it is read shows all of it', async () => {
    const stores = inMemoryStores();
    const orchestrator = new InProcessOrchestrator({
      generator: ({ random }) => random.normal(),
      stores,
    });
    const { run } = await orchestrator.run({ repetitions: 100, seed: 1 });
    let scans = 0;
    const growing = {
      ...stores,
      values: Object.assign(Object.create(stores.values) as Stores['values'], {
        async *scan(...given: Parameters<Stores['values']['scan']>) {
          yield* stores.values.scan(...given);
          scans += 1;
          if (scans === 1) await orchestrator.resume(run.id, { repetitions: 200 });
        },
      }),
    };
    const page = await runReport(growing, run.id);
    expect(page).toContain('200 values');
    expect(page).toBe(await runReport(stores, run.id));
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
    expect(page).toContain(
      '1 <span class="completed">completed</span>, 1 <span class="failed">failed',
    );
    expect(page).toContain('Without an average: bad.');
    expect(page).toContain('it is bad');
    expect(page).toContain('There is nothing to compare');
  });

  it('has a row for each scenario, and parts for the first ones up to 50 measures', async () => {
    const many = Array.from({ length: 100 }, (_, place) => place);
    const { stores, runs } = await storesWithExperiment(pricing, grid(many, [0.2]));
    const page = await experimentReport(stores, runs);
    expect(countOf(page, 'section>')).toBe(25);
    expect(page).toContain('of the first 25 scenarios');
    expect(page).toContain('strike=99 volatility=0.2');
    expect(Buffer.byteLength(page)).toBeLessThan(1_000_000);
    expect(valuesToRead(runs)).toBe(25 * 500);
    expect(valuesToRead(runs, { control: 'strike=1 volatility=0.2' })).toBe(125 * 500);
  });

  it('stays small with many measures of many scenarios, and says what it leaves out', async () => {
    const measures = Array.from({ length: 64 }, (_, place) => `m${place}`);
    const { stores, runs } = await storesWithExperiment(
      {
        name: 'wide',
        measures,
        generate: ({ random }) =>
          Object.fromEntries(measures.map((name, place) => [name, place * random.normal()])),
      },
      Array.from({ length: 40 }, (_, place) => ({ name: `scenario ${place}` })),
      'wide',
      { repetitions: 50 },
    );
    const page = await experimentReport(stores, runs);
    expect(page).toContain('Shown of 64 measures: the first 12.');
    expect(Buffer.byteLength(page)).toBeLessThan(2_000_000);
  });

  it('has a gap in a line where a scenario has no average', async () => {
    const { stores, runs } = await storesWithExperiment(
      {
        name: 'some fail',
        parameters: { a: 0 },
        generate: ({ parameters: { a }, random }) => {
          if (a === 3) throw new Error('no root');
          return Number(a) + random.normal();
        },
      },
      [1, 2, 3, 4, 5].map((a) => ({ name: `a=${a}`, parameters: { a } })),
    );
    const page = await experimentReport(stores, runs);
    expect(page).toContain('Gaps have no average.');
    const [, line = ''] =
      /<title[^>]*>Average of value by a<.*?class="line"><path d="([^"]*)"/s.exec(page) ?? [];
    expect(line.match(/M/g)).toHaveLength(2);
    // A whisker for each scenario that has an average.
    const [, whiskers = ''] = /class="interval">(.*?)<\/g>/s.exec(page) ?? [];
    expect(whiskers.match(/<line /g)).toHaveLength(4);
  });

  it('tells long names apart, and leaves out numbers that a map has no room for', async () => {
    const long = (place: number): string =>
      `a scenario of a long name, number ${place} of the north`;
    const { stores, runs } = await storesWithExperiment(
      {
        name: 'far',
        parameters: { a: 0, b: 0 },
        generate: ({ random }) => 1e9 + random.uniform(),
      },
      Array.from({ length: 12 }, (_, place) => ({
        name: long(place),
        parameters: { a: place % 6, b: Math.floor(place / 6) },
      })),
    );
    const page = await experimentReport(stores, runs);
    const [map = '', intervals = ''] = page.match(/<svg.*?<\/svg>/gs) ?? [];
    expect(map.match(/<rect /g)).toHaveLength(12);
    expect(map).not.toContain('fill="#000"');
    const names = Array.from(intervals.matchAll(/>([^<]*…[^<]*)</g), ([, name]) => name);
    expect(new Set(names).size).toBe(12);
  });

  it('has every measure of its scenarios, where they differ', async () => {
    const stores = inMemoryStores();
    for (const measures of [['x'], ['x', 'y']]) {
      const generate = ({ random }: { random: { normal: () => number } }) =>
        Object.fromEntries(measures.map((name) => [name, random.normal()]));
      await new InProcessOrchestrator({
        generator: { name: measures.join(), measures, generate },
        stores,
      }).run({ repetitions: 20, experiment: 'both', scenario: measures.join() });
    }
    const runs = await stores.runs.list({ experiment: 'both' });
    const page = await experimentReport(stores, runs, { control: 'x' });
    expect(page).toContain('Averages of y');
    expect(page).toMatch(/Nothing is compared: .*measures of run 1: x; of run 2: x, y/);
  });

  it('says over which iterations a difference is, where some are left out', async () => {
    const { stores, runs } = await storesWithExperiment(
      {
        name: 'some fail',
        parameters: { fails: 0 },
        generate: ({ iterationId, parameters: { fails } }) => {
          if (iterationId < fails) throw new Error('too early');
          return iterationId;
        },
      },
      [{ name: 'none' }, { name: 'some', parameters: { fails: 20 } }],
      'differing',
      { tolerance: 20 },
    );
    const page = await experimentReport(stores, runs, { control: 'none' });
    expect(page).toContain('over the iterations that both have');
    expect(page).toMatch(/left out<\/th>/);
  });

  it('has texts on its heat map that can be read on their cells', async () => {
    const many = Array.from({ length: 6 }, (_, place) => 80 + 8 * place);
    const { stores, runs } = await storesWithExperiment(
      pricing,
      grid(many, [0.1, 0.2, 0.3, 0.4, 0.5]),
    );
    const page = await experimentReport(stores, runs);
    const [, map = ''] =
      /<title[^>]*>Average of price by.*?<\/title>(.*?)<\/svg>/s.exec(page) ?? [];
    const cells = Array.from(
      map.matchAll(/<rect [^>]*fill="rgb\((\d+), (\d+), (\d+)\)"/g),
      (match) => luminance(match.slice(1).map(Number)),
    );
    const texts = Array.from(map.matchAll(/<text [^>]*fill="#(000|fff)"/g), ([, hex]) =>
      hex === 'fff' ? 1 : 0,
    );
    expect([cells.length, texts.length]).toEqual([30, 30]);
    for (const [place, cell] of cells.entries()) {
      const [dark, light] = [cell, texts[place]!].toSorted((one, other) => one - other);
      // WCAG 2.2, 1.4.3.
      expect((light! + 0.05) / (dark! + 0.05)).toBeGreaterThanOrEqual(4.5);
    }
  });

  it('does not let a name turn around the text that it stands in', async () => {
    const { stores, runs } = await storesWithExperiment(pricing, [
      { name: 'plain' },
      { name: '\u202eturned', parameters: { strike: 90 } },
    ]);
    const page = await experimentReport(stores, runs, { control: '\u202eturned' });
    expect(
      page.replaceAll(/\u2068[^\u2069]*\u2069|<bdi>[^<]*<\/bdi>|>[^<]*<\/text>|="[^"]*"/g, ''),
    ).not.toContain('\u202e');
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
