import { Attempt } from '../src/execution/attempt.js';
import { Stop } from '../src/execution/stop.js';
import { IterationId, RunId, Seed } from '../src/run/numbers.js';
import { parseValue } from '../src/simulation/value.js';
import type { IterationContext, ValueGenerator } from '../src/simulation/generator.js';
import { ManualClock } from './fakes.js';

const identity = { runId: RunId.parse(1), parameters: {}, seed: Seed.parse(7) };
const iterationId = IterationId.parse(3);

let stop: Stop;
let clock: ManualClock;

beforeEach(() => {
  stop = new Stop();
  clock = new ManualClock();
});

afterEach(() => {
  expect(clock.pending).toBe(0);
});

async function draw(
  attempt: Attempt,
  generator: ValueGenerator,
  timeoutMs?: number,
): Promise<number> {
  try {
    return parseValue(await attempt.draw(generator, identity, iterationId, { timeoutMs, clock }));
  } finally {
    attempt.close();
  }
}

/** Draws, and hands over the context, so that its signal can be read late. */
async function contextOf(
  attempt: Attempt,
  answer: Promise<number>,
  timeoutMs?: number,
): Promise<{ context: IterationContext; drawing: Promise<number> }> {
  let context: IterationContext | undefined;
  const drawing = draw(
    attempt,
    (given) => {
      context = given;
      return answer;
    },
    timeoutMs,
  );
  drawing.catch(() => undefined);
  return { context: context!, drawing };
}

const never = new Promise<number>(() => undefined);

describe('a signal that is first read late', () => {
  it('is aborted after the time-out, with it as the reason', async () => {
    const { context, drawing } = await contextOf(new Attempt(stop), never, 1000);
    await clock.advance(1000);
    await expect(drawing).rejects.toMatchObject({ name: 'IterationTimeoutError' });
    expect(context.signal.aborted).toBe(true);
    expect(context.signal.reason).toMatchObject({ name: 'IterationTimeoutError', timeoutMs: 1000 });
  });

  it('is aborted after the stop, with its reason', async () => {
    const { context } = await contextOf(new Attempt(stop), never);
    const reason = new Error('enough');
    stop.stop(reason);
    expect(context.signal.aborted).toBe(true);
    expect(context.signal.reason).toBe(reason);
  });

  it('is not aborted, and left alone by a later stop, when the attempt has ended well', async () => {
    const { context, drawing } = await contextOf(new Attempt(stop), Promise.resolve(5));
    expect(await drawing).toBe(5);
    const { signal } = context;
    stop.stop(new Error('enough'));
    expect(signal.aborted).toBe(false);
  });
});

describe('an attempt', () => {
  it('tells its generator of the time-out, whatever that makes of it', async () => {
    const answer = draw(
      new Attempt(stop),
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('wrapped')));
        }),
      1000,
    );
    const refused = expect(answer).rejects.toMatchObject({ name: 'IterationTimeoutError' });
    await clock.advance(1000);
    await refused;
  });

  it('was stopped when its generator had a signal to know it by', async () => {
    const [knowing, unknowing] = [new Attempt(stop), new Attempt(stop)];
    const { context } = await contextOf(knowing, never);
    await contextOf(unknowing, never);
    expect(context.signal.aborted).toBe(false);
    stop.stop(undefined);
    expect([knowing.wasStopped, unknowing.wasStopped]).toEqual([true, false]);
  });

  it('lets its generator’s own failure stand when that comes with a time-out and a stop', async () => {
    const attempt = new Attempt(stop);
    const { context, drawing } = await contextOf(attempt, never, 1000);
    expect(context.signal.aborted).toBe(false);
    await clock.advance(1000);
    stop.stop(undefined);
    await expect(drawing).rejects.toMatchObject({ name: 'IterationTimeoutError' });
    expect(attempt.wasStopped).toBe(false);
  });

  it('leaves nothing for a stop to reach once it has been closed', async () => {
    const aborted = jest.spyOn(AbortController.prototype, 'abort');
    try {
      await draw(new Attempt(stop), async ({ signal }) => Number(signal.aborted), 1000);
      aborted.mockClear();
      stop.stop(undefined);
      expect(aborted).not.toHaveBeenCalled();
    } finally {
      aborted.mockRestore();
    }
  });

  it('leaves its time-out’s timer to nobody when it is stopped', async () => {
    await contextOf(new Attempt(stop), never, 1000);
    expect(clock.pending).toBe(1);
    stop.stop(undefined);
    expect(clock.pending).toBe(0);
  });
});
