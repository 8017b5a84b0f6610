import { getEventListeners } from 'node:events';
import { SystemClock } from '../src/time/system-clock.js';

const day = 86_400_000;

describe('SystemClock', () => {
  it('never goes back', () => {
    const clock = new SystemClock();
    const readings = Array.from({ length: 1000 }, () => clock.now());
    expect(readings).toEqual([...readings].sort((a, b) => a - b));
  });

  it('rejects with the signal’s reason as soon as it is aborted, however long the sleep', async () => {
    const clock = new SystemClock();
    const controller = new AbortController();
    const reason = new Error('enough');
    const sleeping = clock.sleep(31_536_000_000, controller.signal);
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    await expect(clock.sleep(0, controller.signal)).rejects.toBe(reason);
  });

  it('sleeps for longer than one timer of the platform can', async () => {
    jest.useFakeTimers();
    try {
      await jest.isolateModulesAsync(async () => {
        const { SystemClock: FakedClock } = await import('../src/time/system-clock.js');
        let isAwake = false;
        const sleeping = new FakedClock().sleep(day * 365).then(() => (isAwake = true));
        await jest.advanceTimersByTimeAsync(day * 365 - 1);
        expect(isAwake).toBe(false);
        await jest.advanceTimersByTimeAsync(1);
        expect(isAwake).toBe(true);
        await sleeping;
      });
    } finally {
      jest.useRealTimers();
    }
  });

  it('leaves no timer behind, however it ends', async () => {
    jest.useFakeTimers();
    try {
      await jest.isolateModulesAsync(async () => {
        const { SystemClock: FakedClock } = await import('../src/time/system-clock.js');
        const clock = new FakedClock();
        const controller = new AbortController();
        const sleeping = [0, 1, day * 100].map((ms) => clock.sleep(ms, controller.signal));
        expect(jest.getTimerCount()).toBe(3);
        controller.abort();
        await Promise.allSettled(sleeping);
        expect(jest.getTimerCount()).toBe(0);
      });
    } finally {
      jest.useRealTimers();
    }
  });

  it('listens to a signal no longer than the sleep lasts', async () => {
    const { signal } = new AbortController();
    await Promise.all([0, 1].map((ms) => new SystemClock().sleep(ms, signal)));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
