import { getEventListeners } from 'node:events';
import { VirtualClock } from '../src/virtual-clock.js';

describe('VirtualClock', () => {
  it('wakes sleepers in the order of their moments, whatever the order they lay down in', async () => {
    const clock = new VirtualClock();
    const woken: string[] = [];
    const sleep = (name: string, ms: number): Promise<void> =>
      clock.sleep(ms).then(() => void woken.push(`${name} at ${clock.now()}`));
    await Promise.all([sleep('c', 300), sleep('a', 100), sleep('b', 100), sleep('zero', 0)]);
    expect(woken).toEqual(['zero at 0', 'a at 100', 'b at 100', 'c at 300']);
  });

  it('wakes any number of sleepers in order, also where some were aborted', async () => {
    const clock = new VirtualClock();
    const controllers: AbortController[] = [];
    const abortable = (): AbortSignal => {
      const controller = new AbortController();
      controllers.push(controller);
      return controller.signal;
    };
    const woken: number[] = [];
    // In an order of no order, with moments that several wait for.
    const moments = Array.from({ length: 2000 }, (_, index) => (index * 7919) % 1009);
    const sleeps = moments.map((moment, index) =>
      clock.sleep(moment, index % 3 === 0 ? abortable() : undefined).then(
        () => woken.push(clock.now()),
        () => undefined,
      ),
    );
    for (const controller of controllers) controller.abort();
    await Promise.all(sleeps);
    const expected = moments.filter((_, index) => index % 3 !== 0).sort((a, b) => a - b);
    expect(woken).toEqual(expected);
    expect(clock.pending).toBe(0);
  });

  it('stands still while nobody sleeps', async () => {
    const clock = new VirtualClock();
    await new Promise((resolve) => setImmediate(resolve));
    expect(clock.now()).toBe(0);
  });

  it('rejects with the signal’s reason, at once and with nothing left behind', async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const reason = new Error('enough');
    const sleeping = clock.sleep(1000, controller.signal);
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    await expect(clock.sleep(1000, controller.signal)).rejects.toBe(reason);
    expect(clock.pending).toBe(0);
    expect(clock.now()).toBe(0);
  });

  it('listens to a signal no longer than the sleep lasts', async () => {
    const clock = new VirtualClock();
    const { signal } = new AbortController();
    await Promise.all([clock.sleep(0, signal), clock.sleep(1000, signal)]);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
