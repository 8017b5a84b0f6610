/** StepCompute, as README shows it. */
import { InProcessOrchestrator, SystemClock } from '@stepcompute/inmemory-adapter';
import { typeOrmStores } from '@stepcompute/sql-store';
import { openPglite } from '@stepcompute/sql-store/pglite';
import { openPostgres } from '@stepcompute/sql-store/postgres';

/** @param {(place: any) => Promise<any>} open @returns {import('../measure.mjs').Contestant} */
const ours = (open) => ({
  async prepare(place) {
    const dataSource = await open(place);
    const stores = typeOrmStores(dataSource);
    const orchestrator = new InProcessOrchestrator({
      generator: ({ random }) => random.integer(0, 1000),
      stores,
      clock: new SystemClock(),
    });
    return { dataSource, stores, orchestrator };
  },
  async perform({ orchestrator }, { n }) {
    await orchestrator.run({ repetitions: n, seed: 42 });
  },
  async verify({ stores }, { n }) {
    const [run] = await stores.runs.list(1);
    const { completed } = await stores.failures.ledger(run.id);
    const [average] = await stores.averages.history(run.id);
    return completed === n && average?.count === n;
  },
  close: ({ dataSource }) => dataSource.destroy(),
});

/** @type {Record<string, import('../measure.mjs').Contestant>} */
export const contestants = {
  StepCompute: ours(({ url }) => openPostgres({ url })),
  'StepCompute on PGlite': ours(({ folder }) => openPglite({ folder })),
  'limit: one INSERT … ON CONFLICT DO NOTHING, PGlite': {
    async prepare({ folder, n }) {
      const dataSource = await openPglite({ folder });
      await dataSource.query('CREATE TABLE value (LIKE stepcompute_value INCLUDING ALL)');
      const ids = Array.from({ length: n }, (_, iteration) => iteration);
      return { dataSource, ids, values: ids.map(() => Math.floor(Math.random() * 1001)) };
    },
    async perform({ dataSource, ids, values }) {
      await dataSource.query(
        `INSERT INTO value SELECT 1, i, v
         FROM unnest($1::integer[], $2::double precision[]) AS b (i, v) ON CONFLICT DO NOTHING`,
        [`{${ids.join()}}`, `{${values.join()}}`],
      );
      await dataSource.query('SELECT count(*), avg(value) FROM value WHERE run_id = 1');
    },
    async verify({ dataSource }, { n }) {
      return (await dataSource.query('SELECT count(*)::integer AS n FROM value'))[0].n === n;
    },
    close: ({ dataSource }) => dataSource.destroy(),
  },
};
