import {
  RunNotFoundError,
  StartedRunError,
  type Placed,
  type RunId,
  type Swept,
  type TombstoneStore,
} from '@stepcompute/core';
import type { DataSource } from 'typeorm';
import { execute } from './execute.js';
import { patiently } from './patiently.js';
import { tablesOf, type Tables } from './tables.js';

/**
 * Nothing that was asked stays but the key. A tombstone has no measures, so that no value fits it: a process of
 * an earlier version that is still connected, and does not look at `deleted_at`, writes none either.
 */
const markStatement = ({ run }: Tables): string => `
  UPDATE ${run} SET deleted_at = now(),
    parameters = '{}', simulation = '[]', measures = '[]', generator_name = '', versions = NULL,
    request = NULL, label = NULL, experiment = NULL, experiment_key = NULL, scenario = NULL, precision = NULL
  WHERE id = $1 AND deleted_at IS NULL AND (status <> 'started' OR $2)`;

/** The iterations, or counts, of so many neighbours are deleted by one statement: a second's work at most. */
const pageLength = 50_000;

/** A table of which a run's rows are deleted. */
interface SweptTable {
  readonly of: Swept['of'];
  readonly dataSource: DataSource;
  readonly table: string;
  /** A run's rows are in its order. */
  readonly column: 'iteration_id' | 'count';
  /** Its rows are parts of what another table counts. */
  readonly isPart?: boolean;
}

/** Tombstones in the table `stepcompute_run`. */
export class TypeOrmTombstoneStore implements TombstoneStore, Placed {
  /** @param averages the DataSource of the averages. Default: the one for everything else */
  constructor(
    private readonly dataSource: DataSource,
    private readonly averages = dataSource,
  ) {}

  get place(): object {
    return this.dataSource;
  }

  mark(id: RunId, { force = false }: { force?: boolean | undefined } = {}): Promise<void> {
    return patiently(this.dataSource, async () => {
      const statement = markStatement(tablesOf(this.dataSource));
      const { affected } = await execute(this.dataSource, statement, [id, force]);
      if (affected !== 0) return;
      const isTombstone = await this.#isTombstone(id);
      if (isTombstone === undefined) throw new RunNotFoundError(id);
      if (!isTombstone) throw new StartedRunError(id);
    });
  }

  async *sweep(id: RunId): AsyncGenerator<Swept, void> {
    if (!(await this.has(id))) throw new RunNotFoundError(id);
    const { failure, value } = tablesOf(this.dataSource);
    const { average, measureAverage } = tablesOf(this.averages);
    const own = { dataSource: this.dataSource, column: 'iteration_id' } as const;
    const elsewhere = { of: 'averages', dataSource: this.averages, column: 'count' } as const;
    yield* pagesOf({ of: 'failures', ...own, table: failure }, id);
    yield* pagesOf({ ...elsewhere, table: measureAverage, isPart: true }, id);
    yield* pagesOf({ ...elsewhere, table: average }, id);
    yield* pagesOf({ of: 'values', ...own, table: value }, id);
  }

  has(id: RunId): Promise<boolean> {
    return patiently(this.dataSource, async () => (await this.#isTombstone(id)) === true);
  }

  /** Undefined where there is no such row. */
  async #isTombstone(id: RunId): Promise<boolean | undefined> {
    const { records } = await execute(
      this.dataSource,
      `SELECT (deleted_at IS NOT NULL)::text AS "isTombstone" FROM ${tablesOf(this.dataSource).run} WHERE id = $1`,
      [id],
    );
    const [row] = records as { isTombstone: string }[];
    return row === undefined ? undefined : row.isTombstone === 'true';
  }
}

/**
 * Deletes the run's rows in a table, a page at a time. Each page begins behind
 * the one before: an index has its deleted rows for a while.
 */
async function* pagesOf(
  { of, dataSource, table, column, isPart = false }: SweptTable,
  id: RunId,
): AsyncGenerator<Swept, void> {
  const from = `FROM ${table} WHERE run_id = $1 AND ${column} >= $2`;
  for (let next = 0; ;) {
    const { records } = await patiently(dataSource, () =>
      execute(dataSource, `SELECT min(${column})::text AS first ${from}`, [id, next]),
    );
    const [{ first }] = records as [{ first: string | null }];
    if (first === null) return;
    next = Number(first) + pageLength;
    const { affected = 0 } = await patiently(dataSource, () =>
      execute(dataSource, `DELETE ${from} AND ${column} < $3`, [id, Number(first), next]),
    );
    yield { of, count: isPart ? 0 : affected };
  }
}
