import { getEventListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import type { Average } from '../src/statistics/average.js';
import { averageOf } from '../src/statistics/averaging.js';
import type { Progress, RunOptions } from '../src/ports/orchestrator.js';
import { IterationId, Repetitions, RunId } from '../src/run/numbers.js';
import type { RunPlan } from '../src/run/plan.js';
import { IterationRange, iterationsOf } from '../src/run/range.js';
import type { RunRequest } from '../src/run/request.js';
import { ConflictingValueError, PersistenceError } from '../src/run/run-errors.js';
import {
  iterationContext,
  uniformInteger,
  type IterationContext,
  type ValueGenerator,
} from '../src/simulation/generator.js';
import { AggregateAndStoreValue } from '../src/steps/aggregate-and-store-value.js';
import { RetrieveRunId } from '../src/steps/retrieve-run-id.js';
import { WriteToDb, type WriteToDbSettings } from '../src/steps/write-to-db.js';
import { FakeStores, ManualClock, settle } from './fakes.js';

/** A promise that a test settles, which heeds no signal. */
function deferred(): {
  promise: Promise<number>;
  resolve: (value: number) => void;
  reject: (error: Error) => void;
} {
  let resolve!: (value: number) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<number>((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  return { promise, resolve, reject };
}

/** A promise that settles only when its signal is aborted. */
function untilAborted(signal: AbortSignal): Promise<number> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error);
    });
  });
}

/** The values that the default generator must yield, in iteration order. */
function expectedValues(seed: number, repetitions: number): number[] {
  const whole = IterationRange.whole(Repetitions.parse(repetitions));
  return Array.from(iterationsOf([whole]), (id) =>
    uniformInteger(iterationContext({ seed, iterationId: id })),
  );
}

let stores: FakeStores;
let clock: ManualClock;

beforeEach(() => {
  stores = new FakeStores();
  clock = new ManualClock();
});

afterEach(() => {
  expect(clock.pending).toBe(0);
});

function plan(request: RunRequest): Promise<RunPlan> {
  return new RetrieveRunId(stores).execute(request);
}

/** Plans the run and starts step 2 on it. */
async function write(
  request: RunRequest,
  generator: ValueGenerator,
  { signal, onProgress, ...settings }: WriteToDbSettings & RunOptions = {},
): Promise<void> {
  const step = new WriteToDb(generator, stores, clock, settings);
  await step.execute(await plan(request), { signal, onProgress });
}

describe('retrieve run id', () => {
  it('allocates a run and lists all of it as missing', async () => {
    const { run, missing } = await plan({ repetitions: 3, seed: 8, generatorName: 'dice' });
    expect(run).toMatchObject({
      id: 1,
      repetitions: 3,
      seed: 8,
      delayMs: 0,
      generatorName: 'dice',
    });
    expect([...iterationsOf(missing)]).toEqual([0, 1, 2]);
  });

  it('allocates a run for each request without a key', async () => {
    const plans = [await plan({ repetitions: 1 }), await plan({ repetitions: 1 })];
    expect(plans.map(({ run }) => run.id)).toEqual([1, 2]);
  });

  it('answers a repeated key with the same run, its seed, and only what is missing', async () => {
    const first = await plan({ repetitions: 4, idempotencyKey: 'k' });
    stores.kept.set(1, 10).set(2, 20);
    const again = await plan({ repetitions: 4, idempotencyKey: 'k' });
    expect(again.run).toEqual(first.run);
    expect([...iterationsOf(again.missing)]).toEqual([0, 3]);
  });

  it('has nothing left to do for a complete run', async () => {
    await write({ repetitions: 4, idempotencyKey: 'k' }, uniformInteger);
    expect((await plan({ repetitions: 4, idempotencyKey: 'k' })).missing).toEqual([]);
  });

  it('accepts the same seed again', async () => {
    const first = await plan({ repetitions: 4, seed: 5, idempotencyKey: 'k' });
    const again = await plan({ repetitions: 4, seed: 5, idempotencyKey: 'k' });
    expect(again.run.id).toBe(first.run.id);
  });

  it.each([
    ['repetitions', { repetitions: 5 }, 4, 5],
    ['seed', { seed: 6 }, 5, 6],
    ['delayMs', { delayMs: 1 }, 0, 1],
    ['generatorName', { generatorName: 'other' }, '"anonymous"', '"other"'],
    ['tolerance', { tolerance: '1%' }, '"0"', '"1%"'],
  ])(
    'refuses a repeated key with another %s, and names both',
    async (field, other, kept, offered) => {
      const request = { repetitions: 4, seed: 5, idempotencyKey: 'k' };
      await plan(request);
      await expect(plan({ ...request, ...other })).rejects.toMatchObject({
        name: 'ConflictingRunError',
        runId: 1,
        idempotencyKey: 'k',
        field,
        message: expect.stringContaining(`whose ${field} is ${kept}, not ${offered}:`) as string,
      });
    },
  );

  it('resumes a run only with its own parameters, where it is given any', async () => {
    const { run } = await plan({ repetitions: 3, parameters: { strike: 1 } });
    const step = new RetrieveRunId(stores);
    expect((await step.resume(run.id, {}, { strike: 1 })).run.id).toBe(run.id);
    const refused = step.resume(run.id, { repetitions: 5 }, { strike: 2 });
    await expect(refused).rejects.toMatchObject({
      name: 'ConflictingRunError',
      runId: run.id,
      field: 'parameters',
    });
    expect((await stores.runs.get(run.id)).repetitions).toBe(3);
  });

  it('allocates nothing for an invalid request', async () => {
    for (const wrong of [
      { repetitions: 0 },
      { repetitions: 1, generatorName: '\ud800' },
      { repetitions: 1, idempotencyKey: '' },
    ]) {
      await expect(plan(wrong)).rejects.toMatchObject({ name: 'InvalidInputError' });
    }
    expect(stores.allocated).toEqual([]);
  });
});

describe('write to db', () => {
  describe('settings', () => {
    it.each([
      [{ concurrency: 0 }, 'concurrency must be an integer from 1 to 1000000000; got 0'],
      [{ concurrency: 1.5 }, 'concurrency must be an integer from 1 to 1000000000; got 1.5'],
      [
        { timeoutMs: 0 },
        'timeout must be a number of milliseconds from 1 to 31536000000 (365 days); got 0',
      ],
      [
        { timeoutMs: Infinity },
        'timeout must be a number of milliseconds from 1 to 31536000000 (365 days); got Infinity',
      ],
    ])('are refused when they are %j', (settings, message) => {
      expect(() => new WriteToDb(uniformInteger, stores, clock, settings)).toThrow(
        expect.objectContaining({ name: 'InvalidInputError', message }) as Error,
      );
    });

    it('are refused with what is no generator', () => {
      expect(() => new WriteToDb(5 as never, stores, clock)).toThrow(
        'generator must be a function (context) => number, or an object with such a function as generate; got 5',
      );
    });
  });

  describe('values', () => {
    it('are those of the seed, whatever the concurrency and however the generator answers', async () => {
      const later: ValueGenerator = async (context) => {
        const hops = context.random.integer(0, 3);
        const { iterationId } = context;
        const value = uniformInteger(iterationContext({ seed: 77, iterationId }));
        for (let hop = 0; hop < hops; hop += 1) await Promise.resolve();
        return value;
      };
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 40 }),
          fc.integer({ min: 1, max: 50 }),
          fc.constantFrom(uniformInteger, later),
          async (repetitions, concurrency, generator) => {
            stores = new FakeStores();
            await write({ repetitions, seed: 77 }, generator, { concurrency });
            expect(stores.inOrder).toEqual(expectedValues(77, repetitions));
            expect(stores.batches.flat()).toHaveLength(repetitions);
          },
        ),
      );
    });

    it('are generated for what is missing alone', async () => {
      const { run } = await plan({ repetitions: 6 });
      stores.kept.set(0, 1).set(3, 1);
      const asked: number[] = [];
      const generator: ValueGenerator = ({ iterationId }) => asked.push(iterationId);
      const missing = await stores.values.missing(run.id);
      await new WriteToDb(generator, stores, clock).execute({ run, missing });
      expect(asked).toEqual([1, 2, 4, 5]);
    });

    it('are none when nothing is missing', async () => {
      const { run } = await plan({ repetitions: 2 });
      await new WriteToDb(uniformInteger, stores, clock).execute({ run, missing: [] });
      expect(stores.batches).toEqual([]);
    });

    it('are stored with zero for negative zero', async () => {
      await write({ repetitions: 1 }, () => -0);
      expect(stores.inOrder).toEqual([0]);
    });

    it('are durable when the step returns, and not before', async () => {
      const store = deferred();
      stores.beforeWrite = async () => {
        await store.promise;
      };
      let returned = false;
      const written = write({ repetitions: 3 }, uniformInteger).then(() => {
        returned = true;
      });
      await settle();
      expect(returned).toBe(false);
      store.resolve(0);
      await written;
      expect(stores.kept.size).toBe(3);
    });

    it('wait the run’s delay, all in flight at the same time', async () => {
      const written = write({ repetitions: 3, delayMs: 600_000 }, uniformInteger);
      await clock.advance(599_999);
      expect(clock.pending).toBe(3);
      expect(stores.batches).toEqual([]);
      await clock.advance(1);
      await written;
      expect(stores.kept.size).toBe(3);
    });

    it('take as many delays one after another as the concurrency asks for', async () => {
      const written = write({ repetitions: 5, delayMs: 1000 }, uniformInteger, { concurrency: 2 });
      await clock.advance(1000);
      expect(stores.kept.size).toBe(2);
      await clock.advance(1000);
      expect(stores.kept.size).toBe(4);
      await clock.advance(1000);
      await written;
      expect(stores.kept.size).toBe(5);
    });
  });

  describe('concurrency', () => {
    it('is used in full and never exceeded', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 30 }),
          fc.integer({ min: 1, max: 12 }),
          async (repetitions, concurrency) => {
            stores = new FakeStores();
            const before = clock.woken;
            let asked = 0;
            let most = 0;
            const generator: ValueGenerator = async ({ random }) => {
              asked += 1;
              most = Math.max(most, asked - (clock.woken - before));
              for (let hop = random.integer(0, 3); hop > 0; hop -= 1) await Promise.resolve();
              return 1;
            };
            const written = write({ repetitions, delayMs: 5 }, generator, { concurrency });
            for (let time = 0; time < repetitions; time += concurrency) await clock.advance(5);
            await written;
            expect(most).toBe(Math.min(repetitions, concurrency));
          },
        ),
        { numRuns: 30 },
      );
    });

    it('is a thousand unless the settings say otherwise', async () => {
      const written = write({ repetitions: 1001, delayMs: 5 }, () => 1);
      await settle();
      expect(clock.pending).toBe(1000);
      await clock.advance(5);
      expect(clock.pending).toBe(1);
      await clock.advance(5);
      await written;
    });
  });

  describe('failures', () => {
    const failsAt =
      (
        failing: readonly number[],
        fail: (id: number) => number | Promise<number>,
      ): ValueGenerator =>
      (context) =>
        failing.includes(context.iterationId) ? fail(context.iterationId) : uniformInteger(context);
    const throwing = (id: number): number => {
      throw new RangeError(`no value at ${id}`);
    };

    it('are recorded with name and message, and thrown with their cause, when a generator throws', async () => {
      await expect(
        write({ repetitions: 5 }, failsAt([3], throwing), { concurrency: 1 }),
      ).rejects.toMatchObject({
        name: 'IterationFailedError',
        runId: 1,
        iterationId: 3,
        message: expect.stringMatching(
          /^iteration 3 of run 1 failed: no value at 3, at steps\.test\.ts:\d+:\d+ \(seed \d+\)$/,
        ) as string,
        cause: new RangeError('no value at 3'),
      });
      expect(stores.recorded).toEqual([
        {
          iterationId: 3,
          errorName: 'RangeError',
          message: expect.stringMatching(/^no value at 3, at steps\.test\.ts:\d+:\d+$/) as string,
          attempts: 1,
        },
      ]);
    });

    it('stop new work, but what was completed before is stored', async () => {
      const asked: number[] = [];
      const generator: ValueGenerator = (context) => {
        asked.push(context.iterationId);
        return failsAt([3], throwing)(context);
      };
      await expect(
        write({ repetitions: 10, seed: 4 }, generator, { concurrency: 1 }),
      ).rejects.toMatchObject({ iterationId: 3 });
      expect(asked).toEqual([0, 1, 2, 3]);
      expect(stores.inOrder).toEqual(expectedValues(4, 3));
    });

    it('are recorded with so much of a message as a record may hold', async () => {
      const failing: ValueGenerator = () => {
        throw new Error('x'.repeat(10_000_000));
      };
      await expect(write({ repetitions: 1 }, failing)).rejects.toThrow();
      expect(stores.recorded[0]?.message).toBe('x'.repeat(2000));
    });

    it('of the same moment are all recorded, and the lowest is thrown', async () => {
      const rejecting = async (id: number): Promise<number> => {
        for (let hop = 8 - id; hop > 0; hop -= 1) await Promise.resolve();
        throw new RangeError(`no value at ${id}`);
      };
      await expect(write({ repetitions: 8 }, failsAt([2, 5, 7], rejecting))).rejects.toMatchObject({
        name: 'IterationFailedError',
        iterationId: 2,
        cause: new RangeError('no value at 2'),
      });
      expect(stores.recordedIds).toEqual([2, 5, 7]);
    });

    it('of the same moment are all recorded also when they share one error', async () => {
      const shared = new Error('no connection');
      const rejecting = async (id: number): Promise<number> => {
        for (let hop = 8 - id; hop > 0; hop -= 1) await Promise.resolve();
        throw shared;
      };
      await expect(write({ repetitions: 8 }, failsAt([2, 5, 7], rejecting))).rejects.toMatchObject({
        iterationId: 2,
        cause: shared,
      });
      expect(stores.recordedIds).toEqual([2, 5, 7]);
    });

    it.each([NaN, Infinity, -Infinity, '5', undefined, null, 5n, {}])(
      'are what a generator causes that answers with %p, at once or later',
      async (answer) => {
        for (const generator of [() => answer, () => Promise.resolve(answer)]) {
          stores = new FakeStores();
          await expect(
            write({ repetitions: 1 }, generator as unknown as ValueGenerator),
          ).rejects.toMatchObject({
            name: 'IterationFailedError',
            iterationId: 0,
            cause: { name: 'InvalidValueError', received: answer },
          });
          expect(stores.batches).toEqual([]);
          expect(stores.recorded).toEqual([
            {
              iterationId: 0,
              errorName: 'InvalidValueError',
              message: expect.stringContaining('a value must be a finite number') as string,
              attempts: 1,
            },
          ]);
        }
      },
    );

    it.each([
      ['boom', '"boom"'],
      [undefined, 'undefined'],
      [null, 'null'],
    ])('may be anything that a generator throws, such as %p', async (thrown, message) => {
      const generator: ValueGenerator = () => {
        throw thrown as unknown as Error; // which it need not be
      };
      await expect(write({ repetitions: 1, seed: 7 }, generator)).rejects.toMatchObject({
        name: 'IterationFailedError',
        message: `iteration 0 of run 1 failed: ${message} (seed 7)`,
        cause: thrown,
      });
      expect(stores.recorded).toEqual([
        { iterationId: 0, errorName: 'Error', message, attempts: 1 },
      ]);
    });

    it('are an iteration’s own abort when nothing was stopped', async () => {
      const abort = Object.assign(new Error('the request was aborted'), { name: 'AbortError' });
      await expect(write({ repetitions: 1 }, () => Promise.reject(abort))).rejects.toMatchObject({
        name: 'IterationFailedError',
        cause: abort,
      });
      expect(stores.recorded).toMatchObject([{ errorName: 'AbortError' }]);
    });

    it('tell what is in flight to stop, without taking that for failures', async () => {
      const signals: AbortSignal[] = [];
      const generator: ValueGenerator = ({ iterationId, signal }) => {
        if (iterationId === 3) return Promise.reject(new RangeError('no'));
        signals.push(signal);
        return untilAborted(signal);
      };
      await expect(write({ repetitions: 6 }, generator)).rejects.toMatchObject({ iterationId: 3 });
      expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true, true, true]);
      expect(stores.recordedIds).toEqual([3]);
    });

    it('cut delays short', async () => {
      const generator = failsAt([2], throwing);
      await expect(write({ repetitions: 3, delayMs: 600_000 }, generator)).rejects.toMatchObject({
        iterationId: 2,
      });
      expect(clock.now()).toBe(1000);
      expect(stores.recordedIds).toEqual([2]);
      expect(stores.batches).toEqual([]);
    });
  });

  describe('an iteration that was abandoned', () => {
    it('writes and records nothing by what it answers later', async () => {
      const late = [deferred(), deferred(), deferred()];
      const generator: ValueGenerator = ({ iterationId }) =>
        late[iterationId]?.promise ?? Promise.reject(new RangeError('no'));
      await expect(write({ repetitions: 4, delayMs: 5 }, generator)).rejects.toMatchObject({
        iterationId: 3,
      });
      late[0]?.resolve(1);
      late[1]?.reject(new Error('too late'));
      late[2]?.resolve(NaN);
      await settle();
      expect(clock.pending).toBe(0);
      expect(stores.batches).toEqual([]);
      expect(stores.recordedIds).toEqual([3]);
    });

    it('generates nothing more when it answers later', async () => {
      const late = deferred();
      const asked: number[] = [];
      const generator: ValueGenerator = ({ iterationId }) => {
        asked.push(iterationId);
        return iterationId === 0 ? late.promise : Promise.reject(new RangeError('no'));
      };
      await expect(write({ repetitions: 9 }, generator, { concurrency: 2 })).rejects.toMatchObject({
        iterationId: 1,
      });
      late.resolve(1);
      await settle();
      expect(asked).toEqual([0, 1]);
      expect(stores.batches).toEqual([]);
    });

    it('has no say either while the last values are still being stored', async () => {
      const [store, value, failure] = [deferred(), deferred(), deferred()];
      stores.beforeWrite = async () => {
        await store.promise;
      };
      const controller = new AbortController();
      const written = write(
        { repetitions: 3 },
        ({ iterationId }) => [1, value.promise, failure.promise][iterationId] ?? 0,
        { signal: controller.signal },
      );
      written.catch(() => undefined);
      await settle();
      controller.abort();
      await settle();
      value.resolve(2);
      failure.reject(new Error('too late'));
      await settle();
      store.resolve(0);
      await expect(written).rejects.toMatchObject({
        name: 'CancelledError',
        ledger: { completed: 1, failed: 0, missing: 2 },
      });
      expect(stores.recorded).toEqual([]);
      expect(stores.inOrder).toEqual([1]);
    });

    // Jest fails a test that leaves an unhandled rejection behind.
    it.each([{}, { timeoutMs: 5000 }])(
      'may reject later without anyone being told, with settings %j',
      async (settings) => {
        const late = deferred();
        const controller = new AbortController();
        const written = write({ repetitions: 1 }, () => late.promise, {
          ...settings,
          signal: controller.signal,
        });
        await settle();
        controller.abort();
        await expect(written).rejects.toMatchObject({ name: 'CancelledError' });
        late.reject(new Error('too late'));
        await settle();
        expect(stores.recorded).toEqual([]);
      },
    );
  });

  describe('a generator’s signal', () => {
    const remembering =
      (signals: AbortSignal[], answer: (context: IterationContext) => number | Promise<number>) =>
      (context: IterationContext): number | Promise<number> => {
        signals.push(context.signal);
        return answer(context);
      };

    it.each<[string, (value: number) => number | Promise<number>]>([
      ['at once', (value) => value],
      ['later', (value) => Promise.resolve(value)],
    ])('is let go unaborted when it has answered %s', async (_, answer) => {
      const signals: AbortSignal[] = [];
      await write(
        { repetitions: 5 },
        remembering(signals, (context) => answer(uniformInteger(context))),
      );
      expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false, false, false]);
    });

    it('is aborted already when it is first asked for after the stop', async () => {
      const late = deferred();
      const seen: boolean[] = [];
      const generator: ValueGenerator = async (context) => {
        await late.promise;
        seen.push(context.signal.aborted);
        return 1;
      };
      const controller = new AbortController();
      const written = write({ repetitions: 1 }, generator, { signal: controller.signal });
      await settle();
      controller.abort();
      await expect(written).rejects.toMatchObject({ name: 'CancelledError' });
      late.resolve(1);
      await settle();
      expect(seen).toEqual([true]);
    });
  });

  describe('a time limit', () => {
    it('fails an iteration that never settles, and tells its generator', async () => {
      let signal: AbortSignal | undefined;
      const generator: ValueGenerator = (context) => {
        signal = context.signal;
        return new Promise(() => undefined);
      };
      const written = write({ repetitions: 1 }, generator, { timeoutMs: 5000 });
      written.catch(() => undefined);
      await clock.advance(4999);
      expect(signal?.aborted).toBe(false);
      await clock.advance(1);
      await expect(written).rejects.toMatchObject({
        name: 'IterationFailedError',
        message: expect.stringContaining(
          'iteration 0 of run 1 failed: the generator did not settle within 5000 ms (seed ',
        ) as string,
        cause: { name: 'IterationTimeoutError', timeoutMs: 5000 },
      });
      expect(signal?.reason).toMatchObject({ name: 'IterationTimeoutError' });
      expect(stores.recorded).toMatchObject([
        { iterationId: 0, errorName: 'IterationTimeoutError' },
      ]);
    });

    it('counts as such, whatever the generator answers to being told', async () => {
      const generator: ValueGenerator = ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('came too late')));
        });
      const written = write({ repetitions: 1 }, generator, { timeoutMs: 5000 });
      written.catch(() => undefined);
      await clock.advance(5000);
      await expect(written).rejects.toMatchObject({ cause: { name: 'IterationTimeoutError' } });
    });

    it('fails all whose time is up at the same moment, the lowest being thrown', async () => {
      const written = write({ repetitions: 3 }, () => new Promise(() => undefined), {
        timeoutMs: 5000,
      });
      written.catch(() => undefined);
      await clock.advance(5000);
      await expect(written).rejects.toMatchObject({ iterationId: 0 });
      expect(stores.recordedIds).toEqual([0, 1, 2]);
    });

    it('leaves those alone that answer in time, and their delay does not count', async () => {
      const answers = [deferred(), deferred()];
      const written = write(
        { repetitions: 2, delayMs: 60_000 },
        ({ iterationId }) => answers[iterationId]?.promise ?? 0,
        { timeoutMs: 100 },
      );
      await clock.advance(99);
      for (const { resolve } of answers) resolve(7);
      await clock.advance(60_000);
      await written;
      expect(stores.inOrder).toEqual([7, 7]);
    });

    it('starts anew with each iteration', async () => {
      const generator: ValueGenerator = async () => {
        await clock.sleep(80);
        return 1;
      };
      const written = write({ repetitions: 3 }, generator, { timeoutMs: 100, concurrency: 1 });
      for (let iteration = 0; iteration < 3; iteration += 1) await clock.advance(80);
      await written;
      expect(stores.kept.size).toBe(3);
    });

    it.each<[string, ValueGenerator]>([
      [
        'throws',
        () => {
          throw new Error('no');
        },
      ],
      ['rejects', () => Promise.reject(new Error('no'))],
    ])('keeps no timer for a generator that %s', async (_, generator) => {
      await expect(write({ repetitions: 3 }, generator, { timeoutMs: 100 })).rejects.toMatchObject({
        name: 'IterationFailedError',
        iterationId: 0,
      });
    });

    it('does not touch a generator that answers at once', async () => {
      await write({ repetitions: 3, seed: 1 }, uniformInteger, { timeoutMs: 100 });
      expect(stores.inOrder).toEqual(expectedValues(1, 3));
    });

    it('keeps no timer when the generator itself stops the run', async () => {
      const controller = new AbortController();
      let signal: AbortSignal | undefined;
      const generator: ValueGenerator = (context) => {
        signal = context.signal;
        controller.abort();
        return new Promise(() => undefined);
      };
      await expect(
        write({ repetitions: 2 }, generator, { timeoutMs: 5000, signal: controller.signal }),
      ).rejects.toMatchObject({ name: 'CancelledError' });
      expect(signal?.aborted).toBe(true);
    });
  });

  describe('cancellation', () => {
    it('ends delays at once, and says what is stored and why', async () => {
      const controller = new AbortController();
      const reason = new Error('enough');
      const written = write({ repetitions: 5, delayMs: 600_000 }, uniformInteger, {
        concurrency: 2,
        signal: controller.signal,
      });
      written.catch(() => undefined);
      await clock.advance(600_000);
      await clock.advance(300_000);
      controller.abort(reason);
      await expect(written).rejects.toMatchObject({
        name: 'CancelledError',
        runId: 1,
        ledger: { requested: 5, completed: 2, failed: 0, missing: 3 },
        cause: reason,
      });
      expect(stores.recorded).toEqual([]);
    });

    it('generates nothing when it came before the start', async () => {
      const asked: number[] = [];
      await expect(
        write({ repetitions: 3 }, ({ iterationId }) => asked.push(iterationId), {
          signal: AbortSignal.abort(),
        }),
      ).rejects.toMatchObject({ name: 'CancelledError', ledger: { missing: 3 } });
      expect(asked).toEqual([]);
    });

    it('does not stop a plan that has nothing to do', async () => {
      const { run } = await plan({ repetitions: 1 });
      await new WriteToDb(uniformInteger, stores, clock).execute(
        { run, missing: [] },
        { signal: AbortSignal.abort() },
      );
      expect(stores.batches).toEqual([]);
    });

    it('does not wait for a generator that ignores it', async () => {
      const controller = new AbortController();
      const written = write({ repetitions: 2 }, () => new Promise(() => undefined), {
        signal: controller.signal,
      });
      await settle();
      controller.abort();
      await expect(written).rejects.toMatchObject({ name: 'CancelledError' });
    });

    it('hands its reason to the generators, whose rejection with it is no failure', async () => {
      const controller = new AbortController();
      const reason = new Error('enough');
      const seen: unknown[] = [];
      const generator: ValueGenerator = async ({ signal }) => {
        try {
          return await untilAborted(signal);
        } finally {
          seen.push(signal.reason);
        }
      };
      const written = write({ repetitions: 2 }, generator, { signal: controller.signal });
      await settle();
      controller.abort(reason);
      await expect(written).rejects.toMatchObject({ name: 'CancelledError' });
      expect(seen).toEqual([reason, reason]);
      expect(stores.recorded).toEqual([]);
    });

    it('is not taken for a failure when the generator wraps it in an error of its own', async () => {
      const controller = new AbortController();
      class CanceledError extends Error {
        override readonly name = 'CanceledError';
      }
      const request: ValueGenerator = ({ signal }) =>
        untilAborted(signal).catch((reason: unknown) => {
          throw new CanceledError('canceled', { cause: reason });
        });
      const writing = write({ repetitions: 10 }, request, { signal: controller.signal });
      await settle();
      controller.abort();
      await expect(writing).rejects.toMatchObject({
        name: 'CancelledError',
        ledger: { requested: 10, completed: 0, failed: 0, missing: 10 },
      });
      expect(stores.recorded).toEqual([]);
    });

    it('does not hide which iteration failed behind another that was told to stop', async () => {
      const request: ValueGenerator = ({ iterationId, signal }) =>
        iterationId === 1
          ? Promise.reject(new RangeError('no value'))
          : untilAborted(signal).catch(() => {
              throw new Error('canceled');
            });
      await expect(write({ repetitions: 3 }, request)).rejects.toMatchObject({
        name: 'IterationFailedError',
        iterationId: 1,
        cause: { message: 'no value' },
      });
      expect(stores.recordedIds).toEqual([1]);
    });

    it('comes too late for a run that has failed already', async () => {
      const controller = new AbortController();
      const request: ValueGenerator = ({ iterationId, signal }) => {
        if (iterationId === 1) return Promise.reject(new RangeError('no value'));
        signal.addEventListener('abort', () => controller.abort());
        return new Promise(() => undefined);
      };
      await expect(
        write({ repetitions: 3 }, request, { signal: controller.signal }),
      ).rejects.toMatchObject({ name: 'IterationFailedError', iterationId: 1 });
    });

    it('leaves an iteration missing that would have been tried again', async () => {
      const controller = new AbortController();
      const failing = deferred();
      const writing = write({ repetitions: 1 }, () => failing.promise, {
        signal: controller.signal,
        retry: { attempts: 2, backoffMs: 1000 },
      });
      await settle();
      failing.reject(new RangeError('no value'));
      controller.abort();
      await expect(writing).rejects.toMatchObject({
        name: 'CancelledError',
        ledger: { requested: 1, completed: 0, failed: 0, missing: 1 },
      });
      expect(stores.recorded).toEqual([]);
    });

    it('is not taken for a failure when the generator waits by Node’s own timers', async () => {
      const controller = new AbortController();
      const generator: ValueGenerator = ({ signal }) => wait(600_000, 1, { signal });
      const written = write({ repetitions: 2 }, generator, { signal: controller.signal });
      await settle();
      controller.abort();
      await expect(written).rejects.toMatchObject({ name: 'CancelledError' });
      expect(stores.recorded).toEqual([]);
    });

    it('after the last value was generated still ends with a complete run', async () => {
      const controller = new AbortController();
      stores.beforeWrite = () => {
        controller.abort();
        return Promise.resolve();
      };
      await write({ repetitions: 3 }, uniformInteger, { signal: controller.signal });
      expect(stores.kept.size).toBe(3);
    });

    it.each<[string, ValueGenerator]>([
      ['succeeded', uniformInteger],
      ['failed', () => NaN],
    ])('is no longer listened for once the step has %s', async (_, generator) => {
      const { signal } = new AbortController();
      let listening = 0;
      const written = write({ repetitions: 3 }, generator, {
        signal,
        onProgress: () => {
          listening = Math.max(listening, getEventListeners(signal, 'abort').length);
        },
      });
      await written.catch(() => undefined);
      expect(listening).toBe(1);
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    });
  });

  describe('the store’s error', () => {
    it.each([
      new PersistenceError('the database is gone', { retryable: true }),
      new ConflictingValueError(RunId.parse(1), IterationId.parse(0), 1, 2),
    ])('surfaces as it is: $name', async (error) => {
      stores.beforeWrite = () => Promise.reject(error);
      await expect(write({ repetitions: 3 }, uniformInteger)).rejects.toBe(error);
      expect(stores.batches).toHaveLength(1);
      expect(stores.recorded).toEqual([]);
    });

    it('stops new work and aborts what is in flight', async () => {
      const error = new PersistenceError('the database is gone', { retryable: true });
      stores.beforeWrite = () => Promise.reject(error);
      const signals: AbortSignal[] = [];
      const generator: ValueGenerator = ({ iterationId, signal }) => {
        if (iterationId === 0) return 1;
        signals.push(signal);
        return untilAborted(signal);
      };
      await expect(write({ repetitions: 50 }, generator, { concurrency: 3 })).rejects.toBe(error);
      expect(signals.length).toBeLessThan(5);
      expect(signals.every(({ aborted }) => aborted)).toBe(true);
      expect(stores.recorded).toEqual([]);
    });

    it('on recording failures does not hide that an iteration failed, nor why', async () => {
      const cause = new PersistenceError('the database is gone', { retryable: true });
      stores.beforeRecord = () => Promise.reject(cause);
      const failing: ValueGenerator = () => Promise.reject(new RangeError('no value'));
      await expect(write({ repetitions: 3 }, failing)).rejects.toMatchObject({
        name: 'PersistenceError',
        message: expect.stringMatching(
          /^iteration 0 of run 1 failed: no value, at .* \(seed \d+\); and that could not be recorded: the database is gone$/,
        ) as string,
        retryable: true,
        cause,
      });
    });

    it('does not keep a failure of the same moment off the record', async () => {
      const error = new PersistenceError('the database is gone', { retryable: true });
      let failing = deferred();
      stores.beforeWrite = () => {
        failing.reject(new RangeError('no value'));
        return Promise.reject(error);
      };
      const generator: ValueGenerator = ({ iterationId }) =>
        iterationId === 0 ? 1 : failing.promise;
      await expect(write({ repetitions: 2 }, generator)).rejects.toBe(error);
      expect(stores.recordedIds).toEqual([1]);
      failing = deferred();
      stores.beforeRecord = () => Promise.reject(new Error('gone as well'));
      await expect(write({ repetitions: 2 }, generator)).rejects.toBe(error);
    });
  });

  describe('progress', () => {
    it('is told at the start and whenever values have become durable', async () => {
      const told: Progress[] = [];
      const written = write({ repetitions: 4, delayMs: 500 }, ({ iterationId }) => iterationId, {
        concurrency: 2,
        onProgress: (progress) => told.push(progress),
      });
      await clock.advance(500);
      await clock.advance(500);
      await written;
      expect(told.map(({ run }) => run.id)).toEqual([1, 1, 1]);
      expect(told).toMatchObject([
        {
          total: 4,
          completed: 0,
          failed: 0,
          elapsedMs: 0,
          ratePerSecond: 0,
          remainingMs: null,
          runningMean: null,
          runningMargin: null,
        },
        { completed: 2, elapsedMs: 500, ratePerSecond: 4, remainingMs: 500, runningMean: 0.5 },
        { completed: 4, elapsedMs: 1000, ratePerSecond: 4, remainingMs: 0, runningMean: 1.5 },
      ]);
      // t with one degree of freedom, times √(0.5 / 2)
      expect(told[1]?.runningMargin).toBeCloseTo(12.7062047361747 / 2, 9);
    });

    it('counts what an earlier attempt stored as completed, but not for the rate and the mean', async () => {
      const request = { repetitions: 4, delayMs: 500, idempotencyKey: 'k' };
      await plan(request);
      stores.kept.set(0, 1000).set(1, 1000).set(2, 1000);
      const told: Progress[] = [];
      const written = write(request, () => 7, { onProgress: (progress) => told.push(progress) });
      await clock.advance(500);
      await written;
      expect(told).toMatchObject([
        { total: 4, completed: 3, runningMean: null, ratePerSecond: 0 },
        { total: 4, completed: 4, runningMean: 7, ratePerSecond: 2, remainingMs: 0 },
      ]);
    });

    it('stops the run before it starts when its listener throws', async () => {
      const error = new Error('the terminal is gone');
      const asked: number[] = [];
      await expect(
        write({ repetitions: 3 }, ({ iterationId }) => asked.push(iterationId), {
          onProgress: () => {
            throw error;
          },
        }),
      ).rejects.toBe(error);
      expect(asked).toEqual([]);
    });

    it('stops the run when its listener rejects', async () => {
      const error = new Error('the terminal is gone');
      const written = write({ repetitions: 50 }, ({ signal }) => untilAborted(signal), {
        onProgress: () => Promise.reject(error),
      });
      await expect(written).rejects.toBe(error);
    });

    it('stops the run midway when its listener throws, keeping what is stored', async () => {
      const error = new Error('the terminal is gone');
      const asked: number[] = [];
      const written = write(
        { repetitions: 50, delayMs: 10 },
        ({ iterationId }) => asked.push(iterationId),
        {
          concurrency: 2,
          onProgress: ({ completed }) => {
            if (completed > 0) throw error;
          },
        },
      );
      written.catch(() => undefined);
      await clock.advance(10);
      await expect(written).rejects.toBe(error);
      expect(stores.kept.size).toBe(2);
      expect(asked.length).toBeLessThanOrEqual(4);
    });
  });
});

describe('aggregate and store value', () => {
  const aggregate = (): Promise<Average> =>
    new AggregateAndStoreValue(stores).execute(RunId.parse(1));

  it('averages a complete run, stores the average and marks the run completed', async () => {
    await write({ repetitions: 4, seed: 3 }, uniformInteger);
    const average = await aggregate();
    expect(average).toEqual(averageOf(expectedValues(3, 4)));
    expect(stores.saved).toEqual([average]);
    expect(stores.allocated[0]?.status).toBe('completed');
  });

  it('finds the same average when it is repeated', async () => {
    await write({ repetitions: 4, seed: 3 }, uniformInteger);
    expect(await aggregate()).toEqual(await aggregate());
    expect(stores.allocated[0]?.status).toBe('completed');
  });

  it('stores no average of an incomplete run, which stays as it is', async () => {
    await plan({ repetitions: 4 });
    stores.kept.set(0, 1);
    await expect(aggregate()).rejects.toMatchObject({
      name: 'IncompleteRunError',
      ledger: { requested: 4, completed: 1, failed: 0, missing: 3 },
    });
    expect(stores.saved).toEqual([]);
    expect(stores.allocated[0]?.status).toBe('started');
  });

  it('does not mark the run completed when the average could not be stored', async () => {
    await write({ repetitions: 1 }, uniformInteger);
    const error = new PersistenceError('the database is gone', { retryable: true });
    stores.averages.save = () => Promise.reject(error);
    await expect(aggregate()).rejects.toBe(error);
    expect(stores.allocated[0]?.status).toBe('started');
  });
});

describe('the three steps', () => {
  it('come to the same average in one go and after a failure that was repeated', async () => {
    const request = { repetitions: 20, seed: 9, idempotencyKey: 'k' };
    const flaky: ValueGenerator = (context) => {
      if (context.iterationId === 13) throw new Error('bad luck');
      return uniformInteger(context);
    };
    await expect(write(request, flaky, { concurrency: 3 })).rejects.toMatchObject({
      iterationId: 13,
    });
    const before = stores.kept.size;
    await write(request, uniformInteger);
    expect(before).toBeGreaterThan(0);
    expect(stores.batches.flat()).toHaveLength(20);
    expect(await new AggregateAndStoreValue(stores).execute(RunId.parse(1))).toEqual(
      averageOf(expectedValues(9, 20)),
    );
  });
});
