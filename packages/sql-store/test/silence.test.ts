import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { InProcessOrchestrator, uniformInteger } from '@stepcompute/core';
import { expectedAverage } from '@stepcompute/core/testing';
import type { DataSource } from 'typeorm';
import { openPostgres } from '../src/postgres.js';
import { typeOrmStores } from '../src/typeorm-stores.js';
import {
  createDatabase,
  describeOnPostgres,
  type TestDatabase,
} from '../../../testing/postgres/databases.js';
import { describeOnPgBouncer, PgBouncer } from '../../../testing/postgres/pgbouncer.js';
import { Relay } from '../../../testing/postgres/relay.js';

describeOnPostgres('a server that falls silent', () => {
  let database: TestDatabase;
  let relay: Relay;
  let url: string;
  beforeEach(async () => {
    database = await createDatabase();
    ({ relay, url } = await Relay.before(database));
  });
  afterEach(async () => {
    relay.close();
    await database.drop();
  });

  /** Falls silent when so many values are stored. */
  function orchestratorOver(dataSource: DataSource): InProcessOrchestrator {
    const stores = typeOrmStores(dataSource);
    return new InProcessOrchestrator({
      stores,
      concurrency: 1,
      generator: (context) => {
        if (context.iterationId === 5000) relay.isSilent = true;
        return uniformInteger(context);
      },
    });
  }

  const request = { repetitions: 10_000, seed: 42 };

  /** A time-out that no test lives to see: it passes when `pass` says so. */
  const limitMs = 1e9;
  const limits = { statementTimeoutMs: limitMs, connectTimeoutMs: limitMs };
  const waiting = new Map<unknown, () => void>();
  /** Has all time-outs pass that are being waited for; says how many. */
  function pass(): number {
    const due = [...waiting.values()];
    waiting.clear();
    for (const callback of due) callback();
    return due.length;
  }
  beforeEach(() => {
    const { setTimeout: start, clearTimeout: stop } = globalThis;
    const started = (
      callback: (...args: unknown[]) => void,
      ms?: number,
      ...args: unknown[]
    ): unknown => {
      const timer = start(() => callback(...args), ms);
      if (ms === limitMs) waiting.set(timer, callback);
      return timer;
    };
    jest.spyOn(globalThis, 'setTimeout').mockImplementation(started as typeof setTimeout);
    jest.spyOn(globalThis, 'clearTimeout').mockImplementation((timer) => {
      waiting.delete(timer);
      stop(timer);
    });
  });
  afterEach(() => jest.restoreAllMocks());

  it('is survived when it comes back: what had no answer is sent again', async () => {
    const dataSource = await openPostgres({ url, ...limits });
    // The stores' patience does not come to its end.
    jest.spyOn(Date, 'now').mockReturnValue(Date.now());
    const comesBack = async (): Promise<void> => {
      await relay.swallowed();
      expect(pass()).toBeGreaterThan(0);
      // Also what is sent again has no answer.
      await relay.swallowed();
      relay.isSilent = false;
      pass();
    };
    const [{ average, ledger }] = await Promise.all([
      orchestratorOver(dataSource).run(request),
      comesBack(),
    ]);
    expect(average).toEqual(expectedAverage(42, 10_000));
    expect(ledger.completed).toBe(10_000);
    await dataSource.destroy();
  });

  it('does not hold up who cancels, and says what is known to be stored', async () => {
    // No limit, so that nothing but the caller ends it.
    const dataSource = await openPostgres({ url, statementTimeoutMs: 0 });
    const controller = new AbortController();
    void relay.swallowed().then(() => controller.abort());
    const running = orchestratorOver(dataSource).run(request, { signal: controller.signal });
    const error: unknown = await running.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'CancelledError', isKnown: false });
    expect((error as Error).message).toMatch(
      /^run 1 was cancelled: its store does not answer; as far as is known, \d+ of 10000 values are stored, 0 failed, \d+ missing$/,
    );
    relay.close();
    await dataSource.destroy();
  });

  it('is said to be silent when patience is at its end', async () => {
    const dataSource = await openPostgres({ url, ...limits });
    const stores = typeOrmStores(dataSource);
    relay.isSilent = true;
    // Without a key a run is not allocated a second time.
    const orchestrator = new InProcessOrchestrator({ stores, generator: uniformInteger });
    void relay.swallowed().then(pass);
    await expect(orchestrator.run(request)).rejects.toMatchObject({
      name: 'PersistenceError',
      retryable: true,
      message: 'the database could not do its work: the server has not answered within 1000000 s',
    });
    relay.close();
    await dataSource.destroy();
  });
});

describeOnPgBouncer('a server that is stopped', () => {
  it.each([
    ['idle connections', 0],
    ['pending statements', 3],
    ['connections that are being made', 8],
  ])('does not keep who leaves it with %s', async (_, lists) => {
    const database = await createDatabase();
    const pooler = await PgBouncer.before(database);
    const main = resolve(__dirname, '../dist');
    // The process ends by itself, once nothing holds it any more.
    const program = `
      const { openPostgres } = require(${JSON.stringify(`${main}/postgres.js`)});
      const { typeOrmStores } = require(${JSON.stringify(`${main}/index.js`)});
      (async () => {
        const dataSource = await openPostgres({
          url: ${JSON.stringify(pooler.url)},
          statementTimeoutMs: 0,
          connectTimeoutMs: 2 ** 31 - 1,
        });
        const { runs } = typeOrmStores(dataSource);
        await Promise.all([1, 2, 3].map(() => runs.list({ limit: 1 })));
        process.kill(${pooler.pid}, 'SIGSTOP');
        void Promise.allSettled(Array.from({ length: ${lists} }, () => runs.list({ limit: 1 })));
        setImmediate(async () => {
          await dataSource.destroy();
          console.log('destroyed');
        });
      })();`;
    try {
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', program]);
      expect(stdout.trim()).toBe('destroyed');
    } finally {
      await pooler.remove();
      await database.drop();
    }
  });
});
