import {
  IterationId,
  uniformInteger,
  type AnySimulation,
  type Observer,
  type RunEvent,
} from '@stepcompute/core';
import { parseRunRequest, WriteToDb } from '@stepcompute/core/adapters';
import { expectedAverage } from '@stepcompute/core/testing';
import { inMemoryStores } from '../src/inmemory-stores.js';
import { simulate, type SimulateOptions } from '../src/simulate.js';
import { VirtualClock } from '../src/virtual-clock.js';

/** The events of a run in memory, under the virtual clock. */
async function eventsOf(
  simulation: AnySimulation,
  options: SimulateOptions,
): Promise<readonly RunEvent[]> {
  const events: RunEvent[] = [];
  const observer: Observer = (event) => events.push(event);
  await simulate(simulation, { clock: new VirtualClock(), ...options, observer }).catch(
    () => undefined,
  );
  return events;
}

describe('an observer', () => {
  it('sees a run, each attempt and each batch, and the end', async () => {
    const events = await eventsOf(uniformInteger, { repetitions: 3, concurrency: 1 });
    expect(events.map(({ type }) => type)).toEqual([
      'run',
      ...['attempt', 'attempt', 'attempt'],
      'batch',
      'end',
    ]);
    const [begun, first, , , batch, end] = events;
    expect(begun).toMatchObject({ run: { id: 1, repetitions: 3, status: 'started' }, missing: 3 });
    expect(first).toEqual({
      type: 'attempt',
      runId: 1,
      iterationId: 0,
      attempt: 1,
      durationMs: 0,
    });
    expect(batch).toEqual({ type: 'batch', runId: 1, of: 'values', count: 3, durationMs: 0 });
    expect(end).toEqual({
      type: 'end',
      runId: 1,
      status: 'completed',
      durationMs: 0,
      ledger: { requested: 3, completed: 3, failed: 0, missing: 0 },
    });
  });

  it('sees retries with their waits, failures and why, by the run’s clock', async () => {
    const clock = new VirtualClock();
    const broken = new Error('no value');
    const events = await eventsOf(
      async ({ iterationId }) => {
        await clock.sleep(50);
        if (iterationId === 1) throw broken;
        return iterationId;
      },
      {
        repetitions: 2,
        seed: 42,
        concurrency: 1,
        tolerance: 1,
        retry: { attempts: 2, backoffMs: 1000 },
        clock,
      },
    );
    const of = <Type extends RunEvent['type']>(
      type: Type,
    ): readonly Extract<RunEvent, { type: Type }>[] =>
      events.filter((event): event is Extract<RunEvent, { type: Type }> => event.type === type);
    expect(of('attempt')).toMatchObject([
      { iterationId: 0, attempt: 1, durationMs: 50 },
      { iterationId: 1, attempt: 1, durationMs: 50, error: broken },
      // Behind a wait that is no whole number.
      { iterationId: 1, attempt: 2, durationMs: expect.closeTo(50, 6) as number, error: broken },
    ]);
    const [retry, ...others] = of('retry');
    expect(others).toEqual([]);
    expect(retry).toMatchObject({ iterationId: 1, attempt: 1, error: broken });
    expect(retry?.backoffMs).toBeGreaterThanOrEqual(0);
    expect(retry?.backoffMs).toBeLessThanOrEqual(1000);
    expect(of('failure')).toEqual([
      { type: 'failure', runId: 1, iterationId: 1, attempts: 2, error: broken },
    ]);
    expect(of('batch')).toMatchObject([
      { of: 'values', count: 1 },
      { of: 'failures', count: 1 },
    ]);
    expect(of('end')).toMatchObject([
      { status: 'completed', durationMs: clock.now(), ledger: { completed: 1, failed: 1 } },
    ]);
  });

  it('sees a block begin and end, and all that is done in it with one and the same block', async () => {
    const events: RunEvent[] = [];
    const stores = inMemoryStores();
    const clock = new VirtualClock();
    const run = await stores.runs.allocate(
      parseRunRequest({ repetitions: 10, seed: 42, tolerance: 1 }),
    );
    const broken = new Error('no value');
    const simulation = async ({ iterationId }: { readonly iterationId: number }) => {
      await clock.sleep(50);
      if (iterationId === 4) throw broken;
      return iterationId;
    };
    const step = new WriteToDb(simulation, stores, clock, {
      concurrency: 1,
      retry: { attempts: 2, backoffMs: 0 },
      observer: (event) => events.push(event),
    });
    const block = { first: IterationId.parse(3), count: 3, traceparent: 'theirs' };
    const missing = [{ first: IterationId.parse(4), count: 2 }];
    await step.execute({ run, missing, block });
    expect(events.map(({ type }) => type)).toEqual([
      ...['block', 'attempt', 'retry', 'attempt', 'failure', 'batch'],
      ...['attempt', 'batch', 'block-end'],
    ]);
    for (const event of events) expect(event).toHaveProperty('block', block);
    expect(new Set(events.map((event) => 'block' in event && event.block))).toEqual(
      new Set([block]),
    );
    expect(events[0]).toMatchObject({ runId: run.id, missing: 2 });
    expect(events.at(-1)).toMatchObject({ runId: run.id, durationMs: clock.now() });
    expect(events.at(-1)).not.toHaveProperty('error');
  });

  it('sees why a block failed, also before anything was done of it', async () => {
    const events: RunEvent[] = [];
    const stores = inMemoryStores();
    const asked = parseRunRequest({ repetitions: 2, seed: 42 }, { fingerprint: { version: 'a' } });
    const run = await stores.runs.allocate(asked);
    const observer: Observer = (event) => events.push(event);
    const block = { first: IterationId.parse(0), count: 2 };
    const plan = { run, missing: [block], block };
    const other = new WriteToDb(uniformInteger, stores, new VirtualClock(), {
      simulationVersion: 'b',
      observer,
    });
    await expect(other.execute(plan)).rejects.toThrow();
    expect(events).toMatchObject([
      { type: 'block' },
      { type: 'block-end', error: { name: 'ChangedSimulationError' } },
    ]);
  });

  it.each<[string, AnySimulation, object]>([
    [
      'failed',
      () => {
        throw new Error('no value');
      },
      { name: 'IterationFailedError' },
    ],
    ['failed', () => Number.MAX_VALUE, { name: 'AverageOverflowError' }],
  ])('sees that a run has %s, and why', async (status, simulation, error) => {
    const events = await eventsOf(simulation, { repetitions: 2, concurrency: 1 });
    expect(events.at(-1)).toMatchObject({ type: 'end', status, error });
  });

  it('sees a run that is cancelled, and nothing of one that is refused', async () => {
    const controller = new AbortController();
    const events = await eventsOf(
      ({ iterationId }) => {
        if (iterationId === 1) controller.abort();
        return iterationId;
      },
      { repetitions: 5, concurrency: 1, signal: controller.signal },
    );
    expect(events.at(-1)).toMatchObject({
      type: 'end',
      status: 'cancelled',
      error: { name: 'CancelledError' },
    });
    expect(await eventsOf(uniformInteger, { repetitions: 0 })).toEqual([]);
  });

  it('harms nothing by what it throws, and is told of once', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation();
    try {
      const observer = jest.fn(() => {
        throw new Error('no room for logs');
      });
      const { average } = await simulate(uniformInteger, {
        repetitions: 100,
        seed: 42,
        observer,
      });
      expect(average).toEqual(expectedAverage(42, 100));
      expect(observer.mock.calls.length).toBeGreaterThan(100);
      expect(warn.mock.calls).toEqual([['an observer of runs has thrown: no room for logs']]);
    } finally {
      warn.mockRestore();
    }
  });

  it('harms nothing by what it rejects with', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation();
    try {
      const rejecting = async (): Promise<void> => Promise.reject(new Error('no room for logs'));
      const observer = rejecting as Observer;
      const { average } = await simulate(uniformInteger, { repetitions: 100, seed: 42, observer });
      expect(average).toEqual(expectedAverage(42, 100));
      expect(warn).toHaveBeenCalledTimes(1);
    } finally {
      warn.mockRestore();
    }
  });

  it('can’t change the run that it sees', async () => {
    let isFrozen = false;
    await simulate(uniformInteger, {
      repetitions: 1,
      observer: (event) => {
        if (event.type === 'run') isFrozen = Object.isFrozen(event.run);
      },
    });
    expect(isFrozen).toBe(true);
  });

  it('is refused when it is no function', async () => {
    const observer = {} as Observer;
    await expect(simulate(uniformInteger, { repetitions: 1, observer })).rejects.toMatchObject({
      name: 'InvalidInputError',
      message: 'observer must be a function (event) => void; got an object',
    });
  });
});
