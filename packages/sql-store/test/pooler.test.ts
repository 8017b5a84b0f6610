import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { InProcessOrchestrator, IterationId, uniformInteger } from '@stepcompute/core';
import { expectedAverage } from '@stepcompute/core/testing';
import { schemaState } from '../src/migrate-schema.js';
import { openPostgres } from '../src/postgres.js';
import { typeOrmStores } from '../src/typeorm-stores.js';
import { times } from '../../../testing/exhaustive.js';
import { createDatabase, type TestDatabase } from '../../../testing/postgres/databases.js';
import { describeOnPgBouncer, PgBouncer } from '../../../testing/postgres/pgbouncer.js';
import { parseNewRun } from './new-run.js';

const execute = promisify(execFile);

describeOnPgBouncer('through PgBouncer in transaction mode', () => {
  let database: TestDatabase;
  let pooler: PgBouncer;
  beforeEach(async () => {
    database = await createDatabase();
    pooler = await PgBouncer.before(database, 3);
  });
  afterEach(async () => {
    await pooler.remove();
    await database.drop();
  });

  it('makes the tables once, of several processes that begin at once', async () => {
    const main = resolve(__dirname, '../dist');
    const program = `
      const { openPostgres } = require(${JSON.stringify(`${main}/postgres.js`)});
      const { schemaState } = require(${JSON.stringify(`${main}/index.js`)});
      (async () => {
        const dataSource = await openPostgres({ url: ${JSON.stringify(pooler.url)} });
        console.log(await schemaState(dataSource));
        await dataSource.destroy();
      })();`;
    const answers = await Promise.all(
      [1, 2, 3].map(() => execute(process.execPath, ['-e', program])),
    );
    expect(answers.map(({ stdout }) => stdout.trim())).toEqual(['current', 'current', 'current']);
    const dataSource = await openPostgres({ url: database.url });
    const [{ locks }]: [{ locks: string }] = await dataSource.query(
      `SELECT count(*)::text AS locks FROM pg_locks WHERE locktype = 'advisory'
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    expect(locks).toBe('0');
    await dataSource.destroy();
  });

  it('does a run of many iterations, with more connections than there are sessions', async () => {
    const count = times(20_000, 200_000);
    const sources = await Promise.all([1, 2].map(() => openPostgres({ url: pooler.url })));
    const averages = await Promise.all(
      sources.map(async (dataSource) => {
        const stores = typeOrmStores(dataSource);
        const orchestrator = new InProcessOrchestrator({
          generator: uniformInteger,
          stores,
          concurrency: 100,
        });
        return (await orchestrator.run({ repetitions: count, seed: 42, delayMs: 1 })).average;
      }),
    );
    expect(averages).toEqual([expectedAverage(42, count), expectedAverage(42, count)]);
    await Promise.all(sources.map((dataSource) => dataSource.destroy()));
  });

  it('carries on when it is killed, and started again', async () => {
    const dataSource = await openPostgres({ url: pooler.url });
    let kills = 0;
    const orchestrator = new InProcessOrchestrator({
      generator: uniformInteger,
      stores: typeOrmStores(dataSource),
      concurrency: 100,
    });
    const { average } = await orchestrator.run(
      { repetitions: 5000, seed: 42, delayMs: 1 },
      {
        onProgress: async ({ completed }) => {
          if (completed === 0 || kills >= 3) return;
          kills += 1;
          await pooler.kill();
          await pooler.start();
        },
      },
    );
    expect(kills).toBe(3);
    expect(average).toEqual(expectedAverage(42, 5000));
    await dataSource.destroy();
  });

  it('sends again what waited for longer than the statement time-out', async () => {
    const [direct, dataSource] = await Promise.all([
      openPostgres({ url: database.url }),
      openPostgres({ url: pooler.url, statementTimeoutMs: 300 }),
    ]);
    const stores = typeOrmStores(dataSource);
    const { id } = await stores.runs.allocate(parseNewRun({ repetitions: 1, seed: 1 }));
    const holder = direct.createQueryRunner();
    await holder.startTransaction();
    await holder.query('LOCK TABLE stepcompute_value');
    const waiting = (): Promise<[{ waiting: string }]> =>
      direct.query(
        `SELECT count(*)::text AS waiting FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
    const written = stores.values.write(id, [{ iterationId: IterationId.parse(0), value: 7 }]);
    // One that was given up still waits in its session, beside the one that was sent again.
    while (Number((await waiting())[0].waiting) < 2);
    await holder.commitTransaction();
    await holder.release();
    await written;
    expect((await stores.failures.ledger(id)).completed).toBe(1);
    await Promise.all([direct.destroy(), dataSource.destroy()]);
  });

  it('says what to do where it refuses what a connection begins with', async () => {
    await (await openPostgres({ url: database.url })).destroy();
    await expect(
      openPostgres({ url: `${pooler.url}&options=-c%20search_path%3Dpublic` }),
    ).rejects.toMatchObject({
      name: 'PersistenceError',
      retryable: false,
      message: expect.stringMatching(
        /unsupported startup parameter: options; a pooler takes none.*name the schema/,
      ) as string,
    });
    const dataSource = await openPostgres({ url: `${pooler.url}&schema=public` });
    expect(await schemaState(dataSource)).toBe('current');
    await dataSource.destroy();
  });
});
