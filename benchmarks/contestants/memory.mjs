/** An asynchronous draw, N times, with every value kept and averaged. */
import { simulate } from '@stepcompute/inmemory-adapter';
import pLimit from 'p-limit';
import pMap from 'p-map';

const draw = async () => Math.floor(Math.random() * 1001);
const mean = (/** @type {ArrayLike<number>} */ values) => {
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) sum += values[i];
  return sum / values.length;
};
const indices = (/** @type {number} */ n) => Array.from({ length: n }, (_, index) => index);

/** @param {(n: number) => Promise<ArrayLike<number>>} generate @returns {import('../measure.mjs').Contestant} */
const inMemory = (generate) => ({
  prepare: async () => ({ values: /** @type {ArrayLike<number>} */ ([]), average: NaN }),
  async perform(kept, { n }) {
    kept.values = await generate(n);
    kept.average = mean(kept.values);
  },
  verify: async ({ values, average }, { n }) => values.length === n && Number.isFinite(average),
  close: async () => undefined,
});

/** @type {Record<string, import('../measure.mjs').Contestant>} */
export const contestants = {
  'a bare loop': inMemory(async (n) => {
    const values = new Float64Array(n);
    for (let i = 0; i < n; i += 1) values[i] = await draw();
    return values;
  }),
  'Promise.all': inMemory((n) => Promise.all(indices(n).map(draw))),
  'p-map': inMemory((n) => pMap(indices(n), draw, { concurrency: 1000 })),
  'p-limit': inMemory((n) => {
    const limit = pLimit(1000);
    return Promise.all(indices(n).map(() => limit(draw)));
  }),
  'simulate, unseeded draws': inMemory(
    async (n) => (await simulate(draw, { repetitions: n })).values,
  ),
  'simulate, seeded draws': inMemory(
    async (n) =>
      (await simulate(async ({ random }) => random.integer(0, 1000), { repetitions: n, seed: 42 }))
        .values,
  ),
};
