import { interceptedStores } from '@stepcompute/chaos';
import {
  InProcessOrchestrator,
  IterationId,
  Repetitions,
  uniformInteger,
  type IterationContext,
  type IterationValue,
  type RunId,
  type RunResult,
  type Stores,
} from '@stepcompute/core';
import { followLedger, parseRunRequest } from '@stepcompute/core/adapters';
import { inMemoryStores } from '../src/inmemory-stores.js';
import { VirtualClock } from '../src/virtual-clock.js';

const ids = Array.from({ length: 10 }, (_, id) => IterationId.parse(id));

/** A process on shared stores whose iterations take as long as told, and of which one fails. */
interface Process {
  readonly failing: number;
  readonly durationOf: (iterationId: number) => number;
}

describe('two processes that work on one run at the same time', () => {
  let stores: Stores;
  let clock: VirtualClock;
  beforeEach(() => {
    stores = inMemoryStores();
    clock = new VirtualClock();
  });

  function orchestratorOf({ failing, durationOf }: Process): InProcessOrchestrator {
    return new InProcessOrchestrator({
      stores,
      clock,
      simulationVersion: 'one',
      generator: async ({ iterationId }) => {
        await clock.sleep(durationOf(iterationId));
        if (iterationId === failing) throw new Error('no licence');
        return iterationId;
      },
    });
  }

  // The first is done before the second is: each fails where the other does not.
  const quick = (): InProcessOrchestrator =>
    orchestratorOf({ failing: 0, durationOf: (id) => (id === 0 ? 20 : 50) });
  const slow = (): InProcessOrchestrator =>
    orchestratorOf({ failing: 1, durationOf: (id) => (id === 0 ? 400 : 60) });

  async function both(
    work: (orchestrator: InProcessOrchestrator) => Promise<RunResult>,
  ): Promise<void> {
    const first = work(quick());
    const second = clock.sleep(5).then(() => work(slow()));
    const { ledger, run } = await first;
    expect(ledger).toMatchObject({ requested: 10, missing: 0 });
    expect(run.status).toBe('completed');
    expect((await second).average.count).toBeGreaterThanOrEqual(9);
    expect(await stores.runs.get(run.id)).toMatchObject({ status: 'completed' });
  }

  const request = { repetitions: 10, seed: 1, tolerance: 3, idempotencyKey: 'once' };

  it('both complete it, where each has failures that are tolerated', async () => {
    await both((orchestrator) => orchestrator.run(request));
  });

  it('both complete it, where they resume it', async () => {
    const { id } = await stores.runs.allocate(parseRunRequest(request));
    await both((orchestrator) => orchestrator.resume(id));
  });
});

describe('who follows a run', () => {
  it('is never told that all is done while an iteration is missing', async () => {
    const stores = inMemoryStores();
    const { id, repetitions } = await stores.runs.allocate(
      parseRunRequest({ repetitions: 10, seed: 1, tolerance: 2 }),
    );
    const [, , , failed, , , , missing] = ids;
    const row = (iterationId: IterationId): IterationValue => ({ iterationId, value: 1 });
    const others = ids.filter((each) => each !== failed && each !== missing);
    await stores.values.write(id, others.map(row));
    const failure = { iterationId: failed!, errorName: 'Error', message: 'lost', attempts: 1 };
    await stores.failures.record(id, [failure]);
    // The failed one gets its value between any two questions.
    const asked = interceptedStores(stores, async (call) => {
      const answer = await call();
      await stores.values.write(id, [row(failed!)]);
      return answer;
    });
    const { value: ledger } = await followLedger(asked, { id, repetitions }).next();
    expect(ledger.missing).toBeGreaterThanOrEqual(1);
  });
});

describe('the check of a stored iteration before a run is gone on with', () => {
  async function begun(stores: Stores): Promise<RunId> {
    const { id } = await stores.runs.allocate(parseRunRequest({ repetitions: 10, seed: 1 }));
    await stores.values.write(id, [{ iterationId: ids[0]!, value: 0 }]);
    return id;
  }

  it('is cancelled with the run, and the generator’s signal with it', async () => {
    const stores = inMemoryStores();
    const controller = new AbortController();
    const signals: AbortSignal[] = [];
    const orchestrator = new InProcessOrchestrator({
      stores,
      retry: { attempts: 3 },
      generator: ({ signal }) => {
        signals.push(signal);
        controller.abort();
        return new Promise<number>((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('stopped')));
        });
      },
    });
    const resumed = orchestrator.resume(await begun(stores), {}, { signal: controller.signal });
    await expect(resumed).rejects.toMatchObject({
      name: 'CancelledError',
      message: 'run 1 was cancelled before it was gone on with',
    });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('looks for values of the code at hand no further than they can be', async () => {
    const stores = inMemoryStores();
    const generator = ({ iterationId }: IterationContext): number => iterationId;
    const props = { stores, generator };
    const one = new InProcessOrchestrator({ ...props, simulationVersion: 'one' });
    const { run } = await one.run({ repetitions: 300_000, seed: 1 });
    await stores.runs.reopen(run.id, {
      repetitions: Repetitions.parse(300_010),
      accepted: { version: 'two' },
    });
    let rows = 0;
    const counted = interceptedStores(stores, (call) => call());
    const read = counted.values.read.bind(counted.values);
    counted.values.read = async function* (...of) {
      for await (const batch of read(...of)) {
        rows += batch.length;
        yield batch;
      }
    };
    const two = new InProcessOrchestrator({ ...props, stores: counted, simulationVersion: 'two' });
    expect((await two.resume(run.id)).average.count).toBe(300_010);
    expect(rows).toBe(0);
  });
});

it('tells nobody of progress once a run was rejected', async () => {
  const controller = new AbortController();
  let release!: () => void;
  const late = new Promise<void>((resolve) => {
    release = resolve;
  });
  const stores = interceptedStores(inMemoryStores(), async (call, _, method) => {
    if (method === 'values.write') {
      controller.abort();
      await late;
    }
    return call();
  });
  let told = 0;
  const orchestrator = new InProcessOrchestrator({ generator: uniformInteger, stores });
  const options = { signal: controller.signal, onProgress: () => void (told += 1) };
  await expect(orchestrator.run({ repetitions: 100, seed: 1 }, options)).rejects.toMatchObject({
    name: 'CancelledError',
  });
  const before = told;
  release();
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toBe(before);
});
