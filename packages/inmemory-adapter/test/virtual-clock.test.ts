import { execFile } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createSocketServer, connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { simulate } from '../src/simulate.js';
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

/** Some turns of the event loop, in which nothing else needs to happen. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('a time-out under a VirtualClock', () => {
  /** Iterations that wait for the outside world, beside others that are delayed for ten minutes. */
  async function timed(work: () => Promise<unknown>, clock = new VirtualClock()): Promise<number> {
    const { average } = await simulate(async () => (await work(), 1), {
      repetitions: 20,
      delayMs: 600_000,
      timeoutMs: 1,
      concurrency: 10,
      clock,
    });
    expect(clock.now()).toBe(1_200_000);
    expect(clock.pending).toBe(0);
    return average.count;
  }

  it('does not pass while files are read', async () => {
    const readTwice = async (): Promise<void> => {
      await readFile(__filename);
      await turns(3);
      await readFile(__filename);
    };
    expect(await timed(readTwice)).toBe(20);
  });

  it('does not pass while other programs run', async () => {
    const run = promisify(execFile);
    expect(await timed(() => run(process.execPath, ['--version']))).toBe(20);
  });

  it('does not pass while a server has not answered', async () => {
    const server = createServer((_, response) => void turns(100).then(() => response.end('1')));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      const ask = async (): Promise<string> =>
        (await fetch(`http://localhost:${port}`, { headers: { connection: 'close' } })).text();
      expect(await timed(ask)).toBe(20);
    } finally {
      server.close();
    }
  });

  it('does not pass while a server on a Unix socket has not answered', async () => {
    const path = join(tmpdir(), `stepcompute-${process.pid}.sock`);
    const server = createSocketServer((socket) => void turns(100).then(() => socket.end('1')));
    await once(server.listen(path), 'listening');
    try {
      const ask = async (): Promise<void> => {
        const socket = connect(path).resume();
        await once(socket, 'close');
      };
      expect(await timed(ask)).toBe(20);
    } finally {
      server.close();
    }
  });

  it('lets delays before it pass meanwhile, and passes when nothing is pending any more', async () => {
    const clock = new VirtualClock();
    const server = createSocketServer((accepted) => accepted.resume());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
    await once(socket, 'connect');
    const passed: number[] = [];
    const timeout = clock.sleep(500, undefined, 'time-out').then(() => passed.push(clock.now()));
    const later = clock.sleep(600).then(() => passed.push(clock.now()));
    await clock.sleep(499);
    await clock.sleep(1);
    await turns(1000);
    expect([...passed, clock.now()]).toEqual([500]);
    socket.destroy();
    server.close();
    await Promise.all([timeout, later]);
    expect(passed).toEqual([500, 600]);
  });

  it('passes all the same where it is told to, and says so where it is not', async () => {
    const server = createSocketServer((accepted) => accepted.resume());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const idle = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(idle, 'connect');
    try {
      const told = new VirtualClock({ timesOutDuringIo: true });
      const never = (): Promise<number> => new Promise(() => undefined);
      const cause = { name: 'IterationTimeoutError' };
      await expect(
        simulate(never, { repetitions: 3, timeoutMs: 5000, clock: told }),
      ).rejects.toMatchObject({ cause });
      expect(told.now()).toBe(5000);

      const warned = new Promise<unknown>((resolve) => {
        jest.spyOn(process, 'emitWarning').mockImplementation(resolve);
      });
      const failing = simulate(never, {
        repetitions: 3,
        timeoutMs: 5000,
        clock: new VirtualClock(),
      });
      const expected = expect(failing).rejects.toMatchObject({ cause });
      expect(await warned).toContain('timesOutDuringIo');
      idle.destroy();
      server.close();
      await expected;
    } finally {
      jest.restoreAllMocks();
      idle.destroy();
      server.close();
    }
  });

  it('refuses another property', () => {
    expect(() => new VirtualClock({ timesOutDuringIO: true } as object)).toThrow(
      'timesOutDuringIo alone',
    );
  });
});
