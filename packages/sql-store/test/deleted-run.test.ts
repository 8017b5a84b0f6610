import { deleteRun, InProcessOrchestrator, type RunId, type Stores } from '@stepcompute/core';
import type { DataSource } from 'typeorm';
import { openPglite } from '../src/pglite.js';
import { typeOrmStores } from '../src/typeorm-stores.js';

describe('a deleted run', () => {
  let dataSource: DataSource;
  let elsewhere: DataSource;
  let stores: Stores;
  beforeAll(async () => {
    [dataSource, elsewhere] = await Promise.all([openPglite(), openPglite()]);
    stores = typeOrmStores(dataSource, { averages: elsewhere });
  });
  afterAll(() => Promise.all([dataSource.destroy(), elsewhere.destroy()]));
  afterEach(async () => {
    for (const table of ['run', 'value', 'failure', 'average', 'measure_average']) {
      await dataSource.query(`DELETE FROM stepcompute_${table}`);
      await elsewhere.query(`DELETE FROM stepcompute_${table}`);
    }
  });

  async function completedRun(): Promise<RunId> {
    const orchestrator = new InProcessOrchestrator({
      generator: {
        measures: ['a', 'b'],
        generate: ({ random, iterationId }) => {
          if (iterationId === 3) throw new Error('no value');
          return { a: random.uniform(), b: random.uniform() };
        },
      },
      stores,
    });
    const request = {
      repetitions: 10,
      tolerance: 1,
      parameters: { secret: 'x' },
      label: 'mine',
      idempotencyKey: `key ${Math.random()}`,
    };
    return (await orchestrator.run(request)).run.id;
  }

  /** So many rows has each table of the database. */
  async function rowsIn(of: DataSource): Promise<Record<string, number>> {
    const tables = ['value', 'failure', 'average', 'measure_average'];
    const counts = tables.map(async (table) => {
      const [row] = await of.query<[{ count: number }]>(
        `SELECT count(*)::int FROM stepcompute_${table}`,
      );
      return [table, row.count] as const;
    });
    return Object.fromEntries(await Promise.all(counts));
  }

  it('leaves no row behind, neither in its database nor in that of the averages', async () => {
    const id = await completedRun();
    const other = await completedRun();
    const one = { value: 9, failure: 1, average: 0, measure_average: 0 };
    const average = { value: 0, failure: 0, average: 1, measure_average: 1 };
    expect(await rowsIn(dataSource)).toEqual({ ...one, value: 18, failure: 2 });
    expect(await deleteRun(stores, id)).toEqual({
      runId: id,
      failures: 1,
      averages: 1,
      values: 9,
    });
    expect(await rowsIn(dataSource)).toEqual(one);
    expect(await rowsIn(elsewhere)).toEqual(average);
    expect(await stores.averages.history(other)).toHaveLength(1);
  });

  it('keeps its id, its key and its times of what was asked', async () => {
    const id = await completedRun();
    await stores.tombstones.mark(id);
    const [row] = await dataSource.query<[Record<string, unknown>]>(
      'SELECT * FROM stepcompute_run',
    );
    const kept = ['id', 'idempotency_key', 'started_at', 'finished_at', 'deleted_at'];
    const numbers = { repetitions: 10, seed: row.seed, delay_ms: 0, tolerance: '1' };
    expect(row).toEqual({
      ...Object.fromEntries(kept.map((column) => [column, expect.anything() as unknown])),
      ...numbers,
      status: 'completed',
      generator_name: '',
      parameters: '{}',
      simulation: '[]',
      measures: '[]',
      versions: null,
      request: null,
      label: null,
      experiment: null,
      experiment_key: null,
      scenario: null,
      precision: null,
    });
    expect(JSON.stringify(row)).not.toMatch(/secret|mine/);
  });

  it('takes no value from a process of an earlier version that is still connected', async () => {
    const id = await completedRun();
    await deleteRun(stores, id);
    // As the version before inserts one, and looks at no tombstone.
    for (const measures of [1, 2]) {
      await dataSource.query(
        `INSERT INTO stepcompute_value (run_id, iteration_id, value)
         SELECT run.id, 0, 1 FROM stepcompute_run run
         WHERE run.id = $1 AND run.repetitions > $2 AND json_array_length(run.measures::json) = $3`,
        [id, 0, measures],
      );
    }
    expect(await rowsIn(dataSource)).toMatchObject({ value: 0 });
  });

  it('is rid of what a statement still writes that began before', async () => {
    const id = await completedRun();
    await deleteRun(stores, id);
    await dataSource.query('INSERT INTO stepcompute_value VALUES ($1, 0, 1), ($1, 999999, 2)', [
      id,
    ]);
    expect(await deleteRun(stores, id)).toMatchObject({ values: 2 });
    expect(await rowsIn(dataSource)).toMatchObject({ value: 0 });
  });

  it('was not reopened at the same time: one of the two is refused', async () => {
    const run = await stores.runs.get(await completedRun());
    const reopen = (): Promise<unknown> => stores.runs.reopen(run.id, { delayMs: run.delayMs });
    const outcomes = await Promise.allSettled([
      reopen(),
      stores.tombstones.mark(run.id),
      reopen(),
      stores.runs.finish(run, 'failed'),
    ]);
    const [, marked] = outcomes;
    // Whichever came first: a run that was reopened is started, and refused.
    const isDeleted = marked.status === 'fulfilled';
    expect(await stores.tombstones.has(run.id)).toBe(isDeleted);
    expect(await stores.runs.list()).toHaveLength(isDeleted ? 0 : 1);
  });
});
