/** Job queues on PostgreSQL, as their own documents recommend them for throughput. */
import { average, createTables, draw as drawValue, insertOne, isDone } from './tables.mjs';

/** @type {Record<string, import('../measure.mjs').Contestant>} */
export const contestants = {
  // addJobs in batches, a worker of its own pool, concurrency well above 1, a local queue: "Performance" and
  // "Scaling tips" of its documents.
  'graphile-worker': {
    async prepare({ url }) {
      const { makeWorkerUtils } = await import('graphile-worker');
      const pool = await createTables(url);
      const utils = await makeWorkerUtils({ connectionString: url });
      await utils.migrate();
      return { pool, utils, url };
    },
    async perform({ pool, utils, url }, { n }) {
      const { run } = await import('graphile-worker');
      let left = n;
      /** @type {(value?: unknown) => void} */
      let finish = () => undefined;
      const finished = new Promise((resolve) => (finish = resolve));
      const runner = await run({
        connectionString: url,
        concurrency: 10,
        pollInterval: 1000,
        noHandleSignals: true,
        preset: {
          worker: {
            localQueue: { size: 500 },
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0,
            maxPoolSize: 20,
          },
        },
        logger: new (await import('graphile-worker')).Logger(() => () => undefined),
        taskList: {
          draw: async (/** @type {any} */ { iteration }) => {
            await insertOne(pool, iteration);
            left -= 1;
            if (left === 0) finish();
          },
        },
      });
      for (let first = 0; first < n; first += 1000) {
        await utils.addJobs(
          Array.from({ length: Math.min(1000, n - first) }, (_, index) => ({
            identifier: 'draw',
            payload: { iteration: first + index },
          })),
        );
      }
      await finished;
      await average(pool);
      await runner.stop();
    },
    verify: ({ pool }, { n }) => isDone(pool, n),
    close: async ({ pool, utils }) => {
      await utils.release();
      await pool.end();
    },
  },
  // insert() of many jobs at once, and work() that takes batches: its documents' advice for volume.
  'pg-boss': {
    async prepare({ url }) {
      const { PgBoss } = await import('pg-boss');
      const pool = await createTables(url);
      const boss = new PgBoss({ connectionString: url, max: 10 });
      boss.on('error', () => undefined);
      await boss.start();
      await boss.createQueue('draw');
      return { pool, boss };
    },
    async perform({ pool, boss }, { n }) {
      let left = n;
      /** @type {(value?: unknown) => void} */
      let finish = () => undefined;
      const finished = new Promise((resolve) => (finish = resolve));
      const draw = async (/** @type {any[]} */ jobs) => {
        await Promise.all(jobs.map(({ data }) => insertOne(pool, data.iteration)));
        left -= jobs.length;
        if (left <= 0) finish();
      };
      const settings = { batchSize: 1000, pollingIntervalSeconds: 0.5 };
      for (let worker = 0; worker < 4; worker += 1) await boss.work('draw', settings, draw);
      for (let first = 0; first < n; first += 1000) {
        await boss.insert(
          'draw',
          Array.from({ length: Math.min(1000, n - first) }, (_, index) => ({
            data: { iteration: first + index },
          })),
        );
      }
      await finished;
      await average(pool);
    },
    verify: ({ pool }, { n }) => isDone(pool, n),
    close: async ({ pool, boss }) => {
      await boss.stop({ graceful: false });
      await pool.end();
    },
  },
  // addBulk of a thousand jobs at a time and a worker with a concurrency well above 1; Redis keeps its log on
  // disk (appendonly), as its documents ask of a Redis that must not forget jobs.
  BullMQ: {
    async prepare({ url, redis }) {
      const { Queue } = await import('bullmq');
      const { Redis } = await import('ioredis');
      const pool = await createTables(url);
      const connection = new Redis({ path: redis, maxRetriesPerRequest: null });
      return { pool, connection, queue: new Queue('draw', { connection }) };
    },
    async perform(prepared, { n }) {
      const { pool, connection, queue } = prepared;
      const { Worker } = await import('bullmq');
      let left = n;
      /** @type {(value?: unknown) => void} */
      let finish = () => undefined;
      const finished = new Promise((resolve) => (finish = resolve));
      prepared.worker = new Worker(
        'draw',
        async ({ data }) => {
          await insertOne(pool, data.iteration);
          left -= 1;
          if (left === 0) finish();
        },
        { connection, concurrency: 100, removeOnComplete: { count: 0 } },
      );
      for (let first = 0; first < n; first += 1000) {
        await queue.addBulk(
          Array.from({ length: Math.min(1000, n - first) }, (_, index) => ({
            name: 'draw',
            data: { iteration: first + index },
          })),
        );
      }
      await finished;
      await average(pool);
    },
    verify: ({ pool }, { n }) => isDone(pool, n),
    close: async ({ pool, queue, worker }) => {
      await worker.close(true);
      await queue.obliterate({ force: true });
      await queue.close();
      await connection.quit();
      await pool.end();
    },
  },
  // One workflow whose steps are run side by side: each step's result is durable in its own tables too.
  'DBOS Transact': {
    async prepare({ url }) {
      const { DBOS } = await import('@dbos-inc/dbos-sdk');
      const pool = await createTables(url);
      DBOS.setConfig({
        name: 'bench',
        systemDatabaseUrl: url,
        logLevel: 'error',
        runAdminServer: false,
      });
      const workflow = DBOS.registerWorkflow(
        async (/** @type {number} */ n) => {
          for (let first = 0; first < n; first += 100) {
            await Promise.all(
              Array.from({ length: Math.min(100, n - first) }, (_, index) =>
                DBOS.runStep(async () => {
                  await insertOne(pool, first + index);
                  return drawValue();
                }),
              ),
            );
          }
        },
        { name: 'simulation' },
      );
      await DBOS.launch();
      return { pool, DBOS, workflow };
    },
    async perform({ pool, workflow }, { n }) {
      await workflow(n);
      await average(pool);
    },
    verify: ({ pool }, { n }) => isDone(pool, n),
    close: async ({ pool, DBOS }) => {
      await DBOS.shutdown();
      await pool.end();
    },
  },
};
