import { averageOf, IterationId } from '@stepcompute/core';
import { averageOfRun } from '@stepcompute/core/adapters';
import { openPostgres } from '../src/postgres.js';
import { typeOrmStores } from '../src/typeorm-stores.js';
import { parseNewRun } from './new-run.js';
import { createDatabase, describeOnPostgres } from '../../../testing/postgres/databases.js';

/** Settings that make PostgreSQL find, sort and group values in other ways than it would choose. */
const plans = {
  'as it chooses': {},
  'without an index': {
    enable_indexscan: 'off',
    enable_indexonlyscan: 'off',
    enable_bitmapscan: 'off',
  },
  'through bitmaps': {
    enable_indexscan: 'off',
    enable_indexonlyscan: 'off',
    enable_seqscan: 'off',
  },
  'in parallel': {
    max_parallel_workers_per_gather: '4',
    parallel_setup_cost: '0',
    parallel_tuple_cost: '0',
    min_parallel_table_scan_size: '0',
    min_parallel_index_scan_size: '0',
    enable_indexscan: 'off',
    enable_bitmapscan: 'off',
  },
  'with little memory': { work_mem: "'64kB'", enable_sort: 'off', enable_hashagg: 'on' },
  'by sorting': { enable_hashagg: 'off', enable_hashjoin: 'off', enable_nestloop: 'off' },
};

/** Their sum depends on the order in which they are added, from the first digits on. */
const values = Array.from({ length: 20_000 }, (_, index) => Math.sin(index) * 10 ** (index % 30));

describeOnPostgres('values are scanned in iteration order', () => {
  it.each(Object.entries(plans))('%s', async (_, settings) => {
    const database = await createDatabase();
    try {
      const before = await openPostgres({ url: database.url });
      const name = new URL(database.url).pathname.slice(1);
      for (const [setting, value] of Object.entries(settings)) {
        await before.query(`ALTER DATABASE "${name}" SET ${setting} = ${value}`);
      }
      await before.destroy();
      const dataSource = await openPostgres({ url: database.url });
      try {
        const stores = typeOrmStores(dataSource);
        const run = await stores.runs.allocate(
          parseNewRun({ repetitions: values.length, seed: 1 }),
        );
        // In an order of their own on the disk.
        const shuffled = values
          .map((value, index) => ({ iterationId: IterationId.parse(index), value }))
          .sort((a, b) => Math.sin(a.iterationId) - Math.sin(b.iterationId));
        for (let first = 0; first < shuffled.length; first += 1000) {
          await stores.values.write(run.id, shuffled.slice(first, first + 1000));
        }
        expect(await averageOfRun(stores, run)).toEqual(averageOf(values));
      } finally {
        await dataSource.destroy();
      }
    } finally {
      await database.drop();
    }
  });
});
