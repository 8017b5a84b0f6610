import fc from 'fast-check';
import { averageOf } from '../src/statistics/averaging.js';
import { warningOf } from '../src/orchestration/report.js';
import { startedRun } from '../src/ports/keeping.js';
import type { Progress } from '../src/ports/orchestrator.js';
import type { IterationFailure } from '../src/ports/stores.js';
import type { Ledger } from '../src/run/ledger.js';
import { IterationId, RunId } from '../src/run/numbers.js';
import { IterationRange, iterationsOf } from '../src/run/range.js';
import { parseRunRequest } from '../src/run/request.js';
import { PersistenceError } from '../src/run/run-errors.js';
import { Tolerance } from '../src/run/tolerance.js';
import type { ValueGenerator } from '../src/simulation/generator.js';
import { AggregateAndStoreValue } from '../src/steps/aggregate-and-store-value.js';
import { RecordFailure } from '../src/steps/record-failure.js';
import { RetrieveRunId } from '../src/steps/retrieve-run-id.js';
import { WriteToDb, type WriteToDbSettings } from '../src/steps/write-to-db.js';
import { FakeStores, ManualClock } from './fakes.js';

let stores: FakeStores;
let clock: ManualClock;

beforeEach(() => {
  stores = new FakeStores();
  clock = new ManualClock();
});

afterEach(() => {
  expect(clock.pending).toBe(0);
});

/** Its values are the iterations' ids, but the ones that fail. */
function failingAt(failing: (id: number) => boolean): ValueGenerator {
  return ({ iterationId }) => {
    if (failing(iterationId)) throw new RangeError(`no value at ${iterationId}`);
    return iterationId;
  };
}

const failure = (iterationId: number): IterationFailure => ({
  iterationId: IterationId.parse(iterationId),
  errorName: 'Error',
  message: 'before',
  attempts: 1,
});

async function write(
  repetitions: number,
  tolerance: number | string,
  generator: ValueGenerator,
  settings?: WriteToDbSettings,
): Promise<void> {
  const plan = await new RetrieveRunId(stores).execute({ repetitions, tolerance });
  await new WriteToDb(generator, stores, clock, settings).execute(plan);
}

describe('a tolerance', () => {
  it.each([
    [5, '5', 5],
    ['5', '5', 5],
    ['007', '7', 7],
    [0, '0', 0],
    ['1%', '1%', 10],
    ['0.25%', '0.25%', 2],
    ['100%', '100%', 1000],
    ['0%', '0%', 0],
    ['1.50%', '1.5%', 15],
  ])('reads %j', (given, canonical, failures) => {
    const tolerance = Tolerance.parse(given);
    expect(tolerance).toBe(canonical);
    expect(Tolerance.failures(tolerance, 1000)).toBe(failures);
  });

  it.each([-1, 1.5, NaN, Infinity, '', '%', '-1', '1.5', '101%', '1 %', '1e3', null, {}, '1%%'])(
    'refuses %j',
    (given) => {
      expect(() => Tolerance.parse(given)).toThrow(
        expect.objectContaining({ name: 'InvalidInputError', field: 'tolerance' }) as Error,
      );
    },
  );

  it('of a share is what is whole of it, exactly', () => {
    expect(Tolerance.failures(Tolerance.parse('0.000001%'), 499_999_995)).toBe(4);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100_000_000 }),
        fc.integer({ min: 1, max: 1_000_000_000 }),
        (millionths, repetitions) => {
          const text = `${Math.floor(millionths / 1e6)}.${String(millionths % 1e6).padStart(6, '0')}%`;
          const exact = (BigInt(repetitions) * BigInt(millionths)) / 100_000_000n;
          expect(Tolerance.failures(Tolerance.parse(text), repetitions)).toBe(Number(exact));
        },
      ),
    );
  });

  it('of a whole share is that share, to the last failure', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 10_000 }),
        fc.integer({ min: 1, max: 99_999 }),
        (share, k) => {
          // share in hundredths of a percent, of a number of repetitions that it divides evenly
          const tolerance = Tolerance.parse(`${share / 100}%`);
          expect(Tolerance.failures(tolerance, k * 10_000)).toBe(share * k);
        },
      ),
    );
  });
});

describe('a run that tolerates failures', () => {
  it('goes on after a failure, records it, and averages the others', async () => {
    await write(
      10,
      2,
      failingAt((id) => id === 3 || id === 7),
      { concurrency: 1 },
    );
    expect(stores.inOrder).toEqual([0, 1, 2, 4, 5, 6, 8, 9]);
    expect(stores.recorded).toEqual([
      { iterationId: 3, errorName: 'RangeError', message: noValueAt(3), attempts: 1 },
      { iterationId: 7, errorName: 'RangeError', message: noValueAt(7), attempts: 1 },
    ]);
    const average = await new AggregateAndStoreValue(stores).execute(RunId.parse(1));
    expect(average).toEqual(averageOf([0, 1, 2, 4, 5, 6, 8, 9]));
    expect(stores.allocated[0]?.status).toBe('completed');
  });

  it('stops at the first failure beyond it, with the lowest as the cause', async () => {
    const asked: number[] = [];
    const generator: ValueGenerator = (context) => {
      asked.push(context.iterationId);
      return failingAt((id) => id % 2 === 1)(context);
    };
    await expect(write(100, '2%', generator, { concurrency: 1 })).rejects.toMatchObject({
      name: 'ToleranceExceededError',
      failed: 3,
      tolerated: 2,
      cause: { name: 'IterationFailedError', iterationId: 1 },
    });
    expect(asked).toEqual([0, 1, 2, 3, 4, 5]);
    expect(stores.recordedIds).toEqual([1, 3, 5]);
    expect(stores.inOrder).toEqual([0, 2, 4]);
  });

  it('counts what failed elsewhere in the run', async () => {
    const { run } = await new RetrieveRunId(stores).execute({ repetitions: 100, tolerance: 3 });
    await stores.failures.record(run.id, [failure(60), failure(70), failure(80)]);
    const block = IterationRange.parse({ first: 0, count: 50 });
    const step = new WriteToDb(
      failingAt((id) => id === 10),
      stores,
      clock,
      { concurrency: 1 },
    );
    await expect(step.execute({ run, missing: [block] })).rejects.toMatchObject({
      name: 'ToleranceExceededError',
      failed: 4,
      cause: { iterationId: 10 },
    });
  });

  it('stops new work as soon as those that failed elsewhere make too many of them', async () => {
    const plan = await new RetrieveRunId(stores).execute({ repetitions: 1000, tolerance: 2 });
    stores.recorded.push(failure(998), failure(999));
    const part = { ...plan, missing: [IterationRange.parse({ first: 0, count: 998 })] };
    let calls = 0;
    const generator: ValueGenerator = async ({ iterationId }) => {
      calls += 1;
      await clock.sleep(0);
      if (iterationId === 0) throw new RangeError('no value');
      return 1;
    };
    const step = new WriteToDb(generator, stores, clock, { concurrency: 1 });
    await expect(step.execute(part)).rejects.toMatchObject({
      name: 'ToleranceExceededError',
      failed: 3,
    });
    expect(calls).toBeLessThan(20);
  });

  it('has no time left when all that is missing has failed', async () => {
    const told: Progress[] = [];
    const plan = await new RetrieveRunId(stores).execute({ repetitions: 3, tolerance: 1 });
    const step = new WriteToDb(
      failingAt((id) => id === 1),
      stores,
      clock,
    );
    await step.execute(plan, { onProgress: (progress) => told.push(progress) });
    expect(told.at(-1)).toMatchObject({ completed: 2, failed: 1, remainingMs: 0 });
  });

  it('does not count what failed before of what it does again', async () => {
    const { run } = await new RetrieveRunId(stores).execute({ repetitions: 100, tolerance: 3 });
    await stores.failures.record(run.id, [10, 20, 30, 60, 70].map(failure));
    const block = IterationRange.parse({ first: 0, count: 50 });
    const step = new WriteToDb(
      failingAt((id) => id === 10),
      stores,
      clock,
      { concurrency: 1 },
    );
    await step.execute({ run, missing: [block] });
    expect(await stores.failures.ledger(run.id)).toMatchObject({ failed: 3 });
  });

  it('keeps the reason of a failure that could not be recorded', async () => {
    stores.beforeRecord = () =>
      Promise.reject(new PersistenceError('the database is gone', { retryable: true }));
    await expect(
      write(
        10,
        5,
        failingAt((id) => id === 0),
      ),
    ).rejects.toMatchObject({
      name: 'PersistenceError',
      message: expect.stringMatching(/iteration 0 of run 1 failed.*the database is gone/) as string,
    });
  });

  it('answers its key with its average once it is completed, and does nothing again', async () => {
    const request = { repetitions: 10, tolerance: 5, idempotencyKey: 'k' };
    const step = new RetrieveRunId(stores);
    const generator = failingAt((id) => id > 6);
    await new WriteToDb(generator, stores, clock).execute(await step.execute(request));
    const average = await new AggregateAndStoreValue(stores).execute(RunId.parse(1));
    const { run, missing } = await step.execute(request);
    expect({ status: run.status, missing }).toEqual({ status: 'completed', missing: [] });
    expect(stores.recordedIds).toEqual([7, 8, 9]);
    expect(await new AggregateAndStoreValue(stores).execute(RunId.parse(1))).toEqual(average);
  });

  it('takes its failures up again when it is resumed', async () => {
    await write(
      10,
      5,
      failingAt((id) => id > 6),
    );
    const { missing } = await new RetrieveRunId(stores).resume(1);
    expect([...iterationsOf(missing)]).toEqual([7, 8, 9]);
    expect(stores.recorded).toEqual([]);
  });
});

function noValueAt(iteration: number): string {
  const message = new RegExp(`^no value at ${iteration}, at tolerance\\.test\\.ts:\\d+:\\d+$`);
  return expect.stringMatching(message) as string;
}

describe('a range whose worker was lost', () => {
  const lost = Object.assign(new Error('the process ended'), { name: 'Runtime.ExitError' });
  const block = IterationRange.parse({ first: 4, count: 3 });
  const recordFailure = (): Promise<void> =>
    new RecordFailure(stores).execute(RunId.parse(1), block, lost);

  it('has what is missing of it recorded as failed', async () => {
    await new RetrieveRunId(stores).execute({ repetitions: 10, tolerance: 2 });
    stores.kept.set(5, 1);
    await recordFailure();
    expect(stores.recorded).toEqual(
      [4, 6].map((iterationId) => ({
        iterationId,
        errorName: 'Runtime.ExitError',
        message: expect.stringMatching(/^the process ended, at /) as string,
        attempts: 1,
      })),
    );
  });

  it('has all of it recorded when it is long, 10,000 failures at a time', async () => {
    const repetitions = 25_000;
    await new RetrieveRunId(stores).execute({ repetitions, tolerance: 20_000 });
    const batches: { first: number | undefined; count: number }[] = [];
    jest.spyOn(stores.failures, 'record').mockImplementation((_, batch) => {
      batches.push({ first: batch[0]?.iterationId, count: batch.length });
      return Promise.resolve(batches.reduce((standing, { count }) => standing + count, 0));
    });
    const range = IterationRange.parse({ first: 0, count: repetitions });
    const recorded = new RecordFailure(stores).execute(RunId.parse(1), range, lost);
    await expect(recorded).rejects.toMatchObject({
      name: 'ToleranceExceededError',
      failed: repetitions,
    });
    expect(batches).toEqual([
      { first: 0, count: 10_000 },
      { first: 10_000, count: 10_000 },
      { first: 20_000, count: 5_000 },
    ]);
  });

  it('fails the run whatever it tolerates when the error ends it, once that is on record', async () => {
    await new RetrieveRunId(stores).execute({ repetitions: 10, tolerance: 9 });
    const told = Object.assign(new Error('other code'), { name: 'ChangedSimulationError' });
    const record = (): Promise<void> =>
      new RecordFailure(stores).execute(RunId.parse(1), block, told, true);
    await expect(record()).rejects.toBe(told);
    expect(stores.recorded.map(({ errorName }) => errorName)).toEqual(
      [4, 5, 6].map(() => 'ChangedSimulationError'),
    );
    // With nothing missing it still ends the run.
    for (const iteration of [4, 5, 6]) stores.kept.set(iteration, 1);
    await expect(record()).rejects.toBe(told);
  });

  it('fails the run when those are more than it tolerates', async () => {
    await new RetrieveRunId(stores).execute({ repetitions: 10, tolerance: 2 });
    await expect(recordFailure()).rejects.toMatchObject({
      name: 'ToleranceExceededError',
      failed: 3,
      tolerated: 2,
      cause: { iterationId: 4, cause: lost },
    });
    expect(stores.recordedIds).toEqual([4, 5, 6]);
  });

  it('fails a run that tolerates none as a failing iteration does', async () => {
    await new RetrieveRunId(stores).execute({ repetitions: 10 });
    await expect(recordFailure()).rejects.toMatchObject({
      name: 'IterationFailedError',
      iterationId: 4,
      cause: lost,
    });
  });

  it('is no failure when all of it was stored before', async () => {
    await new RetrieveRunId(stores).execute({ repetitions: 10 });
    for (const id of [4, 5, 6]) stores.kept.set(id, 1);
    await recordFailure();
    expect(stores.recorded).toEqual([]);
  });
});

describe('the warning beside an average', () => {
  const run = startedRun(RunId.parse(1), parseRunRequest({ repetitions: 4 }));
  const warned = (ledger: Ledger): string | undefined =>
    warningOf({ run, ledger, averages: { value: averageOf([1, 2, 3]) } });

  it('is none when it is over all of the run', () => {
    const ledger = { requested: 3, completed: 3, failed: 0, missing: 0 };
    expect(warned(ledger)).toBeUndefined();
  });

  it('says that failures may bias it', () => {
    const ledger = { requested: 4, completed: 3, failed: 1, missing: 0 };
    expect(warned(ledger)).toMatch(/^the average is over 3 of 4 values: .* biased$/);
  });

  it('says that values came after it', () => {
    const ledger = { requested: 4, completed: 4, failed: 0, missing: 0 };
    expect(warned(ledger)).toMatch(/over 3 of 4 values, and 4 are stored by now/);
  });
});
