import {
  averageOf,
  CancelledError,
  InvalidInputError,
  uniformInteger,
  type IterationContext,
  type Progress,
} from '@stepcompute/core';
import { InProcessOrchestrator } from '@stepcompute/core';
import { inMemoryStores } from '../src/inmemory-stores.js';
import { simulate } from '../src/simulate.js';
import { SystemClock } from '@stepcompute/core';
import { VirtualClock } from '../src/virtual-clock.js';

describe('simulate', () => {
  it('answers with every value and their average', async () => {
    const { values, average, ledger } = await simulate(uniformInteger, {
      repetitions: 1000,
      seed: 42,
    });
    expect(values).toHaveLength(1000);
    expect(average).toEqual(averageOf(values));
    expect(ledger).toEqual({ requested: 1000, completed: 1000, failed: 0, missing: 0 });
  });

  it('gives the same bits whatever the concurrency, synchronous or not', async () => {
    const asynchronous = async (context: IterationContext): Promise<number> => {
      await Promise.resolve();
      return uniformInteger(context);
    };
    const results = await Promise.all([
      simulate(uniformInteger, { repetitions: 3000, seed: 7 }),
      simulate(uniformInteger, { repetitions: 3000, seed: 7, concurrency: 1 }),
      simulate(asynchronous, { repetitions: 3000, seed: 7, concurrency: 17 }),
    ]);
    for (const { values, average } of results) {
      expect(values).toEqual(results[0].values);
      expect(average).toEqual(results[0].average);
    }
  });

  it('ends a thousand repetitions with a 10-minute delay in virtual time, leaving no timer behind', async () => {
    const clock = new VirtualClock();
    const { average } = await simulate(uniformInteger, {
      repetitions: 1000,
      seed: 42,
      delayMs: 600_000,
      clock,
    });
    expect(average.count).toBe(1000);
    expect(clock.now()).toBe(600_000);
    expect(clock.pending).toBe(0);
  });

  it('takes as many delays as the concurrency makes necessary', async () => {
    const clock = new VirtualClock();
    await simulate(uniformInteger, { repetitions: 10, delayMs: 1000, concurrency: 4, clock });
    expect(clock.now()).toBe(3000);
  });

  it('never has more iterations in flight than the concurrency allows', async () => {
    const clock = new VirtualClock();
    let inFlight = 0;
    let most = 0;
    const generator = async (): Promise<number> => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      await clock.sleep(5);
      inFlight -= 1;
      return 1;
    };
    await simulate(generator, { repetitions: 50, concurrency: 8, clock });
    expect(most).toBe(8);
  });

  it('fails an iteration that never settles when its time is up, and frees everything', async () => {
    const clock = new VirtualClock();
    const never = (): Promise<number> => new Promise(() => undefined);
    await expect(
      simulate(never, { repetitions: 20, timeoutMs: 5000, clock }),
    ).rejects.toMatchObject({
      name: 'IterationFailedError',
      iterationId: 0,
      cause: { name: 'IterationTimeoutError', timeoutMs: 5000 },
    });
    expect(clock.now()).toBe(5000);
    expect(clock.pending).toBe(0);
  });

  it('tells the generator through its signal that its time is up', async () => {
    const clock = new VirtualClock();
    const reasons: unknown[] = [];
    const generator = ({ signal }: IterationContext): Promise<number> =>
      new Promise(() => {
        signal.addEventListener('abort', () => reasons.push(signal.reason));
      });
    await expect(
      simulate(generator, { repetitions: 1, timeoutMs: 10, clock }),
    ).rejects.toMatchObject({ name: 'IterationFailedError' });
    expect(reasons).toMatchObject([{ name: 'IterationTimeoutError' }]);
  });

  it('gives every iteration a signal of its own, so that none gathers listeners', async () => {
    const signals = new Set<AbortSignal>();
    await simulate(({ signal }) => signals.add(signal).size, { repetitions: 100 });
    expect(signals.size).toBe(100);
  });

  it('stops in the middle of the delay when it is cancelled, leaving no timer behind', async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const generator = ({ iterationId }: IterationContext): number => {
      if (iterationId === 5) void clock.sleep(60_000).then(() => controller.abort());
      return 1;
    };
    await expect(
      simulate(generator, {
        repetitions: 10,
        delayMs: 600_000,
        clock,
        signal: controller.signal,
      }),
    ).rejects.toMatchObject({
      name: 'CancelledError',
      ledger: { requested: 10, completed: 0, failed: 0, missing: 10 },
    });
    expect(clock.now()).toBe(60_000);
    expect(clock.pending).toBe(0);
  });

  it('starts no new iteration after a failure', async () => {
    const started: number[] = [];
    const clock = new VirtualClock();
    const generator = async ({ iterationId }: IterationContext): Promise<number> => {
      started.push(iterationId);
      await clock.sleep(10);
      if (iterationId === 1) throw new Error('broken');
      return 1;
    };
    await expect(
      simulate(generator, { repetitions: 1000, concurrency: 4, clock }),
    ).rejects.toMatchObject({ name: 'IterationFailedError', iterationId: 1 });
    expect(started.length).toBeLessThan(10);
  });

  it('does not listen to a generator that it has abandoned', async () => {
    const clock = new VirtualClock();
    const generator = async ({ iterationId }: IterationContext): Promise<number> => {
      if (iterationId === 0) throw new Error('broken');
      await clock.sleep(1000);
      throw new Error('too late to matter');
    };
    const unhandled: unknown[] = [];
    const listen = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listen);
    try {
      await expect(simulate(generator, { repetitions: 5, clock })).rejects.toMatchObject({
        iterationId: 0,
      });
      await clock.sleep(2000);
    } finally {
      process.off('unhandledRejection', listen);
    }
    expect(unhandled).toEqual([]);
  });

  it('reports rate, time left and the running mean as it goes', async () => {
    const clock = new VirtualClock();
    const reports: Progress[] = [];
    await simulate(() => 3, {
      repetitions: 10,
      concurrency: 2,
      delayMs: 1000,
      clock,
      onProgress: (progress) => reports.push(progress),
    });
    expect(reports[0]).toMatchObject({ completed: 0, ratePerSecond: 0, remainingMs: null });
    expect(reports[1]).toMatchObject({
      completed: 2,
      total: 10,
      failed: 0,
      elapsedMs: 1000,
      ratePerSecond: 2,
      remainingMs: 4000,
      runningMean: 3,
      runningMargin: 0,
    });
    expect(reports.at(-1)).toMatchObject({ completed: 10, remainingMs: 0 });
  });

  it('refuses settings that are out of range before a run is allocated', async () => {
    for (const concurrency of [0, -1, 1.5, NaN]) {
      await expect(simulate(uniformInteger, { repetitions: 1, concurrency })).rejects.toMatchObject(
        {
          name: 'InvalidInputError',
          field: 'concurrency',
        },
      );
    }
    await expect(simulate(uniformInteger, { repetitions: 1, timeoutMs: 0 })).rejects.toMatchObject({
      name: 'InvalidInputError',
      field: 'timeout',
    });
  });

  it.each([
    ['options', uniformInteger, undefined],
    ['options', uniformInteger, 5],
    ['generator', 5, { repetitions: 1 }],
    ['generator', undefined, { repetitions: 1 }],
    ['repetitions', uniformInteger, {}],
    ['options', uniformInteger, []],
    ['options', uniformInteger, { repetitions: 1, concurency: 5 }],
  ])('refuses what is no %s', async (field, generator, options) => {
    const { simulate: untyped } = { simulate } as { simulate: (...args: unknown[]) => unknown };
    await expect(untyped(generator, options)).rejects.toMatchObject({
      name: 'InvalidInputError',
      field,
    });
  });

  it('names all of its own options where one is misspelt', async () => {
    const options = { repetitions: 1, seed: 1, concurency: 5 };
    await expect(simulate(uniformInteger, options)).rejects.toThrow(
      /^options must be an object with repetitions, .*concurrency, .*idempotencyKey, label, precision, .*scenario alone; got "concurency"$/,
    );
  });

  it.each([null, undefined, 5, 'text'])('refuses %p as a request', async (request) => {
    const stores = inMemoryStores();
    const orchestrator = new InProcessOrchestrator({
      generator: uniformInteger,
      stores,
      clock: new VirtualClock(),
    });
    await expect(orchestrator.run(request as never)).rejects.toMatchObject({
      name: 'InvalidInputError',
    });
    expect(await stores.runs.list({ limit: 1 })).toEqual([]);
  });

  it.each([
    ['cancelled', new Error('enough')],
    ['cancelled', new CancelledError()],
    ['failed', new InvalidInputError('generator', 'one that settles', 'one that never does')],
  ])('records a run as %s when it is stopped with %p', async (status, reason) => {
    const stores = inMemoryStores();
    const clock = new VirtualClock();
    const orchestrator = new InProcessOrchestrator({ generator: uniformInteger, stores, clock });
    const controller = new AbortController();
    const running = orchestrator.run(
      { repetitions: 5, delayMs: 1000 },
      { signal: controller.signal, onProgress: () => controller.abort(reason) },
    );
    await expect(running).rejects.toMatchObject({ name: 'CancelledError' });
    expect(await stores.runs.list({ limit: 1 })).toMatchObject([{ status }]);
  });

  it('runs 100,000 repetitions', async () => {
    const { average } = await simulate(uniformInteger, { repetitions: 100_000, seed: 1 });
    expect(average.count).toBe(100_000);
    const [lower, upper] = average.confidenceInterval ?? [NaN, NaN];
    expect(lower).toBeLessThan(500);
    expect(upper).toBeGreaterThan(500);
  });

  it('lets the process do its other work while a synchronous generator runs', async () => {
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 0);
    await simulate(uniformInteger, { repetitions: 50_000, clock: new SystemClock() });
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(0);
  });
});
