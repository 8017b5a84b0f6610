/** The two tables that every durable contestant fills: values under (run, iteration), and averages. */
import pg from 'pg';

export const draw = () => Math.floor(Math.random() * 1001);

/** @param {string} url @param {number} [max] connections */
export async function createTables(url, max = 10) {
  const pool = new pg.Pool({ connectionString: url, max });
  await pool.query(`
    CREATE TABLE value (
      run_id integer NOT NULL, iteration_id integer NOT NULL, value double precision NOT NULL,
      PRIMARY KEY (run_id, iteration_id)
    )`);
  await pool.query(
    'CREATE TABLE average (run_id integer PRIMARY KEY, count integer, mean double precision)',
  );
  return pool;
}

/** @param {pg.Pool} pool */
export function average(pool) {
  return pool.query(
    'INSERT INTO average SELECT 1, count(*), avg(value) FROM value WHERE run_id = 1',
  );
}

/** @param {pg.Pool} pool @param {number} iteration */
export function insertOne(pool, iteration) {
  return pool.query({
    name: 'insert',
    text: 'INSERT INTO value VALUES (1, $1, $2) ON CONFLICT DO NOTHING',
    values: [iteration, draw()],
  });
}

/** True when each value is there and the average is stored. @param {pg.Pool} pool @param {number} n */
export async function isDone(pool, n) {
  const { rows } = await pool.query(
    'SELECT (SELECT count(*)::integer FROM value) AS n, (SELECT count FROM average) AS averaged',
  );
  return rows[0].n === n && rows[0].averaged === n;
}
