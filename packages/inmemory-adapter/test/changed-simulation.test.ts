import {
  InProcessOrchestrator,
  type AnySimulation,
  type IterationContext,
  type Stores,
  type WriteToDbSettings,
} from '@stepcompute/core';
import { inMemoryStores, simulate } from '../src/index.js';

const uniform = ({ random }: IterationContext): number => random.uniform();
const shifted = ({ random }: IterationContext): number => 100 + random.uniform();

let stores: Stores;

beforeEach(() => {
  stores = inMemoryStores();
});

function orchestrator(
  generator: AnySimulation,
  simulationVersion?: string,
  settings: WriteToDbSettings = {},
): InProcessOrchestrator {
  return new InProcessOrchestrator({ generator, simulationVersion, stores, ...settings });
}

/** A run of which some values are stored, by the simulation of this version. */
async function halfDone(simulationVersion?: string): Promise<number> {
  const stopAtFive = (context: IterationContext): number => {
    if (context.iterationId === 5) throw new Error('stop');
    return uniform(context);
  };
  const running = orchestrator(stopAtFive, simulationVersion, { concurrency: 1 }).run({
    repetitions: 10,
    seed: 42,
    generatorName: 'uniform',
  });
  const { runId } = await running.then(
    () => {
      throw new Error('the run has not failed');
    },
    (error: unknown) => error as Error & { runId: number },
  );
  return runId;
}

async function state(id: number): Promise<unknown> {
  const run = await stores.runs.get(id as never);
  const values: unknown[] = [];
  for await (const batch of stores.values.read(run.id)) values.push(...batch);
  return { run, values };
}

describe('a run that is resumed', () => {
  it('goes on with the simulation it was begun with', async () => {
    const id = await halfDone('1');
    const { run, average } = await orchestrator(uniform, '1').resume(id);
    expect(average.mean).toBe(
      (await simulate(uniform, { repetitions: 10, seed: 42 })).average.mean,
    );
    expect(run.simulation).toEqual([{ version: '1' }]);
  });

  it.each<[string, string | undefined, string | undefined, string]>([
    ['another version', '1', '2', 'its code differs (version 1; at hand: version 2)'],
    [
      'no version, and other values',
      '1',
      undefined,
      'its values differ; iteration 0, generated again',
    ],
    ['a version, where the run has none', undefined, '1', 'its values differ; iteration 0'],
    ['no version on either side', undefined, undefined, 'its values differ; iteration 0'],
  ])('refuses a simulation with %s, and changes nothing', async (_, first, second, message) => {
    const id = await halfDone(first);
    const before = await state(id);
    for (const change of [{}, { repetitions: 20 }]) {
      const refused = orchestrator(shifted, second).resume(id, change);
      await expect(refused).rejects.toMatchObject({
        name: 'ChangedSimulationError',
        runId: id,
        message: expect.stringContaining(message) as string,
      });
      await expect(orchestrator(shifted, second).resume(id, change)).rejects.toThrow(
        /iteration 0, generated again, came to 100\.\d+, and 0\.\d+ is stored/,
      );
    }
    expect(await state(id)).toEqual(before);
  });

  it('says that equal values prove nothing of the others, and refuses the other version all the same', async () => {
    const id = await halfDone('1');
    await expect(orchestrator(uniform, '2').resume(id)).rejects.toThrow(
      'of its stored iterations 0, 2, 4 came to the same values again, which proves nothing of the others',
    );
  });

  it('is checked by what it stored where equal versions are not believed', async () => {
    const id = await halfDone('1');
    await expect(orchestrator(shifted, '1', { checkStored: true }).resume(id)).rejects.toThrow(
      'its code is the same, but its values depend on more than their seed and parameters',
    );
    const { ledger } = await orchestrator(shifted, '1').resume(id);
    expect(ledger.completed).toBe(10);
  });

  it('is not checked by what it stored where that is not wanted', async () => {
    const id = await halfDone();
    const { ledger } = await orchestrator(shifted, undefined, { checkStored: false }).resume(id);
    expect(ledger).toEqual({ requested: 10, completed: 10, failed: 0, missing: 0 });
  });

  it('refuses a simulation that fails where there is a value', async () => {
    const id = await halfDone();
    const failing = (): number => {
      throw new Error('STRIKE is not set');
    };
    await expect(orchestrator(failing).resume(id)).rejects.toThrow(
      'iteration 0, generated again, failed (STRIKE is not set), and 0.',
    );
  });

  it('tries an iteration again where those of a run are', async () => {
    const id = await halfDone();
    const tried = new Set<number>();
    const flaky = (context: IterationContext): number => {
      if (tried.has(context.iterationId)) return uniform(context);
      tried.add(context.iterationId);
      throw new Error('flaky');
    };
    const { ledger } = await orchestrator(flaky, undefined, {
      retry: { attempts: 2, backoffMs: 0 },
    }).resume(id);
    expect(ledger.completed).toBe(10);
  });

  it.each([
    ['1', '2'],
    [undefined, undefined],
    ['1', '1'],
  ])(
    'accepts a change that it is told to accept, from version %s to %s, and counts what came after it',
    async (first, second) => {
      const id = await halfDone(first);
      const settings = { checkStored: true };
      const changed = orchestrator(shifted, second, settings);
      const change = { acceptChangedSimulation: true, repetitions: 20 };
      const { run, ledger } = await changed.resume(id, change);
      expect(ledger).toEqual({ requested: 20, completed: 20, failed: 0, missing: 0, changed: 15 });
      const named = (version?: string): object => (version === undefined ? {} : { version });
      expect(run.simulation).toEqual([named(first), named(second)]);
      // From now on it is the run's.
      const again = await changed.resume(id, { repetitions: 21 });
      expect(again.ledger.changed).toBe(16);
      expect(again.run.simulation).toHaveLength(2);
    },
  );

  it.each([{}, { acceptChangedSimulation: true }])(
    'is averaged by whichever simulation when it has all of its values: %j',
    async (change) => {
      const failing = {
        ...stores,
        averages: {
          save: () => Promise.reject(new Error('the store is gone')),
          history: () => Promise.resolve([]),
        },
      };
      const interrupted = new InProcessOrchestrator({
        generator: uniform,
        simulationVersion: '1',
        stores: failing,
      }).run({ repetitions: 10, seed: 42 });
      await expect(interrupted).rejects.toThrow('the store is gone');
      const { run, average, ledger } = await orchestrator(shifted, '2').resume(1, change);
      expect(run).toMatchObject({ status: 'completed', simulation: [{ version: '1' }] });
      expect(average).toEqual((await simulate(uniform, { repetitions: 10, seed: 42 })).average);
      expect(ledger).toEqual({ requested: 10, completed: 10, failed: 0, missing: 0 });
    },
  );

  it('accepts nothing where nothing has changed', async () => {
    const id = await halfDone('1');
    const { run, ledger } = await orchestrator(uniform, '1').resume(id, {
      acceptChangedSimulation: true,
    });
    expect(run.simulation).toHaveLength(1);
    expect(ledger.changed).toBeUndefined();
  });
});

describe('a repeated key', () => {
  const request = { repetitions: 10, seed: 42, idempotencyKey: 'k', generatorName: 'uniform' };

  it('is a conflict with another simulation, also of a complete run', async () => {
    await orchestrator(uniform, '1').run(request);
    await expect(orchestrator(uniform, '2').run(request)).rejects.toMatchObject({
      name: 'ConflictingRunError',
      field: 'simulation',
    });
    const { average } = await orchestrator(shifted).run(request);
    expect(average.mean).toBeLessThan(1);
  });

  it('is a conflict with other parameters, defaults filled in', async () => {
    const priced: AnySimulation = { parameters: { strike: 100, rate: 0 }, generate: () => 1 };
    await orchestrator(priced).run({ ...request, parameters: { rate: 0 } });
    await orchestrator(priced).run(request);
    await expect(
      orchestrator(priced).run({ ...request, parameters: { strike: 110 } }),
    ).rejects.toMatchObject({
      name: 'ConflictingRunError',
      field: 'parameters',
      message: expect.stringContaining('strike') as string,
    });
  });

  it('is compared with the request as it was first asked, not as it was changed since', async () => {
    const { run } = await orchestrator(uniform).run(request);
    await orchestrator(uniform).resume(run.id, { repetitions: 20, tolerance: 3 });
    const again = await orchestrator(uniform).run(request);
    expect(again.run.repetitions).toBe(20);
    await expect(orchestrator(uniform).run({ ...request, repetitions: 20 })).rejects.toMatchObject({
      name: 'ConflictingRunError',
      field: 'repetitions',
    });
  });

  it('refuses other values of a run that was interrupted', async () => {
    const id = await halfDone();
    const { run } = (await state(id)) as { run: { seed: number } };
    expect(run.seed).toBe(42);
    const interrupted = { ...request, idempotencyKey: 'interrupted' };
    const stopped = (context: IterationContext): number => {
      if (context.iterationId === 5) throw new Error('stop');
      return uniform(context);
    };
    await expect(orchestrator(stopped).run(interrupted)).rejects.toThrow('stop');
    await expect(orchestrator(shifted).run(interrupted)).rejects.toMatchObject({
      name: 'ChangedSimulationError',
    });
  });
});

describe('parameters', () => {
  it('come to every iteration, frozen, the same object for all', async () => {
    const seen = new Set<unknown>();
    const { run } = await simulate(
      ({ parameters }) => {
        seen.add(parameters);
        return parameters.strike as number;
      },
      { repetitions: 5, parameters: { strike: 110 } },
    );
    expect([...seen]).toEqual([{ strike: 110 }]);
    expect(run.parameters).toEqual({ strike: 110 });
  });

  it('are no part of the random numbers', async () => {
    const at = (strike: number): Promise<{ values: Float64Array }> =>
      simulate(uniform, { repetitions: 5, seed: 1, parameters: { strike } });
    expect((await at(1)).values).toEqual((await at(2)).values);
  });

  it('are refused before a run is there', async () => {
    const priced: AnySimulation = { parameters: { strike: 100 }, generate: () => 1 };
    await expect(
      orchestrator(priced).run({ repetitions: 1, parameters: { sead: 1 } }),
    ).rejects.toMatchObject({ name: 'InvalidInputError' });
    expect(await stores.runs.list({ limit: 1 })).toEqual([]);
  });
});

it.each([
  [{ repetitions: 1, sead: 1 }, {}, 'got "sead"'],
  [{ repetitions: 1 }, { sgnal: 1 }, 'got "sgnal"'],
])('a field that nothing reads is refused: %j %j', async (request, options: object, message) => {
  await expect(orchestrator(uniform).run(request, options)).rejects.toThrow(message);
  expect(
    () => new InProcessOrchestrator({ generator: uniform, stores, paralel: 1 } as never),
  ).toThrow('got "paralel"');
  expect(() => orchestrator(uniform, '1', { retry: { backoff: 1 } as never })).toThrow(
    'got "backoff"',
  );
  await expect(orchestrator(uniform).resume(1, { repetition: 1 } as never)).rejects.toThrow(
    'got "repetition"',
  );
});

it('a run accepts no more changes than it can keep', async () => {
  const { run } = await orchestrator(uniform, '0').run({ repetitions: 1, seed: 42 });
  const accept = (version: number): Promise<unknown> =>
    orchestrator(shifted, String(version)).resume(run.id, {
      repetitions: version + 1,
      acceptChangedSimulation: true,
    });
  for (let version = 1; version < 50; version += 1) await accept(version);
  await expect(accept(50)).rejects.toThrow(
    'acceptChangedSimulation must be false: run 1 has accepted 49 changes, the most that it keeps',
  );
  expect((await stores.runs.get(run.id)).repetitions).toBe(50);
});
