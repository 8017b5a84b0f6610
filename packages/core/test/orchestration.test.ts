import { followLedger } from '../src/orchestration/follow-ledger.js';
import { Orchestration } from '../src/orchestration/orchestration.js';
import type { Executor, Progress } from '../src/ports/orchestrator.js';
import { IterationId, Repetitions, RunId } from '../src/run/numbers.js';
import { countOf, IterationRange, iterationsOf, without } from '../src/run/range.js';
import { parseRunRequest } from '../src/run/request.js';
import { CancelledError, PersistenceError, StepFailedError } from '../src/run/run-errors.js';
import { FakeStores } from './fakes.js';

let stores: FakeStores;

beforeEach(() => {
  stores = new FakeStores();
});

const failure = { errorName: 'Error', message: 'no value', attempts: 1 };

/** An engine somewhere else: it stores a value for each missing iteration, but fails those named. */
class Engine implements Executor {
  executed = 0;

  constructor(private readonly failing: readonly number[] = []) {}

  async execute({ run, missing }: Parameters<Executor['execute']>[0]): Promise<void> {
    this.executed += 1;
    const ids = [...iterationsOf(missing)];
    const lost = ids.filter((iterationId) => this.failing.includes(iterationId));
    const done = ids.filter((iterationId) => !lost.includes(iterationId));
    await stores.values.write(
      run.id,
      done.map((iterationId) => ({ iterationId, value: iterationId })),
    );
    await stores.failures.record(
      run.id,
      lost.map((iterationId) => ({ iterationId, ...failure })),
    );
  }
}

describe('an engine that is given a plan', () => {
  it('is taken from a request to the average', async () => {
    const orchestration = new Orchestration({ stores, executor: new Engine() });
    const { run, ledger, average } = await orchestration.run({ repetitions: 5 });
    expect(run.status).toBe('completed');
    expect(ledger).toEqual({ requested: 5, completed: 5, failed: 0, missing: 0 });
    expect(average.mean).toBe(2);
  });

  it.each([
    ['failed', new Error('the engine broke')],
    ['failed', new PersistenceError('gone', { retryable: true })],
    [
      'failed',
      new CancelledError(undefined, undefined, {
        cause: new StepFailedError('a queue', 'Gone', 'gone'),
      }),
    ],
    ['cancelled', new CancelledError()],
  ])('leaves a run that is %s behind when it ends with %s', async (status, error) => {
    const executor = { execute: () => Promise.reject(error) };
    await expect(new Orchestration({ stores, executor }).run({ repetitions: 5 })).rejects.toBe(
      error,
    );
    expect(stores.allocated[0]?.status).toBe(status);
  });

  it('leaves a failed run behind when the third step fails', async () => {
    const executor = { execute: () => Promise.resolve() };
    await expect(new Orchestration({ stores, executor }).run({ repetitions: 5 })).rejects.toThrow(
      'run 1 has 0 of 5 values',
    );
    expect(stores.allocated[0]?.status).toBe('failed');
  });

  it('reports its own error when the end can’t be recorded either', async () => {
    const error = new Error('the engine broke');
    stores.runs.finish = () => Promise.reject(new Error('gone as well'));
    const executor = { execute: () => Promise.reject(error) };
    await expect(new Orchestration({ stores, executor }).run({ repetitions: 5 })).rejects.toBe(
      error,
    );
  });

  it('is asked for nothing when the signal is aborted beforehand', async () => {
    const executor = new Engine();
    const orchestration = new Orchestration({ stores, executor });
    const signal = AbortSignal.abort();
    await expect(orchestration.run({ repetitions: 5 }, { signal })).rejects.toMatchObject({
      name: 'CancelledError',
    });
    await expect(orchestration.resume(1, {}, { signal })).rejects.toMatchObject({
      name: 'CancelledError',
    });
    expect([executor.executed, stores.allocated]).toEqual([0, []]);
  });
});

describe('a complete run', () => {
  it('is answered from its stored average, whatever engine is at hand', async () => {
    const { average } = await new Orchestration({ stores, executor: new Engine() }).run({
      repetitions: 5,
    });
    const executor = { execute: () => Promise.reject(new Error('another simulation')) };
    const values = jest.spyOn(stores.values, 'missing');
    const averaging = jest.spyOn(stores.values, 'scan');
    const result = await new Orchestration({ stores, executor }).resume(1);
    expect(result.average).toEqual(average);
    expect(result.ledger).toEqual({ requested: 5, completed: 5, failed: 0, missing: 0 });
    expect(values).not.toHaveBeenCalled();
    expect(averaging).not.toHaveBeenCalled();
  });

  it('is answered also to a listener that rejects, since there is nothing left to stop', async () => {
    const orchestration = new Orchestration({ stores, executor: new Engine() });
    const { average } = await orchestration.run({ repetitions: 5 });
    const unhandled = jest.fn();
    process.once('unhandledRejection', unhandled);
    try {
      const onProgress = (): Promise<never> => Promise.reject(new Error('enough'));
      const again = await orchestration.resume(1, {}, { onProgress });
      await new Promise((resolve) => setImmediate(resolve));
      expect(again.average).toEqual(average);
      expect(unhandled).not.toHaveBeenCalled();
    } finally {
      process.removeListener('unhandledRejection', unhandled);
    }
  });

  it('is executed again when it is extended, or its average is gone', async () => {
    const executor = new Engine();
    const orchestration = new Orchestration({ stores, executor });
    await orchestration.run({ repetitions: 5 });
    expect((await orchestration.resume(1, { repetitions: 7 })).average.count).toBe(7);
    stores.saved.length = 0;
    expect((await orchestration.resume(1)).average.count).toBe(7);
    expect(executor.executed).toBe(3);
  });

  it('has its tolerated failures tried again when it is resumed', async () => {
    const request = { repetitions: 5, tolerance: 1 };
    await new Orchestration({ stores, executor: new Engine([3]) }).run(request);
    const { average } = await new Orchestration({ stores, executor: new Engine() }).resume(1);
    expect(average.count).toBe(5);
  });

  it('answers its key again, with progress that adds up where failures were tolerated', async () => {
    const request = { repetitions: 5, tolerance: 1, idempotencyKey: 'k' };
    const first = await new Orchestration({ stores, executor: new Engine([3]) }).run(request);
    const reports: Progress[] = [];
    const executor = { execute: () => Promise.reject(new Error('another simulation')) };
    const again = await new Orchestration({ stores, executor }).run(request, {
      onProgress: (progress) => reports.push(progress),
    });
    expect(again.average).toEqual(first.average);
    expect(reports).toMatchObject([{ total: 5, completed: 4, failed: 1, remainingMs: 0 }]);
  });
});

describe('a ledger that is followed', () => {
  const run = { id: RunId.parse(1), repetitions: Repetitions.parse(10) };

  async function store(iterations: readonly number[]): Promise<void> {
    const batch = iterations.map((id) => ({ iterationId: IterationId.parse(id), value: 1 }));
    await stores.values.write(run.id, batch);
  }

  it('adds up at each look, and looks only where something was missing before', async () => {
    await stores.runs.allocate(parseRunRequest({ repetitions: 10 }));
    const missing = jest.spyOn(stores.values, 'missing');
    const looks = followLedger(stores, run);
    const look = async (): Promise<unknown> => (await looks.next()).value;
    expect(await look()).toEqual({ requested: 10, completed: 0, failed: 0, missing: 10 });
    await store([0, 1, 2, 5, 6]);
    await stores.failures.record(run.id, [{ iterationId: IterationId.parse(9), ...failure }]);
    expect(await look()).toEqual({ requested: 10, completed: 5, failed: 1, missing: 4 });
    await store([3, 4, 7, 8, 9]);
    expect(await look()).toEqual({ requested: 10, completed: 10, failed: 0, missing: 0 });
    const ids = missing.mock.calls.map(([, within]) => [...iterationsOf(within ?? [])]);
    expect(ids[2]).toEqual([3, 4, 7, 8, 9]);
  });

  it('asks about ten thousand ranges at most, whatever the number of gaps', async () => {
    await stores.runs.allocate(parseRunRequest({ repetitions: 1 }));
    const everySecond = Array.from({ length: 25_000 }, (_, index) =>
      IterationRange.parse({ first: 2 * index, count: 1 }),
    );
    const missing = jest.spyOn(stores.values, 'missing').mockResolvedValue(everySecond);
    const looks = followLedger(stores, { id: run.id, repetitions: Repetitions.parse(50_000) });
    for (let look = 0; look < 2; look += 1) {
      const { value } = await looks.next();
      expect(value).toEqual({ requested: 50_000, completed: 25_000, failed: 0, missing: 25_000 });
    }
    const asked = missing.mock.calls[1]?.[1] ?? [];
    expect(asked.length).toBeLessThanOrEqual(10_000);
    expect(countOf(without(everySecond, asked))).toBe(0);
  });

  it('does not count a failure that has its value by now', async () => {
    await stores.runs.allocate(parseRunRequest({ repetitions: 10 }));
    await store([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    stores.failures.record = () => Promise.resolve(2);
    const { value } = await followLedger(stores, run).next();
    expect(value).toEqual({ requested: 10, completed: 9, failed: 1, missing: 0 });
  });
});
