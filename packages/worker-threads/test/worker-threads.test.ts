import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { BroadcastChannel } from 'node:worker_threads';
import {
  IterationId,
  RandomStream,
  RunId,
  Seed,
  uniformInteger,
  type IterationFailure,
  iterationContext,
} from '@stepcompute/core';
import {
  inMemoryStores,
  InProcessOrchestrator,
  simulate,
  SystemClock,
} from '@stepcompute/inmemory-adapter';
// By its name: a thread is started from the built file.
import { parseWorkers, WorkerThreads, type WorkerThreadsProps } from '@stepcompute/worker-threads';

const simulations = join(__dirname, 'simulations');
const draws = join(simulations, 'draws.mjs');
const repetitions = 3000;
const seed = 42;

interface RunOfThreads extends Partial<WorkerThreadsProps> {
  readonly tolerance?: number;
  readonly parameters?: object;
}

async function run({ tolerance = 0, parameters, ...props }: RunOfThreads = {}) {
  const threads = new WorkerThreads({ module: draws, workers: 2, ...props });
  const stores = inMemoryStores();
  try {
    const orchestrator = new InProcessOrchestrator({
      generator: threads.generate,
      stores,
      clock: new SystemClock(),
    });
    const result = await orchestrator.run({ repetitions, seed, tolerance, parameters });
    const values: number[] = [];
    for await (const batch of stores.values.read(result.run.id)) {
      for (const { value } of batch) values.push(value);
    }
    const failures: IterationFailure[] = [];
    for await (const batch of stores.failures.read(result.run.id)) failures.push(...batch);
    return { ...result, values, failures };
  } finally {
    await threads.close();
  }
}

const inProcess = () => simulate(uniformInteger, { repetitions, seed });

describe('the parameters of a simulation in worker threads', () => {
  const parameters = { path: [] };

  it('are frozen throughout, as in process', async () => {
    await expect(run({ exportName: 'meddling', parameters })).rejects.toMatchObject({
      name: 'IterationFailedError',
      cause: { name: 'TypeError', message: expect.stringContaining('not extensible') as string },
    });
  });

  it('are one object in a thread', async () => {
    const { values } = await run({ exportName: 'countingParameters', parameters, workers: 2 });
    expect(new Set(values)).toEqual(new Set([1]));
  });
});

describe('a simulation in worker threads', () => {
  it.each([1, 2, 5])('has the values of one in process, with %i threads', async (workers) => {
    const { values, average } = await run({ workers });
    const expected = await inProcess();
    expect(values).toEqual([...expected.values]);
    expect(average).toEqual(expected.average);
  });

  it('may be asynchronous', async () => {
    const { average } = await run({ exportName: 'waiting' });
    expect(average).toEqual((await inProcess()).average);
  });

  it('is recorded by its file’s name', async () => {
    expect((await run()).run.generatorName).toBe('draws.mjs');
  });

  it('keeps runs of several stores apart, which give the same run ids', async () => {
    const threads = new WorkerThreads({ module: draws, workers: 1 });
    const runId = RunId.parse(1);
    const generate = (context: (typeof identities)[number], iteration: number) =>
      threads.generate(iterationContext({ ...context, iterationId: iteration }));
    const identities = [1, 2].map((seed) => ({ runId, seed: Seed.parse(seed) }));
    const iterations = Array.from({ length: 400 }, (_, iteration) => iteration);
    const drawn = (seed: number, iteration: number) =>
      new RandomStream(Seed.parse(seed), IterationId.parse(iteration)).integer(0, 1000);
    try {
      // Two runs take turns, so that their iterations stand in one row; ranges grow from round to round.
      for (let round = 0; round < 5; round += 1) {
        const values = await Promise.all(
          iterations.map(async (iteration) => generate(identities[iteration % 2]!, iteration)),
        );
        expect(values).toEqual(
          iterations.map((iteration) => drawn(1 + (iteration % 2), iteration)),
        );
      }
    } finally {
      await threads.close();
    }
  });

  it('may be given more time than one timer of the platform can run', async () => {
    const { average } = await run({ exportName: 'waiting', timeoutMs: 31_536_000_000 });
    expect(average).toEqual((await inProcess()).average);
  });

  it('runs in several runs at the same time', async () => {
    const threads = new WorkerThreads({ module: draws, workers: 2 });
    try {
      const orchestrator = new InProcessOrchestrator({
        generator: threads.generate,
        stores: inMemoryStores(),
        clock: new SystemClock(),
      });
      const results = await Promise.all(
        [1, 2, 3].map((seed) => orchestrator.run({ repetitions, seed })),
      );
      const expected = await Promise.all(
        [1, 2, 3].map((seed) => simulate(uniformInteger, { repetitions, seed })),
      );
      expect(results.map(({ average }) => average.mean)).toEqual(
        expected.map(({ average }) => average.mean),
      );
    } finally {
      await threads.close();
    }
  });
});

describe('iterations that wait', () => {
  /** Those of `meeting`, of which the first so many wait until they are let go. */
  function meet(name: string, workers: number, waiting: number, onBegun: (meet: Meeting) => void) {
    const channel = new BroadcastChannel(name);
    const threads = new WorkerThreads({ module: draws, exportName: 'meeting', workers });
    const begun = new Map<number, number>();
    const letGo = (): void => channel.postMessage('go');
    channel.onmessage = (message) => {
      const { threadId } = (message as { readonly data: { readonly threadId: number } }).data;
      begun.set(threadId, (begun.get(threadId) ?? 0) + 1);
      onBegun({ begun, letGo });
    };
    const generate = async (iterationId: number) =>
      threads.generate(
        iterationContext({ iterationId, seed, parameters: { channel: name, waiting } }),
      );
    return {
      generate,
      letGo,
      close: async () => {
        channel.close();
        await threads.close();
      },
    };
  }
  interface Meeting {
    /** How many each thread has begun. */
    readonly begun: ReadonlyMap<number, number>;
    readonly letGo: () => void;
  }

  it('are all in flight at once, in all threads', async () => {
    let inThreads: number[] = [];
    const { generate, close } = meet('all at once', 2, 1000, ({ begun, letGo }) => {
      inThreads = [...begun.values()];
      if (inThreads.reduce((sum, count) => sum + count) === 1000) letGo();
    });
    try {
      await Promise.all(Array.from({ length: 1000 }, (_, iteration) => generate(iteration)));
      expect(inThreads).toHaveLength(2);
      expect(Math.min(...inThreads)).toBeGreaterThan(100);
    } finally {
      await close();
    }
  });

  it('hold up none of the others, whose values come at once', async () => {
    const { generate, letGo, close } = meet('one waits', 1, 1, () => undefined);
    try {
      const [first, ...others] = Array.from({ length: 100 }, (_, iteration) => generate(iteration));
      const expected = [...(await inProcess()).values];
      expect(await Promise.all(others)).toEqual(expected.slice(1, 100));
      letGo();
      expect(await first).toBe(expected[0]);
    } finally {
      await close();
    }
  });
});

describe('a thread that breaks down', () => {
  it('costs nothing when what it was at succeeds the second time', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stepcompute-threads-'));
    const module = join(folder, 'draws.mjs');
    cpSync(draws, module);
    try {
      const { average, ledger } = await run({ module, exportName: 'exitOnce' });
      expect(existsSync(join(folder, 'been-here'))).toBe(true);
      expect(ledger).toEqual({
        requested: repetitions,
        completed: repetitions,
        failed: 0,
        missing: 0,
      });
      expect(average).toEqual((await inProcess()).average);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('fails the iterations that break it twice, and no others', async () => {
    const { failures, ledger, values } = await run({ exportName: 'ofAllSorts', tolerance: 5 });
    expect(failures).toMatchObject([
      {
        iterationId: 3,
        errorName: 'StepFailedError',
        message: 'the worker thread failed with Error: worker exited with code: 9',
      },
      {
        iterationId: 5,
        errorName: 'RangeError',
        message: 'out of range: no such index, at draws.mjs:43:13',
      },
      {
        iterationId: 7,
        errorName: 'InvalidValueError',
        message: 'a value must be a finite number; the generator returned "seven"',
      },
      {
        iterationId: 11,
        errorName: 'StepFailedError',
        message: 'the worker thread failed with TypeError: outside',
      },
      { iterationId: 13, errorName: 'Error', message: 'hostile' },
    ]);
    expect(ledger).toEqual({
      requested: repetitions,
      completed: repetitions - 5,
      failed: 5,
      missing: 0,
    });
    const expected = [...(await inProcess()).values];
    expect(values).toEqual(
      expected.filter((_, iteration) => ![3, 5, 7, 11, 13].includes(iteration)),
    );
  });
});

describe('a time-out in worker threads', () => {
  it('ends a generator that blocks its thread, and one that never settles', async () => {
    const { failures, ledger } = await run({ exportName: 'tooLong', timeoutMs: 500, tolerance: 2 });
    const timeUp = {
      errorName: 'IterationTimeoutError',
      message: 'the generator did not settle within 500 ms',
    };
    expect(failures).toMatchObject([
      { iterationId: 5, ...timeUp },
      { iterationId: 7, ...timeUp },
    ]);
    expect(ledger.completed).toBe(repetitions - 2);
  });
});

describe('a run that is cancelled', () => {
  it('ends threads that would never end by themselves, and leaves others in their place', async () => {
    const threads = new WorkerThreads({
      module: draws,
      exportName: 'endlessForSeedZero',
      workers: 2,
    });
    try {
      const orchestrator = new InProcessOrchestrator({
        generator: threads.generate,
        stores: inMemoryStores(),
        clock: new SystemClock(),
      });
      const wish = new AbortController();
      const running = orchestrator.run(
        { repetitions, seed: 0 },
        { signal: wish.signal, onProgress: () => setImmediate(() => wish.abort()) },
      );
      await expect(running).rejects.toMatchObject({
        name: 'CancelledError',
        ledger: { requested: repetitions, completed: 0, failed: 0, missing: repetitions },
      });
      const { average } = await orchestrator.run({ repetitions, seed });
      expect(average).toEqual((await inProcess()).average);
    } finally {
      await threads.close();
    }
  });
});

describe('an iteration that is not wanted any more', () => {
  it('takes none of those with it that share its range', async () => {
    const threads = new WorkerThreads({ module: draws, exportName: 'tooLong', workers: 1 });
    const abort = new AbortController();
    const identity = { runId: RunId.parse(1), seed: Seed.parse(seed) };
    const call = async (iterationId: number, { signal } = new AbortController()) =>
      threads.generate(iterationContext({ ...identity, iterationId, signal }));
    const calls = (first: number, count: number) =>
      Array.from({ length: count }, (_, index) => call(first + index));
    try {
      // Ranges start at one iteration and grow.
      await Promise.all(calls(100, 200));
      const unwanted = call(7, abort);
      const others = Promise.all(calls(8, 50));
      const refused = expect(unwanted).rejects.toThrow('not wanted');
      await new Promise((resolve) => setImmediate(resolve));
      abort.abort(new Error('not wanted'));
      await refused;
      expect(await others).toEqual([...(await inProcess()).values.slice(8, 58)]);
    } finally {
      await threads.close();
    }
  });
});

describe('what a simulation in worker threads is given', () => {
  it.each([0, 1.5, 1025, NaN, '2', null, undefined])('refuses %p threads', (workers) => {
    expect(() => parseWorkers(workers)).toThrow(
      expect.objectContaining({ name: 'InvalidInputError', field: 'workers' }) as Error,
    );
  });

  it('takes auto for as many threads as the process may use at a time', () => {
    expect(parseWorkers('auto')).toBe(availableParallelism());
  });

  it('refuses a time-out that is none', () => {
    expect(() => new WorkerThreads({ module: draws, timeoutMs: -1 })).toThrow(
      expect.objectContaining({ name: 'InvalidInputError', field: 'timeout' }) as Error,
    );
  });

  it.each([
    ['missing.mjs', undefined, 'a file that exists'],
    ['broken.mjs', undefined, 'a module that loads (does not load)'],
    ['draws.mjs', 'nothing', 'a module whose nothing export is a simulation'],
  ])(
    'fails with the reason when %s, export %p, is no simulation',
    async (file, exportName, why) => {
      await expect(run({ module: join(simulations, file), exportName })).rejects.toMatchObject({
        name: 'IterationFailedError',
        cause: { name: 'InvalidInputError', message: expect.stringContaining(why) as string },
      });
    },
  );
});

describe('the code that a thread has', () => {
  const loader = join(simulations, 'loader.mjs');

  async function runOf(simulationVersion: string, tolerance = 0) {
    const threads = new WorkerThreads({ module: draws, workers: 2, loader, simulationVersion });
    const stores = inMemoryStores();
    const orchestrator = new InProcessOrchestrator({
      generator: threads.generate,
      stores,
      simulationVersion,
      retry: { attempts: 3, backoffMs: 0 },
    });
    try {
      return await orchestrator.run({ repetitions: 50, seed, tolerance });
    } catch (error) {
      const run = await stores.runs.get(RunId.parse(1));
      return { error, run, ledger: await stores.failures.ledger(run.id) };
    } finally {
      await threads.close();
    }
  }

  it('is what its loader tells, and must be what is asked for', async () => {
    expect(await runOf('2')).toMatchObject({
      run: { status: 'completed', simulation: [{ version: '2' }] },
    });
  });

  it.each([0, '100%'])(
    'ends the run when it is other code, and stores nothing, with tolerance %s',
    async (tolerance) => {
      expect(await runOf('1', tolerance as number)).toMatchObject({
        error: {
          name: 'ChangedSimulationError',
          runId: 1,
          difference: 'its code differs (version 1; in a worker thread: version 2)',
        },
        run: { status: 'failed' },
        ledger: { completed: 0, failed: 0, missing: 50 },
      });
    },
  );

  it.each([{ workres: 2 }, { simulationversion: '1' }])(
    'takes no property that it does not know: %j',
    (props) => {
      expect(() => new WorkerThreads({ module: draws, ...props })).toThrow('alone; got "');
    },
  );
});
