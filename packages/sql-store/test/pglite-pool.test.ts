import type { PGlite } from '@electric-sql/pglite';
import { PglitePool } from '../src/pglite-pool.js';

/** A PGlite whose disk is full at its second statement; like the real one it answers nothing after that. */
function fullDisk(): PGlite & { readonly asked: string[] } {
  const asked: string[] = [];
  const never = new Promise<never>(() => undefined);
  return {
    asked,
    query: (text: string) => {
      asked.push(text);
      if (asked.length === 1) return Promise.resolve({ rows: [{ one: 1 }], affectedRows: 0 });
      if (asked.length > 2) return never;
      return Promise.reject(
        Object.assign(new Error('could not write: No space left on device'), { code: '53100' }),
      );
    },
    close: () => never,
  } as unknown as PGlite & { readonly asked: string[] };
}

function connect(pool: PglitePool): Promise<{
  query: (text: string) => Promise<unknown>;
  release: () => void;
}> {
  return new Promise((resolve) => {
    pool.connect((_, client, release) => resolve({ query: (text) => client.query(text), release }));
  });
}

it('an embedded database whose disk is full says so from then on, and can be closed', async () => {
  const pglite = fullDisk();
  let released = 0;
  const pool = new PglitePool(pglite, () => (released += 1));
  const { query, release } = await connect(pool);
  expect(await query('SELECT 1')).toMatchObject({ rows: [{ one: 1 }] });
  for (const statement of ['INSERT', 'ROLLBACK', 'SELECT 2']) {
    await expect(query(statement)).rejects.toMatchObject({ code: '53100' });
  }
  expect(pglite.asked).toEqual(['SELECT 1', 'INSERT']);
  release();
  await new Promise<void>((resolve, reject) => {
    pool.end((error) => (error === undefined ? resolve() : reject(error)));
  });
  expect(released).toBe(1);
});
