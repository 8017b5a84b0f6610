/** A simulation that computes for a millisecond, in memory: on one core and on more. */
import { fileURLToPath } from 'node:url';
import { inMemoryStores, InProcessOrchestrator, SystemClock } from '@stepcompute/inmemory-adapter';
import { WorkerThreads } from '@stepcompute/worker-threads';
import { Piscina } from 'piscina';

const file = (/** @type {string} */ name) =>
  fileURLToPath(new URL(`../simulations/${name}.mjs`, import.meta.url));

/** @param {number} [workers] @returns {import('../measure.mjs').Contestant} */
const ours = (workers) => ({
  async prepare() {
    const module = file('logistic');
    const threads = workers === undefined ? undefined : new WorkerThreads({ module, workers });
    const generator = threads?.generate ?? (await import(module)).default;
    const stores = inMemoryStores();
    const orchestrator = new InProcessOrchestrator({ generator, stores, clock: new SystemClock() });
    return { threads, orchestrator, count: 0 };
  },
  async perform(prepared, { n }) {
    const { average } = await prepared.orchestrator.run({ repetitions: n, seed: 42 });
    prepared.count = average.count;
  },
  verify: async ({ count }, { n }) => count === n,
  close: async ({ threads }) => threads?.close(),
});

/**
 * @param {(pool: Piscina, starts: number[]) => Promise<number[]>} work
 * @returns {import('../measure.mjs').Contestant}
 */
const byHand = (work) => ({
  prepare: async () => ({
    pool: new Piscina({ filename: file('logistic-piscina'), minThreads: 2, maxThreads: 2 }),
    average: NaN,
    count: 0,
  }),
  async perform(kept, { n }) {
    const starts = Array.from({ length: n }, () => Math.random());
    const values = await work(kept.pool, starts);
    kept.count = values.length;
    kept.average = values.reduce((sum, value) => sum + value, 0) / values.length;
  },
  verify: async ({ count, average }, { n }) => count === n && Number.isFinite(average),
  close: ({ pool }) => pool.destroy(),
});

/** @type {Record<string, import('../measure.mjs').Contestant>} */
export const contestants = {
  'StepCompute, 2 workers': ours(2),
  'StepCompute, 1 worker': ours(1),
  'StepCompute, no workers': ours(),
  'piscina by hand, a task for each': byHand((pool, starts) =>
    Promise.all(starts.map((start) => pool.run(start, { name: 'one' }))),
  ),
  'piscina by hand, tasks of 50': byHand(async (pool, starts) => {
    const tasks = [];
    for (let first = 0; first < starts.length; first += 50) {
      tasks.push(pool.run(starts.slice(first, first + 50), { name: 'many' }));
    }
    return (await Promise.all(tasks)).flat();
  }),
};
