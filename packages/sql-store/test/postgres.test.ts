import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { inspect, promisify } from 'node:util';
import { IterationId, uniformInteger, type RunId, type Stores } from '@stepcompute/core';
import { expectedAverage } from '@stepcompute/core/testing';
import { InProcessOrchestrator, SystemClock } from '@stepcompute/inmemory-adapter';
import type { DataSource } from 'typeorm';
import { openPostgres } from '../src/postgres.js';
import { typeOrmStores } from '../src/typeorm-stores.js';
import { createDatabase, describeOnPostgres } from '../../../testing/postgres/databases.js';
import { parseNewRun } from './new-run.js';

const execute = promisify(execFile);

/** Returns when a session of this database waits for another's transaction. */
async function untilOneWaits(dataSource: DataSource): Promise<void> {
  for (;;) {
    const [{ waiting }]: [{ waiting: number }] = await dataSource.query(
      `SELECT count(*)::integer AS waiting FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (waiting > 0) return;
  }
}

describe('openPostgres', () => {
  it('refuses what is no PostgreSQL URL, without repeating it', async () => {
    await expect(openPostgres({ url: 'mysql://user:secret@host/db' })).rejects.toMatchObject({
      name: 'InvalidInputError',
      message: expect.not.stringContaining('secret') as string,
    });
  });

  it('says which server it could not reach, without the password', async () => {
    const url = 'postgres://user:secret@127.0.0.1:1/db?password=secret';
    await expect(openPostgres({ url })).rejects.toMatchObject({
      name: 'PersistenceError',
      retryable: true,
      message: expect.stringMatching(/^cannot open postgres:\/\/127\.0\.0\.1:1\/db: /) as string,
    });
  });
});

it('never repeats a password, whatever characters it holds', async () => {
  for (const url of [
    'postgres://user:pa/secret@localhost:1/db',
    'postgres://user:12/secret@localhost:1/db',
    'postgres://user:se?cret@secret@localhost:1/db',
  ]) {
    await expect(openPostgres({ url })).rejects.toMatchObject({
      name: 'InvalidInputError',
      message: expect.not.stringContaining('secret') as string,
    });
  }
  // An @ was forgotten, so that the password reads as a port, or as a host.
  for (const [url, piece] of [
    ['postgres://127.0.0.2:1/db', '127.0.0.2'],
    ['postgres://secret.invalid/db', 'secret'],
  ] as const) {
    const error: unknown = await openPostgres({ url }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'PersistenceError', retryable: true });
    expect(error).not.toHaveProperty('cause');
    expect((error as Error).message).toMatch(/^cannot open the database: E[A-Z_]+$/);
    expect(inspect(error)).not.toContain(piece);
  }
});

it.each<[object, string]>([
  [{}, 'an object with a url or a pool, not both'],
  [{ url: 'postgres://h/d', pool: {} }, 'an object with a url or a pool, not both'],
  [{ pool: 'postgres://h/d' }, 'a pool of pg, or the settings of one'],
  [
    { url: 'postgres://127.0.0.1:1/d', schema: 'a.b' },
    'a name of 1 to 63 characters without . and "',
  ],
  [{ url: 'postgres://127.0.0.1:1/d?schema=' }, 'a name of 1 to 63 characters without . and "'],
  [{ url: 'postgres://127.0.0.1:1/d?sslmode=odd' }, 'one of disable, allow, prefer, require'],
  [
    { url: 'postgres://127.0.0.1:1/d?sslmode=verify-full&sslrootcert=/no/such' },
    'a file that can be read (ENOENT)',
  ],
  [{ url: 'postgres://127.0.0.1:1/d?ssl=true&sslmode=disable' }, 'left out where there is sslmode'],
  [{ url: 'postgres://127.0.0.1:1/d?sslmode=require&sslmode=disable' }, 'gives sslmode once'],
  [{ url: 'postgres://127.0.0.1:1/d?host=a,b' }, 'one host'],
  [{ url: 'postgres://127.0.0.1:1/d?schema=a', schema: 'b' }, 'that of the url, a'],
  [{ url: 'postgres://127.0.0.1:1/d?service=none' }, 'pg_service.conf has'],
  [{ url: 'postgres://127.0.0.1:1/d?connect_timeout=soon' }, 'a number of seconds'],
])('refuses %j', async (options, message) => {
  await expect(openPostgres(options)).rejects.toMatchObject({
    name: 'InvalidInputError',
    message: expect.stringContaining(message) as string,
  });
});

describeOnPostgres('on a PostgreSQL server', () => {
  it('gives runs that several processes allocate at once ids of their own', async () => {
    const database = await createDatabase();
    const main = resolve(__dirname, '../dist');
    const program = `
      const { openPostgres } = require(${JSON.stringify(`${main}/postgres.js`)});
      const { typeOrmStores } = require(${JSON.stringify(`${main}/index.js`)});
      (async () => {
        const dataSource = await openPostgres({ url: ${JSON.stringify(database.url)} });
        const { runs } = typeOrmStores(dataSource);
        const run = ${JSON.stringify(parseNewRun({ repetitions: 1, seed: 1 }))};
        const all = await Promise.all(Array.from({ length: 25 }, () => runs.allocate(run)));
        console.log(all.map(({ id }) => id).join());
        await dataSource.destroy();
      })();`;
    const answers = await Promise.all(
      [1, 2, 3].map(() => execute(process.execPath, ['-e', program])),
    );
    const ids = answers.flatMap(({ stdout }) => stdout.trim().split(',').map(Number));
    expect(ids.sort((a, b) => a - b)).toEqual(Array.from({ length: 75 }, (_, index) => index + 1));
    await database.drop();
  });

  it.each<
    [
      string,
      (stores: Stores, id: RunId, iterations: readonly IterationId[]) => Promise<unknown>,
      string,
    ]
  >([
    [
      'values',
      ({ values }, id, iterations) =>
        values.write(
          id,
          iterations.map((iterationId) => ({ iterationId, value: 1 })),
        ),
      'INSERT INTO stepcompute_value VALUES ($1, $2, 1)',
    ],
    [
      'failures',
      ({ failures }, id, iterations) =>
        failures.record(
          id,
          iterations.map((iterationId) => ({
            iterationId,
            errorName: 'Error',
            message: 'no value',
            attempts: 1,
          })),
        ),
      `INSERT INTO stepcompute_failure (run_id, iteration_id, error_name, message)
       VALUES ($1, $2, 'Error', 'no value')`,
    ],
  ])(
    'writes %s in the order of their iterations, so that no two writers wait for each other',
    async (_, write, insert) => {
      const database = await createDatabase();
      const dataSource = await openPostgres({ url: database.url });
      const stores = typeOrmStores(dataSource);
      const { id } = await stores.runs.allocate(parseNewRun({ repetitions: 10, seed: 1 }));
      const another = dataSource.createQueryRunner();
      await another.startTransaction();
      await another.query(insert, [id, 5]);
      const written = write(stores, id, [7, 5, 3].map(IterationId.parse));
      try {
        await untilOneWaits(dataSource);
        // The writer waits at 5. If it had written 7 before, this would have to wait for it in turn.
        await another.query(`SET LOCAL lock_timeout = '1ms'`);
        await another.query(insert, [id, 7]);
      } finally {
        await another.commitTransaction();
        await another.release();
        await written;
        await dataSource.destroy();
        await database.drop();
      }
    },
  );

  it('looks each value up that is sent again, instead of comparing all with all', async () => {
    const database = await createDatabase();
    const dataSource = await openPostgres({ url: database.url });
    const stores = typeOrmStores(dataSource);
    const { id } = await stores.runs.allocate(parseNewRun({ repetitions: 2000, seed: 1 }));
    const values = Array.from({ length: 2000 }, (_, index) => ({
      iterationId: IterationId.parse(index),
      value: index,
    }));
    await stores.values.write(id, values);
    const query = jest.spyOn(Object.getPrototypeOf(dataSource.createQueryRunner()), 'query');
    await stores.values.write(id, values);
    const selects = query.mock.calls.filter(([text]) =>
      (text as string).startsWith('SELECT differing'),
    );
    expect(selects).toHaveLength(1);
    const [statement, parameters] = selects[0] as [string, unknown[]];
    query.mockRestore();
    // With no statistics yet, of which PostgreSQL makes the worst.
    const plan: unknown = await dataSource.query(
      `EXPLAIN (ANALYZE, FORMAT JSON) ${statement}`,
      parameters,
    );
    const removed = [...JSON.stringify(plan).matchAll(/"Rows Removed by Join Filter":(\d+)/g)];
    expect(removed.map(([, rows]) => Number(rows)).filter((rows) => rows > 2000)).toEqual([]);
    expect(JSON.stringify(plan)).toContain('stepcompute_value_pk');
    await dataSource.destroy();
    await database.drop();
  });

  it('keeps the averages in another database when told to', async () => {
    const [first, second] = await Promise.all([createDatabase(), createDatabase()]);
    const dataSource = await openPostgres({ url: first.url });
    const averages = await openPostgres({ url: second.url });
    const orchestrator = new InProcessOrchestrator({
      generator: uniformInteger,
      stores: typeOrmStores(dataSource, { averages }),
      clock: new SystemClock(),
    });
    const { run } = await orchestrator.run({ repetitions: 100, seed: 42 });
    expect(await typeOrmStores(dataSource).averages.history(run.id)).toEqual([]);
    expect(await typeOrmStores(averages).averages.history(run.id)).toEqual([
      expectedAverage(42, 100),
    ]);
    await Promise.all([dataSource.destroy(), averages.destroy()]);
    await Promise.all([first.drop(), second.drop()]);
  });

  it('creates no schema when it is told not to', async () => {
    const database = await createDatabase();
    await expect(openPostgres({ url: database.url, create: false })).rejects.toMatchObject({
      name: 'PersistenceError',
      retryable: false,
      message: expect.stringContaining('holds no runs') as string,
    });
    await (await openPostgres({ url: database.url })).destroy();
    await (await openPostgres({ url: database.url, create: false })).destroy();
    await database.drop();
  });

  it('says so when the tables are there but may not be read', async () => {
    const database = await createDatabase();
    await (await openPostgres({ url: database.url })).destroy();
    const url = new URL(database.url);
    url.searchParams.set('options', '-c role=pg_monitor'); // a role that owns nothing here
    await expect(openPostgres({ url: url.href })).rejects.toMatchObject({
      name: 'PersistenceError',
      retryable: false,
      message: expect.stringContaining('permission denied') as string,
    });
    await database.drop();
  });

  it('says so when there is no such database', async () => {
    const database = await createDatabase();
    await database.drop();
    await expect(openPostgres({ url: database.url })).rejects.toMatchObject({
      name: 'PersistenceError',
      retryable: false,
    });
  });

  it('carries on when its connections are cut', async () => {
    const database = await createDatabase();
    const dataSource = await openPostgres({ url: database.url });
    const stores = typeOrmStores(dataSource);
    const cut = await openPostgres({ url: database.url, poolSize: 1 });
    let cuts = 0;
    const orchestrator = new InProcessOrchestrator({
      generator: uniformInteger,
      stores,
      clock: new SystemClock(),
      concurrency: 100,
    });
    const { average, ledger } = await orchestrator.run(
      { repetitions: 5000, seed: 42, delayMs: 1 },
      {
        onProgress: async ({ completed }) => {
          if (completed === 0 || cuts >= 5) return;
          cuts += 1;
          await cut.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()`,
          );
        },
      },
    );
    expect(cuts).toBe(5);
    expect(average).toEqual(expectedAverage(42, 5000));
    expect(ledger).toEqual({ requested: 5000, completed: 5000, failed: 0, missing: 0 });
    await Promise.all([dataSource.destroy(), cut.destroy()]);
    await database.drop();
  });

  it('says so when the database goes away', async () => {
    const database = await createDatabase();
    const dataSource = await openPostgres({ url: database.url });
    const stores = typeOrmStores(dataSource);
    const run = await stores.runs.allocate(parseNewRun({ repetitions: 1, seed: 1 }));
    await database.drop(); // ends every connection to it
    await expect(stores.runs.get(run.id)).rejects.toMatchObject({ name: 'PersistenceError' });
    await dataSource.destroy();
  });
});
