import { averageOf, type Average } from '../average.js';
import { IterationId, IterationRange } from '../range.js';
import { parseRunRequest, RunId, type Run, type RunRequest } from '../run.js';
import { readLedger, type Stores } from '../stores.js';
import type { IterationValue } from '../value.js';
import { assert, assertEqual, assertRejects, type TestRunner } from './assertions.js';

/** What the stores suite runs on. */
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

/** The behaviour that all stores share; a store is right when it passes. */
export function testStores(runner: TestRunner, subject: StoresSubject): void {
  const { describe, it } = runner;

  const allocate = async (request: RunRequest): Promise<{ stores: Stores; run: Run }> => {
    const stores = await subject.stores();
    return { stores, run: await stores.runs.allocate(parseRunRequest(request)) };
  };
  const filled = async (values: readonly number[]): Promise<{ stores: Stores; run: Run }> => {
    const allocated = await allocate({ repetitions: values.length });
    await allocated.stores.values.write(allocated.run.id, numbered(values));
    return allocated;
  };
  const unknownRun = RunId.parse(RunId.maximum);

  describe(`${subject.name}: run store`, () => {
    it('remembers a run as it was allocated', async () => {
      const { stores, run } = await allocate({
        repetitions: 1_000_000_000,
        seed: Number.MAX_SAFE_INTEGER,
        delayMs: 600_000.5,
        generatorName: "it's a “generator”; --",
      });
      assertEqual(run.repetitions, 1_000_000_000, 'repetitions');
      assertEqual(run.seed, Number.MAX_SAFE_INTEGER, 'seed');
      assertEqual(run.delayMs, 600_000.5, 'delay');
      assertEqual(run.generatorName, "it's a “generator”; --", 'generator name');
      assertEqual(run.status, 'started', 'status');
      assertEqual(run.finishedAt, undefined, 'finished at');
      assert(run.startedAt instanceof Date, 'started at must be a Date');
      assertEqual(await stores.runs.get(run.id), run, 'the run read back');
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

    it('lists the newest runs first, as many as asked', async () => {
      const { stores, run: older } = await allocate({ repetitions: 1 });
      const newer = await stores.runs.allocate(parseRunRequest({ repetitions: 2 }));
      const listed = await stores.runs.list(2);
      assertEqual(
        listed.map(({ id }) => id),
        [newer.id, older.id],
        'the listed ids',
      );
    });

    it('records how a run ended, and lets a later attempt end it otherwise', async () => {
      const { stores, run } = await allocate({ repetitions: 1 });
      await stores.runs.finish(run.id, 'failed');
      const failed = await stores.runs.get(run.id);
      assertEqual(failed.status, 'failed', 'status');
      assert(failed.finishedAt instanceof Date, 'finished at must be a Date');
      await stores.runs.finish(run.id, 'completed');
      assertEqual((await stores.runs.get(run.id)).status, 'completed', 'status');
    });

    it('keeps a completed run completed', async () => {
      const { stores, run } = await allocate({ repetitions: 1 });
      await stores.runs.finish(run.id, 'completed');
      const completed = await stores.runs.get(run.id);
      await stores.runs.finish(run.id, 'cancelled');
      await stores.runs.finish(run.id, 'completed');
      assertEqual(await stores.runs.get(run.id), completed, 'the completed run');
    });

    it('says when a run does not exist', async () => {
      const { runs } = await subject.stores();
      const properties = { runId: unknownRun };
      await assertRejects(runs.get(unknownRun), 'RunNotFoundError', properties);
      await assertRejects(runs.finish(unknownRun, 'failed'), 'RunNotFoundError', properties);
    });
  });

  describe(`${subject.name}: value store`, () => {
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
        await assertRejects(
          stores.values.write(run.id, [...numbered([1]), outside]),
          'InvalidInputError',
          { field: 'iteration id' },
        );
        assertEqual(await collect(stores, run.id), [], 'the values read back');
      }
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
        stores.values.missing(run.id, IterationRange.parse({ first, count }));
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

    it('averages a complete run to the same bits as a loop in iteration order', async () => {
      for (const values of awkwardValues) {
        const { stores, run } = await allocate({ repetitions: values.length });
        await stores.values.write(run.id, numbered(values).reverse());
        assertEqualAverage(await stores.values.average(run.id), averageOf(values));
      }
    });

    it('averages a long run to the same bits as a loop in iteration order', async () => {
      const values = Array.from(
        { length: 20_000 },
        (_, index) => Math.sin(index) * 10 ** (index % 30),
      );
      const { stores, run } = await filled(values);
      assertEqualAverage(await stores.values.average(run.id), averageOf(values));
    });

    it('refuses to average an incomplete run', async () => {
      const { stores, run } = await allocate({ repetitions: 3 });
      const expected = { runId: run.id, requested: 3 };
      const average = async (): Promise<unknown> => stores.values.average(run.id);
      await assertRejects(average(), 'IncompleteRunError', { ...expected, completed: 0 });
      await stores.values.write(run.id, at([0, 2]));
      await assertRejects(average(), 'IncompleteRunError', { ...expected, completed: 2 });
    });

    it('calls an incomplete run incomplete even when its values overflow', async () => {
      const { stores, run } = await allocate({ repetitions: 3 });
      await stores.values.write(run.id, numbered([Number.MAX_VALUE, Number.MAX_VALUE]));
      await assertRejects(stores.values.average(run.id), 'IncompleteRunError', { completed: 2 });
    });

    it('says when a sum leaves the range of a double', async () => {
      for (const values of [
        [Number.MAX_VALUE, Number.MAX_VALUE],
        [1e200, -1e200],
      ]) {
        const { stores, run } = await filled(values);
        await assertRejects(stores.values.average(run.id), 'AverageOverflowError');
      }
    });

    it('says when a run does not exist', async () => {
      const stores = await subject.stores();
      const { values } = stores;
      const properties = { runId: unknownRun };
      await assertRejects(values.write(unknownRun, at([0])), 'RunNotFoundError', properties);
      await assertRejects(collect(stores, unknownRun), 'RunNotFoundError', properties);
      await assertRejects(values.missing(unknownRun), 'RunNotFoundError', properties);
      await assertRejects(values.average(unknownRun), 'RunNotFoundError', properties);
    });
  });

  describe(`${subject.name}: failure store`, () => {
    it('lists failures in iteration order, the latest of each iteration', async () => {
      const { stores, run } = await allocate({ repetitions: 10 });
      const failure = (iteration: number, message: string) => ({
        iterationId: IterationId.parse(iteration),
        errorName: 'RangeError',
        message,
      });
      await stores.failures.record(run.id, [failure(7, 'first'), failure(3, "it's")]);
      await stores.failures.record(run.id, [failure(7, 'second')]);
      assertEqual(
        await stores.failures.list(run.id),
        [failure(3, "it's"), failure(7, 'second')],
        'the failures',
      );
    });

    it('records many failures at once, whatever their messages hold', async () => {
      const { stores, run } = await allocate({ repetitions: 20_000 });
      const failures = Array.from({ length: 20_000 }, (_, iteration) => ({
        iterationId: IterationId.parse(iteration),
        errorName: 'RangeError',
        message: `no value at "${iteration}", it's \\ {“odd”}\n`,
      }));
      await stores.failures.record(run.id, failures);
      assertEqual(await stores.failures.list(run.id), failures, 'the failures');
      assertEqual(
        await readLedger(run, stores),
        { requested: 20_000, completed: 0, failed: 20_000, missing: 0 },
        'the ledger',
      );
    });

    it('records a failure whose message is no proper text', async () => {
      const { stores, run } = await allocate({ repetitions: 1 });
      const iterationId = IterationId.parse(0);
      const failure = { iterationId, errorName: 'E\0', message: 'a\0b\ud800c' };
      await stores.failures.record(run.id, [{ ...failure, message: 'first' }, failure]);
      const [recorded, ...others] = await stores.failures.list(run.id);
      assertEqual(others, [], 'other failures');
      assert(/^a.b.c$/u.test(recorded?.message ?? ''), 'what can be kept must be kept');
    });

    it('keeps the ledger’s identity, counting a failure only while its value is missing', async () => {
      const { stores, run } = await allocate({ repetitions: 10 });
      await stores.values.write(run.id, at([0, 1, 2, 3]));
      await stores.failures.record(
        run.id,
        [3, 5].map((id) => ({
          iterationId: IterationId.parse(id),
          errorName: 'Error',
          message: '',
        })),
      );
      assertEqual(
        await readLedger(run, stores),
        { requested: 10, completed: 4, failed: 1, missing: 5 },
        'the ledger',
      );
    });
  });

  describe(`${subject.name}: average store`, () => {
    it('stores a run’s average once', async () => {
      const { stores, run } = await filled([1, 2, 4]);
      const average = averageOf([1, 2, 4]);
      assertEqual(await stores.averages.find(run.id), undefined, 'before it is stored');
      await Promise.all([
        stores.averages.save(run.id, average),
        stores.averages.save(run.id, average),
      ]);
      assertEqualAverage(await stores.averages.find(run.id), average);
    });

    it('stores the average of a single value', async () => {
      const { stores, run } = await filled([4]);
      await stores.averages.save(run.id, averageOf([4]));
      assertEqualAverage(await stores.averages.find(run.id), averageOf([4]));
    });

    it('refuses a second, different average over the same count', async () => {
      const { stores, run } = await filled([1, 2, 4]);
      await stores.averages.save(run.id, averageOf([1, 2, 4]));
      await assertRejects(stores.averages.save(run.id, averageOf([1, 2, 5])), 'PersistenceError', {
        retryable: false,
      });
      assertEqualAverage(await stores.averages.find(run.id), averageOf([1, 2, 4]));
    });
  });
}

function numbered(values: readonly number[]): IterationValue[] {
  return values.map((value, index) => ({ iterationId: IterationId.parse(index), value }));
}

function at(iterations: readonly number[]): IterationValue[] {
  return iterations.map((id) => ({ iterationId: IterationId.parse(id), value: id }));
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
