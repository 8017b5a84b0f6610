import { compareRuns } from '../analysis/compare-runs.js';
import { quantilesOf } from '../analysis/quantiles-of.js';
import { averageOfRun } from '../analysis/average-of-run.js';
import type { Average } from '../statistics/average.js';
import { averageOf, Averaging } from '../statistics/averaging.js';
import { quantileAt, quantileRanks, type Quantile } from '../statistics/quantile.js';
import { messageOf } from '../errors/thrown.js';
import type { IterationFailure, Stores, Swept } from '../ports/stores.js';
import type { RunFilter } from '../run/filter.js';
import { IterationId, Milliseconds, Repetitions, RunId, Seed } from '../run/numbers.js';
import { IterationRange } from '../run/range.js';
import { RunParameters, type JsonObject } from '../run/parameters.js';
import { Precision } from '../run/precision.js';
import {
  parseRunChange,
  parseRunRequest,
  type NewRun,
  type ParsedRequest,
  type RunRequest,
} from '../run/request.js';
import { runStatuses, type Run } from '../run/run.js';
import { Tolerance } from '../run/tolerance.js';
import type { IterationValue } from '../simulation/value.js';
import { RandomStream } from '../simulation/random-stream.js';
import { deleteRun } from '../steps/delete-run.js';
import { assert, assertEqual, assertRejects, type TestRunner } from './assertions.js';

/** The stores that the suite is to test. */
export interface StoresSubject {
  /** Heads the suite's report. */
  readonly name: string;
  /**
   * Asked once per test; may answer with the same stores each time, and with stores that hold other
   * runs: each test allocates its own.
   */
  readonly stores: () => Stores | Promise<Stores>;
}

/** Numbers that expose a store which rounds, reorders its additions, or trips over the range of a double. */
const awkwardValues: readonly (readonly number[])[] = [
  [0.1, 0.2, 0.3, 1e16, -1e16, 0.7],
  [1e308, -1e308, 1e-3].map((value) => value * 1e-155),
  [5e-324, 5e-324],
  [5e-324, 0, 0],
  [1e-162, -1e-162, 3e-162],
  [1.5717277847026285e-162, -1.5717277847026285e-162],
  [1.571727784702629e-162, -1.571727784702629e-162],
  [2 ** 53 - 1, -(2 ** 53 - 1), 1 / 3],
  [-7],
];

/**
 * The behaviour that all stores share; a store is right when it passes.
 * @example
 * testStores({ describe, it }, { name: 'in memory', stores: inMemoryStores });
 */
export function testStores(runner: TestRunner, subject: StoresSubject): void {
  const { describe, it } = runner;

  const allocate = async (
    request: RunRequest,
    measures?: readonly string[],
  ): Promise<{ stores: Stores; run: Run }> => {
    const stores = await subject.stores();
    return { stores, run: await stores.runs.allocate(parseRunRequest(request, { measures })) };
  };
  const filled = async (values: readonly number[]): Promise<{ stores: Stores; run: Run }> => {
    const allocated = await allocate({ repetitions: values.length });
    await allocated.stores.values.write(allocated.run.id, numbered(values));
    return allocated;
  };
  const unknownRun = RunId.parse(RunId.maximum);

  describe(`${subject.name}: run store`, () => {
    it('remembers a run as it was allocated, every field of it', async () => {
      const { runs } = await subject.stores();
      // No field is at its default, and one that is added to NewRun fails to compile here.
      const request: Required<ParsedRequest> = {
        repetitions: Repetitions.parse(1_000_000_000),
        seed: Seed.parse(Number.MAX_SAFE_INTEGER),
        delayMs: Milliseconds.parse(600_000.5, 'delay'),
        parameters: RunParameters.parse({
          b: [1e-300, { z: null, a: "it's “text” \u{1f3b2}" }],
          a: 0.1,
        }),
        generatorName: "it's a “generator” \u{1f3b2}; --",
        tolerance: Tolerance.parse('2.5%'),
        idempotencyKey: uniqueKey(),
        label: 'my “label” \u{1f3b2}',
        precision: Precision.parse(
          { halfWidth: '0.5%', measure: 'delta', confidence: 0.9, maximum: 1_000_000_000 },
          Repetitions.parse(2),
        ),
        experiment: 'my “experiment” \u{1f3b2}',
        experimentKey: "it's another",
        scenario: 'strike=90, \u{1f3b2}',
      };
      const asked: Required<NewRun> = {
        ...request,
        // Another one, so that neither can stand for the other.
        request: {
          ...request,
          repetitions: Repetitions.parse(1),
          delayMs: Milliseconds.parse(1, 'delay'),
          tolerance: Tolerance.none,
        },
        simulation: [{ bundle: 'b'.repeat(64), files: 'f'.repeat(64), isDirty: true }],
        measures: ['payoff', 'delta'],
        versions: { stepcompute: '9.9.9', randomStream: 'dice/1', runtime: null },
      };
      const run = await runs.allocate(asked);
      const { id, startedAt } = run;
      RunId.parse(id);
      assert(startedAt instanceof Date, 'started at must be a Date');
      const expected: Run = { ...asked, id, status: 'started', startedAt, finishedAt: undefined };
      assertSameRun(run, expected, 'the allocated run');
      const kept = await runs.get(id);
      assertSameRun(kept, expected, 'the run read back');
      assert(Object.isFrozen(kept.parameters), 'the parameters must be frozen');
      assertSameRun((await runs.list({ limit: 1 }))[0], expected, 'the listed run');
      assertSameRun(await runs.allocate(asked), expected, 'the run of the repeated key');
      await runs.finish(run, 'failed');
      const reopened = await runs.reopen(id, parseRunChange({}));
      assertSameRun(reopened, expected, 'the reopened run');
    });

    it('adds each simulation that a run accepts to its record, also when several do at once', async () => {
      const { stores, run } = await allocate({ repetitions: 9 });
      const change = (version: string): Promise<Run> =>
        stores.runs.reopen(run.id, { accepted: { version, isDirty: false } });
      const reopened = await change('2');
      assertEqual(reopened.simulation, [{}, { version: '2', isDirty: false }], 'the simulations');
      assertEqual(reopened.request, run.request, 'the request as first asked');
      await Promise.all([change('3'), change('4')]);
      const { simulation } = await stores.runs.get(run.id);
      assertEqual(simulation.slice(0, 2), reopened.simulation, 'the first two');
      assertEqual(
        simulation
          .slice(2)
          .map(({ version }) => version)
          .sort(),
        ['3', '4'],
        'the others',
      );
    });

    it('gives every run its own id, also when many are allocated at once', async () => {
      const stores = await subject.stores();
      const runs = await Promise.all(
        Array.from({ length: 20 }, () => stores.runs.allocate(parseRunRequest({ repetitions: 1 }))),
      );
      assertEqual(new Set(runs.map(({ id }) => id)).size, 20, 'distinct ids');
      for (const { id } of runs) RunId.parse(id);
    });

    it('answers a repeated idempotency key with the first run', async () => {
      const idempotencyKey = uniqueKey();
      const { stores, run } = await allocate({ repetitions: 5, seed: 1, idempotencyKey });
      const again = await Promise.all(
        [1, 2, 3].map((seed) =>
          stores.runs.allocate(parseRunRequest({ repetitions: 5, seed, idempotencyKey })),
        ),
      );
      for (const repeated of again) assertEqual(repeated, run, 'the repeated run');
    });

    it('allocates one run when deliveries of the same key overlap', async () => {
      const stores = await subject.stores();
      const request = parseRunRequest({ repetitions: 5, idempotencyKey: uniqueKey() });
      const runs = await Promise.all(
        Array.from({ length: 8 }, () => stores.runs.allocate(request)),
      );
      assertEqual(new Set(runs.map(({ id }) => id)).size, 1, 'distinct ids');
    });

    it('uses up no id for a repeated idempotency key', async () => {
      const idempotencyKey = uniqueKey();
      const { stores, run } = await allocate({ repetitions: 5, idempotencyKey });
      for (const seed of [1, 2, 3]) {
        await stores.runs.allocate(parseRunRequest({ repetitions: 5, seed, idempotencyKey }));
      }
      const next = await stores.runs.allocate(parseRunRequest({ repetitions: 5 }));
      assertEqual(next.id, run.id + 1, 'the next id');
    });

    it('lists the newest runs first, as many as asked', async () => {
      const { stores, run: older } = await allocate({ repetitions: 1 });
      const newer = await stores.runs.allocate(parseRunRequest({ repetitions: 2 }));
      const listed = await stores.runs.list({ limit: 2 });
      assertEqual(
        listed.map(({ id }) => id),
        [newer.id, older.id],
        'the listed ids',
      );
    });

    it('lists none when asked for none, and refuses what is no number of runs', async () => {
      const { stores } = await allocate({ repetitions: 1 });
      assertEqual(await stores.runs.list({ limit: 0 }), [], 'the listed runs');
      for (const limit of [-1, 0.5, NaN, Infinity, '1' as unknown as number]) {
        await assertRejects(stores.runs.list({ limit }), 'InvalidInputError', { field: 'limit' });
      }
    });

    it('lists the runs that a filter asks for, as many filters as are drawn', async () => {
      const { runs } = await subject.stores();
      const draws = new RandomStream(Seed.parse(16), IterationId.parse(0));
      const oneOf = <T>(items: readonly T[]): T => items[draws.integer(0, items.length - 1)]!;
      // Those of another test have other names.
      const ours = uniqueKey();
      const names = [`${ours} a`, `${ours} b`];
      const labels = [`${ours} it's`, `${ours} "2\\%_"`];
      const parameters: readonly JsonObject[] = [
        {},
        { strike: 110 },
        { strike: '110' },
        { strike: 110, deep: { strike: 90, text: 'x "strike":90 y' } },
        { strike: 90, deep: [1, { b: null, a: 0.1 }] },
        { text: "it's %_\\ “\u{1f3b2}”" },
      ];
      const all: Run[] = [];
      for (let index = 0; index < 24; index += 1) {
        const run = await runs.allocate(
          parseRunRequest({
            repetitions: 1,
            generatorName: oneOf(names),
            label: oneOf([undefined, ...labels]),
            experiment: oneOf([undefined, ...labels]),
            parameters: oneOf(parameters),
          }),
        );
        const status = oneOf(runStatuses);
        if (status !== 'started') await runs.finish(run, status);
        all.unshift(await runs.get(run.id));
      }
      const perhaps = <T>(items: readonly T[]): T | undefined =>
        draws.uniform() < 0.5 ? oneOf(items) : undefined;
      for (let index = 0; index < 60; index += 1) {
        const some = oneOf(all).parameters;
        const filter: RunFilter = {
          // One of these two is always there, so that no run of another test is listed.
          ...(draws.uniform() < 0.5
            ? { generatorName: oneOf(names), label: perhaps(labels) }
            : { generatorName: perhaps(names), label: oneOf(labels) }),
          experiment: perhaps(labels),
          status: perhaps(runStatuses),
          parameters: perhaps([some, Object.fromEntries(Object.entries(some).slice(0, 1))]),
          since: perhaps(all)?.startedAt,
          before: perhaps(all)?.id,
          limit: perhaps([0, 1, 3, 100]),
        };
        const { limit = Infinity } = filter;
        const expected = all.filter((run) => fits(run, filter)).slice(0, limit);
        assertEqual(
          (await runs.list(filter)).map(({ id }) => id),
          expected.map(({ id }) => id),
          `the runs of ${JSON.stringify(filter)}`,
        );
      }
    });

    it('lists all runs where no limit is given, a page at a time where one is', async () => {
      const { stores, run: oldest } = await allocate({ repetitions: 1 });
      const others = [2, 3, 4, 5].map((repetitions) => parseRunRequest({ repetitions }));
      for (const each of others) await stores.runs.allocate(each);
      const all = await stores.runs.list();
      assertEqual(all[4]?.id, oldest.id, 'the fifth run');
      const paged: Run[] = [];
      for (let before: RunId | undefined; paged.length < all.length;) {
        const page = await stores.runs.list({ before, limit: 2 });
        assert(page.length > 0, 'a page must have runs until all were listed');
        paged.push(...page);
        before = page.at(-1)!.id;
      }
      assertEqual(paged, all, 'the pages');
    });

    it('refuses a filter that is not valid', async () => {
      const { runs } = await subject.stores();
      for (const [filter, field] of [
        [{ status: 'done' }, 'status'],
        [{ generatorName: '' }, 'generator name'],
        [{ label: 7 }, 'label'],
        [{ experiment: '' }, 'experiment'],
        [{ parameters: 'strike' }, 'parameters'],
        [{ since: new Date(NaN) }, 'since'],
        [{ since: '2026-11-26' }, 'since'],
        [{ before: 0.5 }, 'run id'],
        [{ state: 'failed' }, 'filter'],
      ] as const) {
        await assertRejects(runs.list(filter as RunFilter), 'InvalidInputError', { field });
      }
    });

    it('records how a run ended, and lets it end otherwise later', async () => {
      const { stores, run } = await allocate({ repetitions: 1 });
      await stores.runs.finish(run, 'failed');
      const failed = await stores.runs.get(run.id);
      assertEqual(failed.status, 'failed', 'status');
      assert(failed.finishedAt instanceof Date, 'finished at must be a Date');
      await stores.runs.finish(run, 'completed');
      assertEqual((await stores.runs.get(run.id)).status, 'completed', 'status');
    });

    it('keeps a completed run completed', async () => {
      const { stores, run } = await allocate({ repetitions: 1 });
      await stores.runs.finish(run, 'completed');
      const completed = await stores.runs.get(run.id);
      await stores.runs.finish(run, 'cancelled');
      await stores.runs.finish(run, 'completed');
      assertEqual(await stores.runs.get(run.id), completed, 'the completed run');
    });

    it('starts a run again, as it was but for what is changed', async () => {
      const { stores, run } = await allocate({
        repetitions: 10,
        seed: 3,
        delayMs: 5,
        tolerance: 1,
      });
      for (const status of ['failed', 'cancelled', 'completed'] as const) {
        await stores.runs.finish(run, status);
        const reopened = await stores.runs.reopen(run.id, parseRunChange({}));
        assertEqual(reopened, run, `the run that was ${status}`);
        assertEqual(await stores.runs.get(run.id), run, 'the run read back');
      }
      const change = { repetitions: 20, delayMs: 7, tolerance: '2.5%' };
      const changed = await stores.runs.reopen(run.id, parseRunChange(change));
      assertEqual({ ...changed, ...change }, changed, 'the changed run');
      assertEqual(changed.seed, 3, 'seed');
      assertEqual(await stores.runs.get(run.id), changed, 'the run read back');
    });

    it('starts a run again only as it is meant, and answers with it as it is', async () => {
      const { stores, run } = await allocate({ repetitions: 10 });
      const change = parseRunChange({ repetitions: 20 });
      const other = { repetitions: Repetitions.parse(9) };
      assertEqual(await stores.runs.reopen(run.id, change, other), run, 'the run of another look');
      const reopened = await stores.runs.reopen(run.id, change, run);
      assertEqual(reopened, { ...run, repetitions: change.repetitions! }, 'the run');
      assertEqual(await stores.runs.reopen(run.id, change, run), reopened, 'the run once more');
      const fewer = parseRunChange({ repetitions: 10 });
      assertEqual(await stores.runs.reopen(run.id, fewer, run), reopened, 'the run, late');
      await stores.runs.finish(reopened, 'failed');
      assertEqual(await stores.runs.reopen(run.id, {}, reopened), reopened, 'one that had failed');
      await stores.runs.finish(reopened, 'completed');
      const completed = await stores.runs.get(run.id);
      const further = parseRunChange({ repetitions: 40 });
      assertEqual(
        await stores.runs.reopen(run.id, further, reopened),
        completed,
        'one that is completed',
      );
      assertEqual(await stores.runs.get(run.id), completed, 'the run read back');
    });

    it('refuses to have fewer repetitions, and changes nothing', async () => {
      const { stores, run } = await allocate({ repetitions: 10 });
      await assertRejects(
        stores.runs.reopen(run.id, parseRunChange({ repetitions: 9, delayMs: 1 })),
        'InvalidInputError',
        { field: 'repetitions', received: 9 },
      );
      assertEqual(await stores.runs.get(run.id), run, 'the run read back');
    });

    it('ignores the end of what a run was before it was extended', async () => {
      const { stores, run } = await allocate({ repetitions: 10 });
      const extended = await stores.runs.reopen(run.id, parseRunChange({ repetitions: 20 }));
      await stores.runs.finish(run, 'completed');
      assertEqual(await stores.runs.get(run.id), extended, 'the run read back');
      await stores.runs.finish(extended, 'completed');
      assertEqual((await stores.runs.get(run.id)).status, 'completed', 'status');
    });

    it('says when a run does not exist', async () => {
      const { runs } = await subject.stores();
      const properties = { runId: unknownRun };
      const unknown = { ...parseRunRequest({ repetitions: 1 }), id: unknownRun };
      await assertRejects(runs.get(unknownRun), 'RunNotFoundError', properties);
      await assertRejects(runs.finish(unknown, 'failed'), 'RunNotFoundError', properties);
      await assertRejects(
        runs.reopen(unknownRun, parseRunChange({})),
        'RunNotFoundError',
        properties,
      );
    });
  });

  describe(`${subject.name}: value store`, () => {
    it('keeps of which code each value is, and counts those of another than the first', async () => {
      const { stores, run } = await allocate({ repetitions: 6 });
      const [first, second, third, fourth] = numbered([0.5, 1.5, 2.5, 3.5]);
      await stores.values.write(run.id, [first!, { ...second!, code: 0 }]);
      await stores.runs.reopen(run.id, { accepted: { version: '2' } });
      await stores.runs.reopen(run.id, { accepted: { version: '3' } });
      const others = [
        { ...third!, code: 2 },
        { ...fourth!, code: 1 },
      ];
      await stores.values.write(run.id, others);
      // The first write wins, with its code.
      await stores.values.write(run.id, [{ ...second!, code: 2 }, third!]);
      const read: IterationValue[] = [];
      for await (const batch of stores.values.read(run.id)) read.push(...batch);
      assertEqual(
        read.map(({ iterationId, value, code = 0 }) => [iterationId, value, code]),
        [
          [0, 0.5, 0],
          [1, 1.5, 0],
          [2, 2.5, 2],
          [3, 3.5, 1],
        ],
        'the values with their codes',
      );
      const ledger = { requested: 6, completed: 4, failed: 0, missing: 2, changed: 2 };
      assertEqual(await stores.failures.ledger(run.id), ledger, 'the ledger');
    });

    it('reads values back in iteration order, to the bit, whatever the order they came in', async () => {
      const { stores, run } = await allocate({ repetitions: 6 });
      const values = [Math.PI, -1 / 3, 5e-324, Number.MAX_VALUE, 0, 1e21];
      const shuffled = [4, 0, 5, 2].map((id) => numbered(values)[id]!);
      await stores.values.write(run.id, shuffled);
      await stores.values.write(
        run.id,
        [3, 1].map((id) => numbered(values)[id]!),
      );
      assertEqual(await collect(stores, run.id), numbered(values), 'the values read back');
    });

    it('reads from the iteration asked for', async () => {
      const { stores, run } = await filled([10, 11, 12, 13]);
      assertEqual(
        await collect(stores, run.id, 2),
        numbered([10, 11, 12, 13]).slice(2),
        'the values read back',
      );
    });

    it('reads many values, each once', async () => {
      const values = Array.from({ length: 25_001 }, (_, index) => index / 7);
      const { stores, run } = await filled(values);
      assertEqual(await collect(stores, run.id), numbered(values), 'the values read back');
      assertEqual(await stores.values.missing(run.id), [], 'the missing ranges');
    });

    it('keeps the first value when an iteration is delivered twice', async () => {
      const { stores, run } = await filled([1, 2, 3]);
      await stores.values.write(run.id, numbered([1, 2, 3]));
      assertEqual(await collect(stores, run.id), numbered([1, 2, 3]), 'the values read back');
    });

    it('refuses a second, different value, naming both, and stores the rest of the batch', async () => {
      const { stores, run } = await allocate({ repetitions: 3 });
      await stores.values.write(run.id, numbered([1.5]));
      await assertRejects(
        stores.values.write(run.id, numbered([2.5, 7])),
        'ConflictingValueError',
        { runId: run.id, iterationId: 0, kept: 1.5, offered: 2.5 },
      );
      assertEqual(await collect(stores, run.id), numbered([1.5, 7]), 'the values read back');
    });

    it('keeps the first of an iteration with all of its measures, and names the one that differs', async () => {
      const { stores, run } = await allocate({ repetitions: 5 }, ['a', 'b', 'c']);
      const [first, second, third] = measured([
        [1.5, -0, Number.MAX_VALUE],
        [2.5, 1 / 3, 5e-324],
        [3.5, 0.1, 7],
      ]);
      await stores.values.write(run.id, [second!, first!]);
      await stores.values.write(run.id, [second!, third!]);
      const other = { ...second!, more: [1 / 3, 8] };
      const conflict = { runId: run.id, iterationId: 1, measure: 'c', kept: 5e-324, offered: 8 };
      const [fifth] = measured([[5, 5, 5]], 4);
      await assertRejects(
        stores.values.write(run.id, [fifth!, other]),
        'ConflictingValueError',
        conflict,
      );
      await assertRejects(
        stores.values.write(run.id, [{ ...second!, value: 9 }]),
        'ConflictingValueError',
        { ...conflict, measure: 'a', kept: 2.5, offered: 9 },
      );
      const kept = [{ ...first!, more: [0, Number.MAX_VALUE] }, second, third, fifth];
      assertEqual(await collect(stores, run.id), kept, 'the values read back');
      assertEqual(await collect(stores, run.id, 2), kept.slice(2), 'those from the third on');
      const zero = (await collect(stores, run.id))[0]?.more?.[0];
      assert(Object.is(zero, 0), 'a measure must be 0, not −0');
    });

    it('keeps of which code a value of several measures is', async () => {
      const { stores, run } = await allocate({ repetitions: 3 }, ['a', 'b']);
      await stores.runs.reopen(run.id, { accepted: { version: '2' } });
      const [first, second] = measured([
        [1, 2],
        [3, 4],
      ]);
      const values = [first!, { ...second!, code: 1 }];
      await stores.values.write(run.id, values);
      assertEqual(await collect(stores, run.id), values, 'the values read back');
    });

    it('refuses a value without a number for each of its run’s measures, and stores nothing of its batch', async () => {
      const [one, two, three] = [[1], [1, 2], [1, 2, 3]].map(
        (numbers) => measured([numbers], 2)[0]!,
      );
      const [fine] = measured([[5, 6]]);
      const { stores, run } = await allocate({ repetitions: 3 }, ['a', 'b']);
      const { stores: others, run: single } = await allocate({ repetitions: 3 });
      for (const [where, id, batch] of [
        [stores, run.id, [fine!, one!]],
        [stores, run.id, [fine!, three!]],
        [stores, run.id, [one!]],
        [stores, run.id, [three!]],
        [others, single.id, [two!]],
        [others, single.id, [one!, two!]],
      ] as const) {
        await assertRejects(where.values.write(id, batch), 'InvalidInputError', {
          field: 'values',
        });
        assertEqual(await collect(where, id), [], 'the values read back');
      }
      // A hole is no number either.
      for (const number of [NaN, Infinity, '1' as unknown as number, undefined]) {
        const more = number === undefined ? new Array<number>(1) : [number];
        await assertRejects(
          stores.values.write(run.id, [fine!, { ...two!, more }]),
          'InvalidValueError',
        );
      }
      assertEqual(await collect(stores, run.id), [], 'the values read back');
    });

    it('reads back many values of 64 measures of the longest numbers, and averages each', async () => {
      const names = Array.from({ length: 64 }, (_, index) => `${'m'.repeat(60)}_${index}`);
      const { stores, run } = await allocate({ repetitions: 3000 }, names);
      const longest = -1.2345678901234567e-300;
      const values = measured(
        Array.from({ length: 2999 }, (_, iteration) =>
          names.map((_, index) => longest * (1 + iteration + index / 64)),
        ),
        1,
      );
      await stores.values.write(run.id, values);
      await stores.values.write(run.id, values.slice(1000));
      assertEqual(await stores.values.missing(run.id), [IterationRange.between(0, 1)], 'missing');
      await stores.values.write(run.id, measured([names.map(() => longest)]));
      const kept = [...measured([names.map(() => longest)]), ...values];
      assertEqual(await collect(stores, run.id), kept, 'the values read back');
      const average = await averageOfRun(stores, run);
      assertEqual(Object.keys(average.more ?? {}), names.slice(1), 'the names');
      names.forEach((name, index) => {
        const own = averageOf(kept.map(({ value, more = [] }) => [value, ...more][index]!));
        assertEqualAverage(index === 0 ? average : average.more?.[name], own);
      });
    });

    it('stores all but the conflicts of a batch of any size, in any order, naming the lowest', async () => {
      const repetitions = 10_500;
      const { stores, run } = await allocate({ repetitions });
      const own = Array.from({ length: repetitions }, (_, index) => index);
      const kept = numbered(own).map((item) =>
        [5, 7, 10_200].includes(item.iterationId) ? { ...item, value: 0.5 } : item,
      );
      await stores.values.write(
        run.id,
        [10_200, 7, 5].map((id) => kept[id]!),
      );
      await assertRejects(
        stores.values.write(run.id, numbered(own).reverse()),
        'ConflictingValueError',
        { runId: run.id, iterationId: 5, kept: 0.5, offered: 5 },
      );
      assertEqual(await collect(stores, run.id), kept, 'the values read back');
    });

    it('keeps a value that a batch holds twice', async () => {
      const { stores, run } = await allocate({ repetitions: 3 });
      await stores.values.write(run.id, at([2, 1, 2, 1]));
      assertEqual(await collect(stores, run.id), at([1, 2]), 'the values read back');
    });

    it('refuses a batch that contradicts itself', async () => {
      const { stores, run } = await allocate({ repetitions: 1 });
      await assertRejects(
        stores.values.write(run.id, [...numbered([1]), ...numbered([2])]),
        'ConflictingValueError',
        { runId: run.id, iterationId: 0, kept: 1, offered: 2 },
      );
    });

    it('keeps one value when writers of the same iterations overlap', async () => {
      const { stores, run } = await allocate({ repetitions: 50 });
      const values = Array.from({ length: 50 }, (_, index) => index);
      await Promise.all(
        [0, 1, 2, 3].map((turn) =>
          stores.values.write(
            run.id,
            turn % 2 === 0 ? numbered(values) : numbered(values).reverse(),
          ),
        ),
      );
      assertEqual(await collect(stores, run.id), numbered(values), 'the values read back');
    });

    it('accepts an empty batch', async () => {
      const { stores, run } = await allocate({ repetitions: 1 });
      await stores.values.write(run.id, []);
      assertEqual(await collect(stores, run.id), [], 'the values read back');
    });

    it('stores −0 as 0', async () => {
      const { stores, run } = await filled([-0]);
      const [only] = await collect(stores, run.id);
      assert(Object.is(only?.value, 0), 'the value must be 0, not −0');
      await stores.values.write(run.id, numbered([-0]));
    });

    it('refuses what is not a finite number, and stores nothing of its batch', async () => {
      for (const value of [NaN, Infinity, -Infinity, '1' as unknown as number]) {
        const { stores, run } = await allocate({ repetitions: 2 });
        await assertRejects(stores.values.write(run.id, numbered([1, value])), 'InvalidValueError');
        assertEqual(await collect(stores, run.id), [], 'the values read back');
      }
    });

    it('refuses an iteration outside its run, and stores nothing of its batch', async () => {
      const { stores, run } = await allocate({ repetitions: 2 });
      for (const iteration of [2, -1, 0.5, NaN, Infinity, '1']) {
        const outside = { iterationId: iteration as IterationId, value: 3 };
        const [first, second] = numbered([1, 2]);
        for (const batch of [
          [first!, second!, outside],
          [second!, outside, first!],
          [outside, first!, second!],
        ]) {
          await assertRejects(stores.values.write(run.id, batch), 'InvalidInputError', {
            field: 'iteration id',
          });
          assertEqual(await collect(stores, run.id), [], 'the values read back');
        }
      }
    });

    it('stores nothing of a batch of any size when one of its iterations lies outside the run', async () => {
      const { stores, run } = await allocate({ repetitions: 10_500 });
      const values = numbered(Array.from({ length: 10_501 }, (_, index) => index));
      await assertRejects(stores.values.write(run.id, values.reverse()), 'InvalidInputError', {
        field: 'iteration id',
        received: 10_500,
      });
      assertEqual(await collect(stores, run.id), [], 'the values read back');
    });

    it('keeps runs apart', async () => {
      const { stores, run: first } = await filled([1, 2]);
      const second = await stores.runs.allocate(parseRunRequest({ repetitions: 2 }));
      await stores.values.write(second.id, numbered([3, 4]));
      assertEqual(await collect(stores, first.id), numbered([1, 2]), 'the first run');
      assertEqual(await collect(stores, second.id), numbered([3, 4]), 'the second run');
    });

    it('lists what is missing as maximal ranges', async () => {
      const { stores, run } = await allocate({ repetitions: 10 });
      const missing = async (): Promise<unknown> => stores.values.missing(run.id);
      assertEqual(await missing(), [{ first: 0, count: 10 }], 'missing from an empty run');
      await stores.values.write(run.id, at([0, 3, 4, 8]));
      assertEqual(
        await missing(),
        [
          { first: 1, count: 2 },
          { first: 5, count: 3 },
          { first: 9, count: 1 },
        ],
        'missing from a run with gaps',
      );
      await stores.values.write(run.id, at([1, 2, 5, 6, 7, 9]));
      assertEqual(await missing(), [], 'missing from a complete run');
    });

    it('lists what is missing within a range', async () => {
      const { stores, run } = await allocate({ repetitions: 10 });
      const missing = async (first: number, count: number): Promise<unknown> =>
        stores.values.missing(run.id, [IterationRange.parse({ first, count })]);
      assertEqual(await missing(4, 3), [{ first: 4, count: 3 }], 'missing from an empty run');
      await stores.values.write(run.id, at([0, 3, 4, 8]));
      assertEqual(await missing(0, 1), [], 'missing from what is stored');
      assertEqual(
        await missing(2, 5),
        [
          { first: 2, count: 1 },
          { first: 5, count: 2 },
        ],
        'missing across gaps',
      );
      assertEqual(await missing(9, 100), [{ first: 9, count: 1 }], 'missing past the end');
      assertEqual(await missing(10, 5), [], 'missing outside the run');
      assertEqual(await missing(50, 5), [], 'missing far outside the run');
    });

    it('lists what is missing within each of several ranges', async () => {
      const { stores, run } = await allocate({ repetitions: 20 });
      const missing = async (...ranges: readonly [number, number][]): Promise<unknown> =>
        stores.values.missing(
          run.id,
          ranges.map(([first, count]) => IterationRange.parse({ first, count })),
        );
      assertEqual(await missing(), [], 'missing from no range');
      await stores.values.write(run.id, at([3, 4, 5, 9, 15]));
      assertEqual(
        await missing([0, 2], [2, 3], [5, 1], [6, 2], [8, 4], [18, 5], [30, 2]),
        [
          { first: 0, count: 2 },
          { first: 2, count: 1 },
          { first: 6, count: 2 },
          { first: 8, count: 1 },
          { first: 10, count: 2 },
          { first: 18, count: 2 },
        ],
        'missing from several ranges',
      );
    });

    it('lists many gaps, in all of the run and within as many ranges', async () => {
      const repetitions = 24_000;
      const { stores, run } = await allocate({ repetitions });
      const isStored = (iteration: number): boolean => iteration % 2 === 1 || iteration % 14 === 0;
      const iterations = Array.from({ length: repetitions }, (_, index) => index);
      await stores.values.write(run.id, at(iterations.filter(isStored)));
      const gaps = iterations
        .filter((iteration) => !isStored(iteration))
        .map((first) => ({ first, count: 1 }));
      assertEqual(await stores.values.missing(run.id), gaps, 'missing from the run');
      const ranges = gaps.map(IterationRange.parse);
      await stores.values.write(run.id, at(ranges.slice(0, 5_000).map(({ first }) => first)));
      assertEqual(
        await stores.values.missing(run.id, ranges),
        gaps.slice(5_000),
        'missing from what was missing',
      );
    });

    it('scans what it reads, in columns, from any iteration on', async () => {
      const { stores, run } = await allocate({ repetitions: 300_000 });
      const iterations = Array.from({ length: 30_000 }, (_, index) =>
        index < 20_000 ? index : index + (index % 7) * 30_000,
      ).sort((a, b) => a - b);
      await stores.values.write(run.id, at(iterations));
      for (const from of [0, 1, 4095, 4096, 19_999, 20_001, 299_999]) {
        const scanned: number[][] = [];
        for await (const { iterationIds, values } of stores.values.scan(
          run.id,
          IterationId.parse(from),
        )) {
          assertEqual(values.length, iterationIds.length, 'the columns’ lengths');
          for (const [index, id] of iterationIds.entries()) scanned.push([id, values[index]!]);
        }
        const expected = iterations.filter((id) => id >= from).map((id) => [id, id]);
        assertEqual(scanned, expected, `the values from ${from} on`);
      }
    });

    it('averages a complete run to the same bits as a loop in iteration order', async () => {
      for (const values of awkwardValues) {
        const { stores, run } = await allocate({ repetitions: values.length });
        await stores.values.write(run.id, numbered(values).reverse());
        assertEqualAverage(await averageOfRun(stores, run), averageOf(values));
      }
    });

    it('averages a long run to the same bits as a loop in iteration order', async () => {
      const values = Array.from(
        { length: 20_000 },
        (_, index) => Math.sin(index) * 10 ** (index % 30),
      );
      const { stores, run } = await filled(values);
      assertEqualAverage(await averageOfRun(stores, run), averageOf(values));
    });

    it('refuses to average an incomplete run', async () => {
      const { stores, run } = await allocate({ repetitions: 3 });
      const average = async (): Promise<unknown> => averageOfRun(stores, run);
      const incomplete = (completed: number): object => ({
        runId: run.id,
        ledger: { requested: 3, completed, failed: 0, missing: 3 - completed },
        tolerated: 0,
      });
      await assertRejects(average(), 'IncompleteRunError', { ...incomplete(0) });
      await stores.values.write(run.id, at([0, 2]));
      await assertRejects(average(), 'IncompleteRunError', { ...incomplete(2) });
    });

    it('calls an incomplete run incomplete even when its values overflow', async () => {
      const { stores, run } = await allocate({ repetitions: 3 });
      await stores.values.write(run.id, numbered([Number.MAX_VALUE, Number.MAX_VALUE]));
      await assertRejects(averageOfRun(stores, run), 'IncompleteRunError', {
        ledger: { requested: 3, completed: 2, failed: 0, missing: 1 },
      });
    });

    it('averages what has a value when the others failed within the tolerance', async () => {
      const { stores, run } = await allocate({ repetitions: 5, tolerance: '40%' });
      await stores.values.write(run.id, [...numbered([0.1, 0.2]), ...at([4])]);
      await stores.failures.record(run.id, failing([2, 3]));
      assertEqualAverage(await averageOfRun(stores, run), averageOf([0.1, 0.2, 4]));
    });

    it('refuses to average while one is missing, or more failed than the run tolerates', async () => {
      const { stores, run } = await allocate({ repetitions: 5, tolerance: 2 });
      const average = async (): Promise<unknown> => averageOfRun(stores, run);
      await stores.values.write(run.id, at([0]));
      await stores.failures.record(run.id, failing([2, 3]));
      await assertRejects(average(), 'IncompleteRunError', {
        ledger: { requested: 5, completed: 1, failed: 2, missing: 2 },
        tolerated: 2,
      });
      await stores.values.write(run.id, at([1]));
      await stores.failures.record(run.id, failing([4]));
      await assertRejects(average(), 'IncompleteRunError', {
        ledger: { requested: 5, completed: 2, failed: 3, missing: 0 },
      });
      await stores.values.write(run.id, at([3]));
      assertEqualAverage(await averageOfRun(stores, run), averageOf([0, 1, 3]));
    });

    it('refuses to average no values at all', async () => {
      const { stores, run } = await allocate({ repetitions: 2, tolerance: '100%' });
      await stores.failures.record(run.id, failing([0, 1]));
      await assertRejects(averageOfRun(stores, run), 'IncompleteRunError', {
        ledger: { requested: 2, completed: 0, failed: 2, missing: 0 },
      });
    });

    it('keeps the values of a run that is extended, and misses the others', async () => {
      const { stores, run } = await filled([1, 2]);
      await stores.runs.reopen(run.id, parseRunChange({ repetitions: 4 }));
      assertEqual(await stores.values.missing(run.id), [{ first: 2, count: 2 }], 'missing');
      await assertRejects(averageOfRun(stores, run), 'IncompleteRunError');
      await stores.values.write(run.id, at([2, 3]));
      assertEqualAverage(await averageOfRun(stores, run), averageOf([1, 2, 2, 3]));
    });

    it('has the quantiles of a sort of its values, of every measure, without those that failed', async () => {
      const asked = [0, 0.05, 0.333, 0.5, 0.95, 1];
      const row = (id: number): number[] => [Math.sin(id) * 10 ** ((id % 40) - 20), id % 3];
      const rows = Array.from({ length: 5000 }, (_, id) => row(id));
      const { stores, run } = await allocate({ repetitions: 5001, tolerance: 1 }, ['wide', 'few']);
      await stores.values.write(run.id, measured(rows));
      await stores.failures.record(run.id, failing([5000]));
      const found = await quantilesOf(stores, run, asked);
      for (const [place, measure] of run.measures.entries()) {
        const column = rows.map((numbers) => numbers[place]!);
        assertEqual(found[measure], quantilesBySorting(column, asked), measure);
      }
    });

    it('has the differences of its runs, iteration by iteration, in the order of iterations', async () => {
      const stores = await subject.stores();
      const value = (id: number, scenario: number): number =>
        Math.sin(id) * 10 ** (id % 9) + scenario / (1 + id);
      const lacks = (id: number, scenario: number): boolean =>
        scenario > 0 && id % 1000 === scenario;
      const ids = Array.from({ length: 9000 }, (_, id) => id);
      const runs: Run[] = [];
      for (const scenario of [0, 1, 2]) {
        const request = { repetitions: ids.length, tolerance: '1%', seed: 7 };
        const run = await stores.runs.allocate(parseRunRequest(request, 'scenarios'));
        const kept = ids.filter((id) => !lacks(id, scenario));
        const rows = kept.map((id) => ({
          iterationId: IterationId.parse(id),
          value: value(id, scenario),
        }));
        await stores.values.write(run.id, rows.toReversed());
        await stores.failures.record(run.id, failing(ids.filter((id) => lacks(id, scenario))));
        runs.push(run);
      }
      const [control, first, second] = runs.map(({ id }) => id);
      const { comparisons } = await compareRuns(stores, [control!, first!, second!], { control });
      for (const [index, comparison] of comparisons.entries()) {
        const averaging = new Averaging();
        const pairs = ids.filter((id) => !lacks(id, index + 1));
        for (const id of pairs) averaging.add(id, value(id, index + 1) - value(id, 0));
        const { mean, standardError, confidenceInterval } = averaging.average();
        const { run, difference, pairs: paired, leftOut } = comparison;
        assertEqual([run, paired, leftOut], [runs[index + 1]!.id, pairs.length, 9], 'the pairs');
        assertEqual(difference, mean, 'the difference');
        assertEqual(comparison.standardError, standardError, 'its standard error');
        assertEqual(comparison.confidenceInterval, confidenceInterval, 'its interval');
      }
    });

    it('says when a sum leaves the range of a double', async () => {
      for (const values of [
        [Number.MAX_VALUE, Number.MAX_VALUE],
        [1e200, -1e200],
      ]) {
        const { stores, run } = await filled(values);
        await assertRejects(averageOfRun(stores, run), 'AverageOverflowError');
      }
    });

    it('says when a run does not exist', async () => {
      const stores = await subject.stores();
      const { values } = stores;
      const properties = { runId: unknownRun };
      await assertRejects(values.write(unknownRun, at([0])), 'RunNotFoundError', properties);
      await assertRejects(values.write(unknownRun, []), 'RunNotFoundError', properties);
      await assertRejects(collect(stores, unknownRun), 'RunNotFoundError', properties);
      await assertRejects(values.missing(unknownRun), 'RunNotFoundError', properties);
      await assertRejects(values.missing(unknownRun, []), 'RunNotFoundError', properties);
      await assertRejects(
        averageOfRun(stores, { id: unknownRun, tolerance: Tolerance.none, measures: ['value'] }),
        'RunNotFoundError',
        properties,
      );
    });
  });

  describe(`${subject.name}: failure store`, () => {
    it('reads failures in iteration order, the latest of each iteration', async () => {
      const { stores, run } = await allocate({ repetitions: 10 });
      const [first, second, third] = failing([7, 3, 7]);
      const latest = { ...third!, message: "it's", errorName: 'RangeError', attempts: 5 };
      await stores.failures.record(run.id, [first!, second!]);
      await stores.failures.record(run.id, [latest]);
      assertEqual(await failuresOf(stores, run.id), [second, latest], 'the failures');
    });

    it('says how many failures stand', async () => {
      const { stores, run } = await allocate({ repetitions: 10 });
      assertEqual(await stores.failures.record(run.id, failing([7, 3])), 2, 'after two');
      assertEqual(await stores.failures.record(run.id, failing([7, 4, 5])), 4, 'after two others');
      await stores.values.write(run.id, at([3, 4]));
      assertEqual(await stores.failures.record(run.id, failing([4])), 2, 'after two got values');
      assertEqual(await stores.failures.record(run.id, []), 2, 'after none');
    });

    it('lets a value take its failure’s place', async () => {
      const { stores, run } = await allocate({ repetitions: 10 });
      await stores.failures.record(run.id, failing([3, 5, 7]));
      await stores.values.write(run.id, at([5]));
      assertEqual(await failuresOf(stores, run.id), failing([3, 7]), 'the failures');
    });

    it('forgets failures', async () => {
      const { stores, run } = await allocate({ repetitions: 10 });
      await stores.failures.record(run.id, failing([3, 5, 7, 9]));
      await stores.failures.clear(run.id);
      assertEqual(await failuresOf(stores, run.id), [], 'after all are forgotten');
      await stores.failures.clear(run.id);
    });

    it('keeps the failures of runs apart', async () => {
      const { stores, run: first } = await allocate({ repetitions: 10 });
      const second = await stores.runs.allocate(parseRunRequest({ repetitions: 10 }));
      await stores.failures.record(first.id, failing([1]));
      assertEqual(await stores.failures.record(second.id, failing([2])), 1, 'how many stand');
      await stores.failures.clear(second.id);
      assertEqual(await failuresOf(stores, first.id), failing([1]), 'the first run’s');
    });

    it('records many failures at once, whatever their messages hold', async () => {
      const { stores, run } = await allocate({ repetitions: 10_001 });
      const failures = Array.from({ length: 10_001 }, (_, iteration) => ({
        iterationId: IterationId.parse(iteration),
        errorName: 'RangeError',
        message: `no value at "${iteration}", it's \\ {“odd”}\n`,
        attempts: 1,
      }));
      assertEqual(await stores.failures.record(run.id, failures), 10_001, 'how many stand');
      assertEqual(await failuresOf(stores, run.id), failures, 'the failures');
      assertEqual(
        await stores.failures.ledger(run.id),
        { requested: 10_001, completed: 0, failed: 10_001, missing: 0 },
        'the ledger',
      );
    });

    it('keeps the last failure of an iteration that is given two at once', async () => {
      const { stores, run } = await allocate({ repetitions: 5 });
      const [first, other] = failing([3, 1]);
      const last = { ...first!, message: 'again no value', attempts: 2 };
      assertEqual(
        await stores.failures.record(run.id, [first!, other!, last]),
        2,
        'how many stand',
      );
      assertEqual(await failuresOf(stores, run.id), [other, last], 'the failures');
    });

    it('replaces what no text may hold', async () => {
      const { stores, run } = await allocate({ repetitions: 1 });
      const [failure] = failing([0]);
      const odd = { errorName: 'E\0\udc00', message: '\0a\ud800b\u{1f3b2}\ud83c' };
      await stores.failures.record(run.id, [{ ...failure!, ...odd }]);
      assertEqual(
        await failuresOf(stores, run.id),
        [{ ...failure!, errorName: 'E\ufffd\ufffd', message: '\ufffda\ufffdb\u{1f3b2}\ufffd' }],
        'the failures',
      );
    });

    it('refuses a failure outside its run, and records nothing of its batch', async () => {
      const { stores, run } = await allocate({ repetitions: 10 });
      const [first, second] = failing([9, 0]);
      for (const iteration of [10, -1, 0.5, NaN, '1']) {
        const outside = { ...first!, iterationId: iteration as IterationId };
        await assertRejects(
          stores.failures.record(run.id, [first!, outside, second!]),
          'InvalidInputError',
          { field: 'iteration id' },
        );
        assertEqual(await failuresOf(stores, run.id), [], 'the failures');
      }
      for (const attempts of [0, 1.5, NaN]) {
        await assertRejects(
          stores.failures.record(run.id, [first!, { ...second!, attempts }]),
          'InvalidInputError',
          { field: 'attempts' },
        );
        assertEqual(await failuresOf(stores, run.id), [], 'the failures');
      }
    });

    it('keeps the ledger’s identity, counting a failure only while its value is missing', async () => {
      const { stores, run } = await allocate({ repetitions: 10 });
      const ledger = async (): Promise<unknown> => stores.failures.ledger(run.id);
      assertEqual(await ledger(), { requested: 10, completed: 0, failed: 0, missing: 10 }, 'new');
      await stores.values.write(run.id, at([0, 1, 2, 3]));
      await stores.failures.record(run.id, failing([3, 5]));
      assertEqual(await ledger(), { requested: 10, completed: 4, failed: 1, missing: 5 }, 'half');
      await stores.runs.reopen(run.id, parseRunChange({ repetitions: 12 }));
      assertEqual(await ledger(), { requested: 12, completed: 4, failed: 1, missing: 7 }, 'longer');
    });

    it('says when a run does not exist', async () => {
      const stores = await subject.stores();
      const { failures } = stores;
      const properties = { runId: unknownRun };
      await assertRejects(
        failures.record(unknownRun, failing([0])),
        'RunNotFoundError',
        properties,
      );
      await assertRejects(failures.record(unknownRun, []), 'RunNotFoundError', properties);
      await assertRejects(failuresOf(stores, unknownRun), 'RunNotFoundError', properties);
      await assertRejects(failures.clear(unknownRun), 'RunNotFoundError', properties);
      await assertRejects(failures.ledger(unknownRun), 'RunNotFoundError', properties);
    });
  });

  describe(`${subject.name}: tombstone store`, () => {
    /** A run that has ended, with values, failures and two averages, and its key. */
    const ended = async (
      status: 'completed' | 'failed' = 'completed',
      given?: Stores,
    ): Promise<{ stores: Stores; run: Run; key: string }> => {
      const key = uniqueKey();
      const stores = given ?? (await subject.stores());
      const request = { repetitions: 10, idempotencyKey: key };
      const run = await stores.runs.allocate(parseRunRequest(request, { measures: ['a', 'b'] }));
      const rows = measured([1, 2, 3, 4, 5, 6, 7].map((value) => [value, value / 3]));
      await stores.values.write(run.id, rows);
      await stores.failures.record(run.id, failing([8, 9]));
      for (const count of [3, 7]) {
        const [a, b] = [0, 1].map((place) =>
          averageOf(rows.slice(0, count).map(({ value, more = [] }) => [value, ...more][place]!)),
        );
        await stores.averages.save(run.id, { ...a!, more: { b: b! } });
      }
      await stores.runs.finish(run, status);
      return { stores, run: await stores.runs.get(run.id), key };
    };
    const total = async (stores: Stores, id: RunId): Promise<Record<Swept['of'], number>> => {
      const counts = { failures: 0, averages: 0, values: 0 };
      for await (const { of, count } of stores.tombstones.sweep(id)) counts[of] += count;
      return counts;
    };
    const nothing = { failures: 0, averages: 0, values: 0 };
    /** Each call of a store that is about one run, and no average. */
    const callsOn = (
      { runs, values, failures }: Stores,
      run: Run,
    ): Record<string, () => Promise<unknown>> => ({
      get: () => runs.get(run.id),
      finish: () => runs.finish(run, 'failed'),
      reopen: () => runs.reopen(run.id, parseRunChange({ repetitions: 20 })),
      accept: () => runs.reopen(run.id, { accepted: { version: '2' } }),
      write: () => values.write(run.id, measured([[1, 2]], 7)),
      'write again': () => values.write(run.id, measured([[1, 1 / 3]])),
      'write nothing': () => values.write(run.id, []),
      read: () => all(values.read(run.id)),
      scan: () => all(values.scan(run.id)),
      missing: () => values.missing(run.id),
      record: () => failures.record(run.id, failing([9])),
      'record none': () => failures.record(run.id, []),
      'read failures': () => all(failures.read(run.id)),
      clear: () => failures.clear(run.id),
      ledger: () => failures.ledger(run.id),
    });

    it('has every store say that a deleted run does not exist, before it is swept and after', async () => {
      const { stores, run } = await ended();
      const next = await ended('completed', stores);
      const beside = await stores.runs.list({ limit: 3 });
      assertEqual(await stores.tombstones.has(run.id), false, 'a tombstone before');
      await stores.tombstones.mark(run.id);
      assertEqual(await stores.tombstones.has(run.id), true, 'a tombstone');
      for (const isSwept of [false, true]) {
        for (const [name, call] of Object.entries(callsOn(stores, run))) {
          await assertRejects(call(), 'RunNotFoundError', { runId: run.id }).catch(
            (cause: unknown) => {
              throw new Error(`${name}: ${messageOf(cause)}`, { cause });
            },
          );
        }
        const listed = await stores.runs.list({ limit: beside.length });
        assertEqual(
          listed.slice(0, beside.length - 1).map(({ id }) => id),
          beside.map(({ id }) => id).filter((id) => id !== run.id),
          'the listed ids',
        );
        if (!isSwept) await total(stores, run.id);
      }
      assertEqual(await stores.averages.history(run.id), [], 'the averages');
      // Its neighbour is as it was.
      const { id } = next.run;
      assertEqual((await stores.runs.get(id)).status, 'completed', 'the other run');
      assertEqual((await collect(stores, id)).length, 7, 'the other run’s values');
      assertEqual((await stores.averages.history(id)).length, 2, 'the other run’s averages');
    });

    it('sweeps failures, then averages, then values, and says how many', async () => {
      const { stores, run } = await ended('failed');
      await stores.tombstones.mark(run.id);
      const order: string[] = [];
      const counts = { ...nothing };
      for await (const { of, count } of stores.tombstones.sweep(run.id)) {
        if (order.at(-1) !== of) order.push(of);
        counts[of] += count;
      }
      assertEqual(order, ['failures', 'averages', 'values'], 'the order');
      assertEqual(counts, { failures: 2, averages: 2, values: 7 }, 'the counts');
      assertEqual(await total(stores, run.id), nothing, 'what is swept again');
    });

    it('goes on with what a sweep that was stopped has left', async () => {
      const { stores, run } = await ended();
      await stores.tombstones.mark(run.id);
      for await (const { of } of stores.tombstones.sweep(run.id)) if (of === 'failures') break;
      // Whoever repeats it marks it again.
      await stores.tombstones.mark(run.id);
      assertEqual(await total(stores, run.id), { ...nothing, averages: 2, values: 7 }, 'the rest');
      assertEqual(await total(stores, run.id), nothing, 'what is swept again');
    });

    it('sweeps many values and failures', async () => {
      const { stores, run } = await allocate({ repetitions: 1_000_000 });
      const some = [...Array(12_000).keys(), 499_999, 999_999];
      await stores.values.write(run.id, at(some));
      await stores.failures.record(run.id, failing([20_000, 500_000, 999_998]));
      await stores.runs.finish(run, 'failed');
      const deleted = await deleteRun(stores, run.id);
      const expected = { runId: run.id, failures: 3, averages: 0, values: 12_002 };
      assertEqual(deleted, expected, 'what was deleted');
    });

    it('sweeps the average that was saved late', async () => {
      const { stores, run } = await ended();
      await deleteRun(stores, run.id);
      await stores.averages.save(run.id, averageOf([1, 2]));
      const again = await deleteRun(stores, run.id);
      assertEqual(again, { runId: run.id, ...nothing, averages: 1 }, 'what is deleted again');
      assertEqual(await stores.averages.history(run.id), [], 'the averages');
    });

    it('never gives the id or the key of a deleted run again', async () => {
      const { stores, run, key } = await ended();
      await deleteRun(stores, run.id);
      const again = parseRunRequest({ repetitions: 10, idempotencyKey: key });
      const properties = { runId: run.id, idempotencyKey: key };
      await assertRejects(stores.runs.allocate(again), 'DeletedRunError', properties);
      const next = await stores.runs.allocate(parseRunRequest({ repetitions: 1 }));
      assert(next.id > run.id, 'the next id must be another one');
      assertEqual(await collect(stores, next.id), [], 'the next run’s values');
    });

    it('refuses a run that is started, unless it is forced to', async () => {
      const { stores, run } = await filled([1, 2]);
      await assertRejects(stores.tombstones.mark(run.id), 'StartedRunError', { runId: run.id });
      await assertRejects(deleteRun(stores, run.id), 'StartedRunError', { runId: run.id });
      assertEqual(await stores.tombstones.has(run.id), false, 'a tombstone');
      assertEqual((await collect(stores, run.id)).length, 2, 'the values');
      const deleted = await deleteRun(stores, run.id, { force: true });
      assertEqual(deleted, { runId: run.id, ...nothing, values: 2 }, 'what was deleted');
      // A tombstone is not started any more.
      assertEqual(await deleteRun(stores, run.id), { runId: run.id, ...nothing }, 'again');
    });

    it('deletes a run once, however many do so at a time', async () => {
      const { stores, run } = await ended();
      const all = await Promise.all([1, 2, 3].map(() => deleteRun(stores, run.id)));
      assertEqual(
        all.reduce((sum, { values }) => sum + values, 0),
        7,
        'the values deleted by all',
      );
      assertEqual(await deleteRun(stores, run.id), { runId: run.id, ...nothing }, 'again');
    });

    it('says when a run does not exist', async () => {
      const { stores, run } = await filled([1]);
      const { tombstones } = stores;
      const properties = { runId: unknownRun };
      await assertRejects(tombstones.mark(unknownRun), 'RunNotFoundError', properties);
      const forced = tombstones.mark(unknownRun, { force: true });
      await assertRejects(forced, 'RunNotFoundError', properties);
      await assertRejects(all(tombstones.sweep(unknownRun)), 'RunNotFoundError', properties);
      await assertRejects(deleteRun(stores, unknownRun), 'RunNotFoundError', properties);
      assertEqual(await tombstones.has(unknownRun), false, 'a tombstone');
      // One that is there is swept by nobody.
      await assertRejects(all(tombstones.sweep(run.id)), 'RunNotFoundError', { runId: run.id });
      assertEqual((await collect(stores, run.id)).length, 1, 'the values');
    });
  });

  describe(`${subject.name}: average store`, () => {
    it('stores a run’s average once', async () => {
      const { stores, run } = await filled([1, 2, 4]);
      const average = averageOf([1, 2, 4]);
      assertEqual(await stores.averages.history(run.id), [], 'before it is stored');
      await Promise.all([
        stores.averages.save(run.id, average),
        stores.averages.save(run.id, average),
      ]);
      assertEqual(await stores.averages.history(run.id), [average], 'the averages');
    });

    it('stores the average of a single value', async () => {
      const { stores, run } = await filled([4]);
      await stores.averages.save(run.id, averageOf([4]));
      assertEqual(await stores.averages.history(run.id), [averageOf([4])], 'the averages');
    });

    it('keeps the averages over fewer values', async () => {
      const { stores, run } = await filled([1, 2, 4, 0.1]);
      await stores.averages.save(run.id, averageOf([1, 2, 4, 0.1]));
      await stores.averages.save(run.id, averageOf([1, 2, 4]));
      assertEqual(
        await stores.averages.history(run.id),
        [averageOf([1, 2, 4]), averageOf([1, 2, 4, 0.1])],
        'the averages',
      );
    });

    it('stores the averages of all measures together', async () => {
      const { stores, run } = await allocate({ repetitions: 3 }, ['a', 'b', 'c']);
      const average = {
        ...averageOf([1, 2, 4]),
        more: { b: averageOf([0, 0, 1 / 3]), c: averageOf([7, 7, 7]) },
      };
      const saved = await Promise.all([
        stores.averages.save(run.id, average),
        stores.averages.save(run.id, average),
      ]);
      assertEqual(saved, [average, average], 'what is answered');
      const shorter = { ...averageOf([1]), more: { b: averageOf([0]), c: averageOf([7]) } };
      await stores.averages.save(run.id, shorter);
      assertEqual(await stores.averages.history(run.id), [shorter, average], 'the averages');
      const other = { ...average, more: { ...average.more, c: averageOf([7, 7, 8]) } };
      await assertRejects(stores.averages.save(run.id, other), 'PersistenceError', {
        retryable: false,
      });
      assertEqual(await stores.averages.history(run.id), [shorter, average], 'the averages');
      const earlier = { ...other, method: 'another/1' };
      assertEqual(await stores.averages.save(run.id, earlier), average, 'the one that is kept');
    });

    it('refuses a second, different average over the same count', async () => {
      const { stores, run } = await filled([1, 2, 4]);
      await stores.averages.save(run.id, averageOf([1, 2, 4]));
      await assertRejects(stores.averages.save(run.id, averageOf([1, 2, 5])), 'PersistenceError', {
        retryable: false,
      });
      assertEqual(await stores.averages.history(run.id), [averageOf([1, 2, 4])], 'the averages');
    });

    it('knows no runs: they may be in another database', async () => {
      const { averages } = await subject.stores();
      const withoutAverage = RunId.parse(unknownRun - 1);
      assertEqual(await averages.history(withoutAverage), [], 'the averages of an unknown run');
      await averages.save(unknownRun, averageOf([1, 2, 4]));
      assertEqual(await averages.history(unknownRun), [averageOf([1, 2, 4])], 'the average saved');
    });
  });
}

/** What a filter is to do, said in another way than stores say it. */
function fits(run: Run, filter: RunFilter): boolean {
  const { status, generatorName, label, experiment, parameters = {}, since, before } = filter;
  const own = new Map(Object.entries(run.parameters));
  return (
    (status === undefined || status === run.status) &&
    (generatorName === undefined || generatorName === run.generatorName) &&
    (label === undefined || label === run.label) &&
    (experiment === undefined || experiment === run.experiment) &&
    (since === undefined || since.getTime() <= run.startedAt.getTime()) &&
    (before === undefined || run.id < before) &&
    Object.entries(parameters).every(
      ([name, value]) => JSON.stringify(own.get(name)) === JSON.stringify(value),
    )
  );
}

async function all<T>(batches: AsyncIterable<T>): Promise<readonly T[]> {
  const items: T[] = [];
  for await (const batch of batches) items.push(batch);
  return items;
}

/** Fails unless the two have the same fields with the same values, in whichever order. */
function assertSameRun(actual: Run | undefined, expected: Run, what: string): void {
  const fields = new Set([...Object.keys(expected), ...Object.keys(actual ?? {})]);
  for (const field of fields as Set<keyof Run>) {
    assertEqual(actual?.[field], expected[field], `${what}: ${field}`);
  }
}

function quantilesBySorting(
  values: readonly number[],
  probabilities: readonly number[],
): readonly Quantile[] {
  const sorted = Float64Array.from(values).sort();
  return probabilities.map((probability) =>
    quantileAt(quantileRanks(probability, values.length), (rank) => sorted[rank]!),
  );
}

function numbered(values: readonly number[]): IterationValue[] {
  return values.map((value, index) => ({ iterationId: IterationId.parse(index), value }));
}

/** The numbers of neighbouring iterations, from one on. */
function measured(rows: readonly (readonly number[])[], from = 0): IterationValue[] {
  return rows.map(([value = NaN, ...more], index) => {
    const row = { iterationId: IterationId.parse(from + index), value };
    return more.length === 0 ? row : { ...row, more };
  });
}

function at(iterations: readonly number[]): IterationValue[] {
  return iterations.map((id) => ({ iterationId: IterationId.parse(id), value: id }));
}

function failing(iterations: readonly number[]): IterationFailure[] {
  return iterations.map((id) => ({
    iterationId: IterationId.parse(id),
    errorName: 'Error',
    message: 'no value',
    attempts: 1,
  }));
}

async function failuresOf(stores: Stores, id: RunId): Promise<IterationFailure[]> {
  const failures: IterationFailure[] = [];
  for await (const batch of stores.failures.read(id)) failures.push(...batch);
  return failures;
}

async function collect(stores: Stores, id: RunId, from?: number): Promise<IterationValue[]> {
  const values: IterationValue[] = [];
  const first = from === undefined ? undefined : IterationId.parse(from);
  for await (const batch of stores.values.read(id, first)) values.push(...batch);
  return values;
}

function assertEqualAverage(actual: Average | undefined, expected: Average): void {
  assert(actual !== undefined, 'there must be an average');
  for (const key of Object.keys(expected) as (keyof Average)[]) {
    assertEqual(actual?.[key], expected[key], `average.${key}`);
  }
}

function uniqueKey(): string {
  return `stores-contract-${Math.random()}`;
}
