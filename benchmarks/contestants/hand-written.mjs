/** A team's first version: a pool, and an insert for each value. */
import pMap from 'p-map';
import { average, createTables, insertOne, isDone } from './tables.mjs';

const iterations = (/** @type {number} */ n) =>
  Array.from({ length: n }, (_, iteration) => iteration);

/** @type {Record<string, import('../measure.mjs').Contestant>} */
export const contestants = {
  'Promise.all over a pg pool': {
    prepare: ({ url }) => createTables(url),
    async perform(pool, { n }) {
      await Promise.all(iterations(n).map((iteration) => insertOne(pool, iteration)));
      await average(pool);
    },
    verify: (pool, { n }) => isDone(pool, n),
    close: (pool) => pool.end(),
  },
  'p-map over a pg pool': {
    prepare: ({ url }) => createTables(url),
    async perform(pool, { n }) {
      await pMap(iterations(n), (iteration) => insertOne(pool, iteration), { concurrency: 10 });
      await average(pool);
    },
    verify: (pool, { n }) => isDone(pool, n),
    close: (pool) => pool.end(),
  },
};
