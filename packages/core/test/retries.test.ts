import { averageOf } from '../src/statistics/averaging.js';
import type { RetryPolicy } from '../src/execution/retries.js';
import {
  uniformInteger,
  type IterationContext,
  type ValueGenerator,
} from '../src/simulation/generator.js';
import { RetrieveRunId } from '../src/steps/retrieve-run-id.js';
import { WriteToDb, type WriteToDbSettings } from '../src/steps/write-to-db.js';
import { FakeStores, ManualClock, settle } from './fakes.js';

let stores: FakeStores;
let clock: ManualClock;

beforeEach(() => {
  stores = new FakeStores();
  clock = new ManualClock();
});

afterEach(() => {
  expect(clock.pending).toBe(0);
});

async function write(
  generator: ValueGenerator,
  settings: WriteToDbSettings,
  signal?: AbortSignal,
  repetitions = 1,
): Promise<void> {
  const plan = await new RetrieveRunId(stores).execute({ repetitions, seed: 7 });
  await new WriteToDb(generator, stores, clock, settings).execute(plan, { signal });
}

class Flaky extends Error {
  override readonly name = 'Flaky';
}

/** Fails so many times, then draws; notes when it was called. */
function flaky(times: number, calls: number[]): ValueGenerator {
  return (context) => {
    calls.push(clock.now());
    const value = uniformInteger(context);
    if (calls.length <= times) throw new Flaky(`call ${calls.length}`);
    return value;
  };
}

describe('an iteration that fails', () => {
  it.each([
    [{ attempts: 0 }, 'retry attempts'],
    [{ attempts: 1001 }, 'retry attempts'],
    [{ attempts: 2.5 }, 'retry attempts'],
    [{ backoffMs: -1 }, 'retry backoff'],
    [{ maximumBackoffMs: NaN }, 'retry maximum backoff'],
    [{ errors: 'Flaky' }, 'retry errors'],
    [{ errors: [5] }, 'retry errors'],
    [null, 'retry'],
    [5, 'retry'],
  ])('is not tried again by the policy %j', (retry, field) => {
    const settings = { retry: retry as RetryPolicy };
    expect(() => new WriteToDb(uniformInteger, stores, clock, settings)).toThrow(
      expect.objectContaining({ name: 'InvalidInputError', field }) as Error,
    );
  });

  it('is not tried again unless told so', async () => {
    const calls: number[] = [];
    await expect(write(flaky(1, calls), {})).rejects.toMatchObject({ cause: { name: 'Flaky' } });
    expect(calls).toHaveLength(1);
  });

  it('is tried again with the same random numbers', async () => {
    const undisturbed = new FakeStores();
    const plan = await new RetrieveRunId(undisturbed).execute({ repetitions: 1, seed: 7 });
    await new WriteToDb(uniformInteger, undisturbed, clock).execute(plan);
    await write(flaky(2, []), { retry: { attempts: 3, backoffMs: 0 } });
    expect(stores.inOrder).toEqual(undisturbed.inOrder);
    expect(stores.recorded).toEqual([]);
  });

  it('fails for good after the last attempt, which is on record with their number', async () => {
    await expect(
      write(flaky(9, []), { retry: { attempts: 3, backoffMs: 0 } }),
    ).rejects.toMatchObject({ name: 'IterationFailedError', cause: { message: 'call 3' } });
    expect(stores.recorded).toEqual([
      {
        iterationId: 0,
        errorName: 'Flaky',
        message: expect.stringMatching(/^call 3, at retries\.test\.ts:\d+:\d+$/) as string,
        attempts: 3,
      },
    ]);
  });

  it('is tried again after the errors named alone', async () => {
    const calls: number[] = [];
    const retry = { attempts: 5, backoffMs: 0, errors: ['Flaky'] };
    const generator: ValueGenerator = (context) => {
      const value = flaky(2, calls)(context);
      if (calls.length === 3) throw new TypeError('a bug');
      return value;
    };
    await expect(write(generator, { retry })).rejects.toMatchObject({
      cause: { name: 'TypeError' },
    });
    expect(calls).toHaveLength(3);
  });

  it('is tried again after a value that is none, and after a time-out', async () => {
    let calls = 0;
    const generator: ValueGenerator = () => {
      calls += 1;
      if (calls === 1) return NaN;
      return calls === 2 ? new Promise<number>(() => undefined) : 5;
    };
    const written = write(generator, { timeoutMs: 100, retry: { attempts: 3, backoffMs: 0 } });
    await clock.advance(100);
    await written;
    expect(stores.inOrder).toEqual([5]);
  });

  it('waits a random part of a time that doubles up to its maximum', async () => {
    const longest = [100, 200, 400, 500, 500];
    const parts: number[][] = longest.map(() => []);
    for (let round = 0; round < 60; round += 1) {
      stores = new FakeStores();
      const calls: number[] = [];
      const generator = flaky(5, calls);
      const plan = await new RetrieveRunId(stores).execute({ repetitions: 1, seed: round });
      const retry = { attempts: 6, backoffMs: 100, maximumBackoffMs: 500 };
      const written = new WriteToDb(generator, stores, clock, { retry }).execute(plan);
      for (let ms = 0; ms < 1800; ms += 10) await clock.advance(10);
      await written;
      longest.forEach((most, index) => {
        parts[index]?.push(((calls[index + 1] ?? NaN) - (calls[index] ?? NaN)) / most);
      });
    }
    parts.forEach((of, index) => {
      // The clock moves by 10 ms, so a wait may look that much longer than it was.
      expect(Math.max(...of)).toBeLessThanOrEqual(1 + 10 / (longest[index] ?? NaN));
      expect(Math.max(...of)).toBeGreaterThan(0.8);
      expect(Math.min(...of)).toBeLessThan(0.3);
    });
  });

  it('waits no longer once the run is cancelled', async () => {
    const controller = new AbortController();
    const calls: number[] = [];
    const retry = { attempts: 100, backoffMs: 600_000, maximumBackoffMs: 600_000 };
    const written = write(flaky(99, calls), { retry }, controller.signal);
    written.catch(() => undefined);
    await settle();
    controller.abort();
    await expect(written).rejects.toMatchObject({ name: 'CancelledError' });
    expect(calls).toHaveLength(1);
    expect(stores.recorded).toEqual([]);
  });

  it('holds back none but its own lane while it waits', async () => {
    const retry = { attempts: 2, backoffMs: 1000 };
    let failed = false;
    const generator: ValueGenerator = ({ iterationId }) => {
      if (iterationId === 0 && !failed) {
        failed = true;
        throw new Flaky('once');
      }
      return iterationId;
    };
    const written = write(generator, { concurrency: 2, retry }, undefined, 20);
    await settle();
    expect(stores.kept.size).toBe(19);
    await clock.advance(1000);
    await written;
    expect(stores.kept.size).toBe(20);
  });
});

describe('the wait before another attempt', () => {
  const longest = 1000;
  const settings = { retry: { attempts: 2, backoffMs: longest } };

  /** How long each iteration waits for its second attempt, in order. */
  async function waits(generator: (context: IterationContext) => void): Promise<number[]> {
    const slept = jest.spyOn(clock, 'sleep');
    const failed = new Set<number>();
    const writing = write(
      (context) => {
        generator(context);
        if (failed.has(context.iterationId)) return 1;
        failed.add(context.iterationId);
        throw new Flaky('once');
      },
      settings,
      undefined,
      200,
    );
    await clock.advance(longest);
    await writing;
    return slept.mock.calls.map(([ms]) => ms).filter((ms) => ms > 0);
  }

  it('differs from iteration to iteration, and is spread over the whole backoff', async () => {
    const waited = await waits(() => undefined);
    expect(new Set(waited).size).toBe(200);
    const { mean, minimum, maximum } = averageOf(waited);
    expect(minimum).toBeLessThan(50);
    expect(maximum).toBeGreaterThan(950);
    expect(Math.abs(mean - 500)).toBeLessThan(100);
  });

  it('has nothing to do with the numbers that the generator drew', async () => {
    const drawn = new Map<number, number>();
    const waited = await waits(({ iterationId, random }) =>
      drawn.set(iterationId, random.uniform()),
    );
    const { mean } = averageOf(
      waited.map((ms, iteration) => (drawn.get(iteration)! - 0.5) * (ms / longest - 0.5)),
    );
    // Of equal numbers it would be 1/12.
    expect(Math.abs(mean)).toBeLessThan(0.02);
  });
});
