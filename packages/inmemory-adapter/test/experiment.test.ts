import {
  defineSimulation,
  Experiment,
  InProcessOrchestrator,
  ScenariosFailedError,
  type ExperimentRequest,
  type Orchestrator,
  type Run,
  type ScenarioResult,
  type Stores,
} from '@stepcompute/core';
import { inMemoryStores } from '../src/inmemory-stores.js';

/** Its value is a draw, moved by a parameter; some fail. */
const simulation = defineSimulation({
  name: 'moved',
  parameters: { offset: 0, failing: -1 },
  generate({ random, iterationId, parameters: { offset, failing } }) {
    if (iterationId === failing) throw new RangeError(`no value at ${iterationId}`);
    return random.uniform() + offset;
  },
});

const scenarios = [
  { name: 'a', parameters: { offset: 1 } },
  { name: 'b', parameters: { offset: 2 } },
  { name: 'c' },
];
const request: ExperimentRequest = { name: 'offsets', repetitions: 10, seed: 42, scenarios };

let stores: Stores;
let orchestrator: Orchestrator;
let experiment: Experiment;
beforeEach(() => {
  stores = inMemoryStores();
  orchestrator = new InProcessOrchestrator({ generator: simulation, stores });
  experiment = new Experiment({ orchestrator, stores });
});

const run = (changes: Partial<ExperimentRequest> = {}): Promise<readonly ScenarioResult[]> =>
  experiment.run({ ...request, ...changes });
const runsOf = (results: readonly ScenarioResult[]): Run[] => results.map((result) => result.run);
const count = async (): Promise<number> => (await stores.runs.list()).length;

describe('an experiment', () => {
  it('runs each scenario under its name, with the numbers of one seed', async () => {
    const results = await run();
    expect(results.map(({ scenario }) => scenario)).toEqual(['a', 'b', 'c']);
    expect(runsOf(results)).toMatchObject(
      scenarios.map(({ name, parameters }) => ({
        experiment: 'offsets',
        experimentKey: 'offsets',
        scenario: name,
        seed: 42,
        parameters: { offset: 0, failing: -1, ...parameters },
        status: 'completed',
      })),
    );
    const [a = NaN, b, c] = results.map(({ average }) => average.mean);
    expect(a).toBeCloseTo(1 + c!, 12);
    expect(b).toBeCloseTo(2 + c!, 12);
    expect((await stores.runs.list({ experiment: 'offsets' })).length).toBe(3);
    expect(await stores.runs.list({ experiment: 'other' })).toEqual([]);
  });

  it('draws a seed for all of them where none is given, and keeps it', async () => {
    const seeds = runsOf(await run({ seed: undefined })).map(({ seed }) => seed);
    expect(new Set(seeds).size).toBe(1);
    const more = [...scenarios, { name: 'd' }];
    const again = runsOf(await run({ seed: undefined, scenarios: more }));
    expect(again.map(({ seed }) => seed)).toEqual([...seeds, seeds[0]]);
  });

  it('gives independent scenarios seeds of their own, by their names and not by their order', async () => {
    const first = runsOf(await run({ independent: true }));
    const seeds = new Map(first.map(({ scenario, seed }) => [scenario, seed]));
    expect(new Set([42, ...seeds.values()]).size).toBe(4);
    const reversed = { scenarios: scenarios.toReversed(), name: 'reversed', independent: true };
    for (const { scenario, seed } of runsOf(await run(reversed))) {
      expect(seed).toBe(seeds.get(scenario));
    }
    const otherSeed = runsOf(await run({ independent: true, name: 'other', seed: 43 }));
    expect(otherSeed.map(({ seed }) => [...seeds.values()].includes(seed))).toEqual([
      false,
      false,
      false,
    ]);
    // As docs/random-stream.md has it.
    expect(seeds.get('a')).toMatchInlineSnapshot(`4911888413454434`);
    const unseeded = runsOf(await run({ independent: true, name: 'unseeded', seed: undefined }));
    expect(new Set(unseeded.map(({ seed }) => seed)).size).toBe(3);
  });

  it('answers with the same runs under the same name, and with others under another key', async () => {
    const results = await run();
    expect(await run()).toEqual(results);
    expect(await run({ seed: undefined })).toEqual(results);
    const other = await run({ key: 'again' });
    expect(runsOf(other).map(({ id }) => id)).toEqual([4, 5, 6]);
    expect(other.map(({ average }) => average)).toEqual(results.map(({ average }) => average));
    expect(await run({ key: 'again' })).toEqual(other);
  });

  it('has runs of its own beside another of the same key', async () => {
    await run({ key: 'nightly' });
    const other = await run({ name: 'others', key: 'nightly' });
    expect(runsOf(other).map(({ id, experiment }) => [id, experiment])).toEqual([
      [4, 'others'],
      [5, 'others'],
      [6, 'others'],
    ]);
    const longest = 'n'.repeat(100);
    const named = { name: longest, key: 'k'.repeat(100), scenarios: [{ name: longest }] };
    expect(await run(named)).toHaveLength(1);
  });

  it('takes the delay that its engine has settled for the one that was asked for', async () => {
    const settled: Orchestrator = {
      ...orchestrator,
      run: (asked, options) => orchestrator.run({ ...asked, delayMs: 1 }, options),
    };
    const onSettled = new Experiment({ orchestrator: settled, stores });
    const results = await onSettled.run(request);
    expect(runsOf(results).map(({ delayMs }) => delayMs)).toEqual([1, 1, 1]);
    expect(await onSettled.run(request)).toEqual(results);
  });

  it('begins no new scenario with another simulation than that of the others', async () => {
    const versioned = (simulationVersion: string): Experiment =>
      new Experiment({
        orchestrator: new InProcessOrchestrator({
          generator: simulation,
          stores,
          simulationVersion,
        }),
        stores,
      });
    await versioned('1').run(request);
    const changed = versioned('2').run({ ...request, scenarios: [{ name: 'new' }, ...scenarios] });
    await expect(changed).rejects.toMatchObject({ name: 'ConflictingRunError' });
    expect(await count()).toBe(3);
  });

  it('extends its runs to more repetitions, and adds scenarios', async () => {
    const ids = runsOf(await run()).map(({ id }) => id);
    const more = [...scenarios, { name: 'd', parameters: { offset: 4 } }];
    const results = await run({ repetitions: 25, scenarios: more });
    expect(runsOf(results).map(({ id }) => id)).toEqual([...ids, 4]);
    const once = await run({ repetitions: 25, scenarios: more, key: 'once' });
    expect(results.map(({ average }) => average)).toEqual(once.map(({ average }) => average));
    expect(await run({ repetitions: 25, scenarios: more })).toEqual(results);
    expect(await run({ repetitions: 30, scenarios: more.toReversed() })).toMatchObject(
      more.toReversed().map(({ name }) => ({ scenario: name, run: { repetitions: 30 } })),
    );
  });

  it.each<[string, Partial<ExperimentRequest>, string]>([
    [
      'a parameter',
      { scenarios: [{ name: 'a', parameters: { offset: 3 } }, ...scenarios.slice(1)] },
      'scenario a: run 1 has "offset":1, not "offset":3',
    ],
    [
      'a parameter that was not given',
      { scenarios: [scenarios[0]!, scenarios[1]!, { name: 'c', parameters: { offset: 9 } }] },
      'scenario c: run 3 has "offset":0, not "offset":9',
    ],
    ['a scenario less', { scenarios: scenarios.slice(1) }, 'scenario a is not in it any more'],
    [
      'a scenario’s name',
      { scenarios: [{ ...scenarios[0], name: 'A' }, ...scenarios.slice(1)] },
      'scenario a is not in it any more',
    ],
    ['the seed', { seed: 43 }, 'scenario a: run 1 has another seed'],
    ['its independence', { independent: true }, 'scenario a: run 1 has another seed'],
    ['the delay', { delayMs: 1 }, 'scenario a: run 1 has another delayMs'],
    ['the tolerance', { tolerance: 1 }, 'scenario a: run 1 has another tolerance'],
    [
      'the simulation’s name',
      { generatorName: 'other' },
      'scenario a: run 1 has another generatorName',
    ],
    ['a goal', { precision: { halfWidth: 1 } }, 'scenario a: run 1 has another precision'],
    ['fewer repetitions', { repetitions: 9 }, 'scenario a: run 1 has 10 repetitions, not 9'],
  ])('tells of a design that has changed: %s', async (_, changes, difference) => {
    await run();
    const before = await stores.runs.list();
    const error: unknown = await run({ repetitions: 10, ...changes }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ name: 'ChangedDesignError', experiment: 'offsets' });
    expect((error as Error).message).toContain(difference);
    expect(await stores.runs.list()).toEqual(before);
  });

  it.each<[string, object]>([
    ['name', { name: '' }],
    ['name', { name: undefined }],
    ['name', { name: 'a\nb' }],
    ['name', { name: 'a'.repeat(101) }],
    ['key', { key: '' }],
    ['scenarios', { scenarios: [] }],
    ['scenarios', { scenarios: {} }],
    ['scenarios', { scenarios: [{ name: 'a' }, { name: 'a' }] }],
    [
      'scenarios',
      { scenarios: Array.from({ length: 1001 }, (_, index) => ({ name: String(index) })) },
    ],
    ['scenario', { scenarios: [null] }],
    ['scenario', { scenarios: [{}] }],
    ['scenario', { scenarios: [{ name: 'a', params: {} }] }],
    ['parameters', { scenarios: [{ name: 'a', parameters: [1] }] }],
    ['parameters', { scenarios: [{ name: 'a' }, { name: 'b', parameters: { offset: NaN } }] }],
    ['independent', { independent: 'yes' }],
    ['repetitions', { repetitions: 0 }],
    ['seed', { seed: -1 }],
    ['experiment', { idempotencyKey: 'mine' }],
    ['experiment', { parameters: { offset: 1 } }],
    ['half width', { precision: { halfWidth: 0 } }],
  ])('refuses another %s before anything is begun', async (_, changes) => {
    await expect(run(changes)).rejects.toMatchObject({ name: 'InvalidInputError' });
    expect(await count()).toBe(0);
  });

  it('ends no scenario by another’s failure', async () => {
    const failing = [
      { name: 'a', parameters: { failing: 3 } },
      { name: 'b', parameters: { offset: 2 } },
      { name: 'c', parameters: { failing: 5 } },
    ];
    const error: unknown = await run({ scenarios: failing }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ScenariosFailedError);
    const { message, failed, cause } = error as ScenariosFailedError;
    expect(message).toContain(
      '2 of 3 scenarios of experiment "offsets" failed; a: iteration 3 of run 1 failed: ' +
        'no value at 3, at experiment.test.ts:',
    );
    expect(failed.map(({ scenario }) => scenario)).toEqual(['a', 'c']);
    // In the order of the scenarios, though c is begun before a here.
    const more = [failing[2]!, { name: 'd', parameters: { failing: 1 } }];
    await run({ scenarios: more, name: 'more', key: 'more' }).catch(() => undefined);
    const again: unknown = await run({
      scenarios: [failing[0]!, ...more],
      name: 'more',
      key: 'more',
    }).catch((thrown: unknown) => thrown);
    const places = (again as ScenariosFailedError).failed.map(({ scenario }) => scenario);
    expect(places).toEqual(['a', 'c', 'd']);
    expect(cause).toBe(failed[0]!.error);
    const statuses = (await stores.runs.list({ experiment: 'offsets' })).map(
      ({ status }) => status,
    );
    expect(statuses).toEqual(['failed', 'completed', 'failed']);
  });

  it('is stopped as a whole, and taken up where it was', async () => {
    const controller = new AbortController();
    const stopped = experiment.run(request, {
      signal: controller.signal,
      onProgress: ({ completed }, scenario) => {
        if (scenario === 'b' && completed === 0) controller.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ name: 'CancelledError' });
    expect((await stores.runs.list()).map(({ status }) => status)).toEqual([
      'cancelled',
      'completed',
    ]);
    const results = await run();
    expect(runsOf(results).map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(results.map(({ ledger }) => ledger.completed)).toEqual([10, 10, 10]);
  });

  it('ends at once with what no scenario would escape', async () => {
    const broken: Orchestrator = {
      run: () => Promise.reject(new TypeError('out of order')),
      resume: () => Promise.reject(new TypeError('out of order')),
    };
    const lanes = new Experiment({ orchestrator: broken, stores, concurrency: 2 });
    await expect(lanes.run(request)).rejects.toThrow('out of order');
  });

  it('works on as many scenarios at a time as it is told', async () => {
    let atWork = 0;
    let most = 0;
    const counted: Orchestrator = {
      ...orchestrator,
      async run(asked, options) {
        most = Math.max(most, (atWork += 1));
        const result = await orchestrator.run(asked, options);
        atWork -= 1;
        return result;
      },
    };
    const many = { ...request, scenarios: 'a b c d e f g'.split(' ').map((name) => ({ name })) };
    const results = await new Experiment({ orchestrator: counted, stores, concurrency: 3 }).run(
      many,
    );
    expect(most).toBe(3);
    expect(results.map(({ scenario }) => scenario).join('')).toBe('abcdefg');
    for (const concurrency of [0, 1.5]) {
      expect(() => new Experiment({ orchestrator, stores, concurrency })).toThrow('concurrency');
    }
  });

  it('goes on with each scenario until it is precise enough', async () => {
    const precision = { halfWidth: 0.1 };
    const results = await run({ precision });
    const repetitions = runsOf(results).map((each) => each.repetitions);
    expect(repetitions).toEqual([repetitions[0], repetitions[0], repetitions[0]]);
    expect(repetitions[0]).toBeGreaterThan(10);
    expect(await run({ precision })).toEqual(results);
  });
});
