/** The database's own time for values drawn beforehand. */
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import copy from 'pg-copy-streams';
import { average, createTables, draw, isDone } from './tables.mjs';

/** @param {number} n */
function drawn(n) {
  const ids = Array.from({ length: n }, (_, iteration) => iteration);
  return { ids, values: ids.map(draw) };
}

/** @param {string} onConflict @returns {import('../measure.mjs').Contestant} */
const oneStatement = (onConflict) => ({
  async prepare({ url, n }) {
    return { pool: await createTables(url, 1), ...drawn(n) };
  },
  async perform({ pool, ids, values }) {
    await pool.query(
      `INSERT INTO value SELECT 1, i, v FROM unnest($1::integer[], $2::double precision[]) AS b (i, v) ${onConflict}`,
      [`{${ids.join()}}`, `{${values.join()}}`],
    );
    await average(pool);
  },
  verify: ({ pool }, { n }) => isDone(pool, n),
  close: ({ pool }) => pool.end(),
});

/** @type {Record<string, import('../measure.mjs').Contestant>} */
export const contestants = {
  'limit: one INSERT … ON CONFLICT DO NOTHING': oneStatement('ON CONFLICT DO NOTHING'),
  'limit: one plain INSERT': oneStatement(''),
  'far limit: COPY': {
    async prepare({ url, n }) {
      return { pool: await createTables(url, 1), ...drawn(n) };
    },
    async perform({ pool, ids, values }) {
      const client = await pool.connect();
      const lines = function* () {
        for (let first = 0; first < ids.length; first += 1000) {
          let text = '';
          for (let i = first; i < Math.min(first + 1000, ids.length); i += 1) {
            text += `1\t${ids[i]}\t${values[i]}\n`;
          }
          yield text;
        }
      };
      await pipeline(Readable.from(lines()), client.query(copy.from('COPY value FROM STDIN')));
      client.release();
      await average(pool);
    },
    verify: ({ pool }, { n }) => isDone(pool, n),
    close: ({ pool }) => pool.end(),
  },
};
