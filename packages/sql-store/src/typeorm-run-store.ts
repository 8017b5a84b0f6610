import {
  Repetitions,
  RunNotFoundError,
  type Fingerprint,
  type Placed,
  type Run,
  type RunId,
  type RunStatus,
  type RunStore,
} from '@stepcompute/core';
import {
  changeableFields,
  parseLimit,
  refuseFewerRepetitions,
  requestFields,
  type NewRun,
  type ParsedRequest,
  type ParsedRunChange,
} from '@stepcompute/core/adapters';
import {
  LessThan,
  LessThanOrEqual,
  Not,
  type DataSource,
  type EntitySchemaColumnOptions,
} from 'typeorm';
import { dialectOf } from './dialect.js';
import { execute } from './execute.js';
import { patiently } from './patiently.js';
import { translated } from './persistence-error.js';
import { askedColumns, type RunRow } from './schema.js';
import { runTable, tablesOf, type Tables } from './tables.js';

const askedFields = Object.keys(askedColumns) as (keyof NewRun)[];
const placeholders = askedFields.map(
  (field, index) => `$${index + 1}::${askedColumns[field].type}`,
);
const columnNames = askedFields.map((field) => {
  const column: EntitySchemaColumnOptions = askedColumns[field];
  return column.name ?? field;
});

/**
 * An id is taken for each row that is to be inserted, also when it then is not. So the key is looked up
 * first. Of deliveries that overlap, several may find no run under it: the no-op update makes all but
 * one of them answer with that one's, and each has burned an id.
 */
const allocateStatement = ({ run }: Tables): string => `
  WITH known AS (
    SELECT id FROM ${run}
    WHERE idempotency_key = ${placeholders[askedFields.indexOf('idempotencyKey')]}
  ),
  added AS (
    INSERT INTO ${run} (${columnNames.join(', ')})
    SELECT ${placeholders.join(', ')} WHERE NOT EXISTS (SELECT FROM known)
    ON CONFLICT ON CONSTRAINT stepcompute_run_idempotency_key
      DO UPDATE SET idempotency_key = EXCLUDED.idempotency_key
    RETURNING id
  )
  SELECT id FROM known UNION ALL SELECT id FROM added`;

/** Runs in the table `stepcompute_run`. */
export class TypeOrmRunStore implements RunStore, Placed {
  constructor(private readonly dataSource: DataSource) {}

  get place(): object {
    return this.dataSource;
  }

  allocate(run: NewRun): Promise<Run> {
    const allocate = (): Promise<Run> => this.#allocate(run);
    // Without a key a run whose answer was lost would be allocated a second time.
    return run.idempotencyKey === undefined
      ? translated(allocate)
      : patiently(this.dataSource, allocate);
  }

  async #allocate(run: NewRun): Promise<Run> {
    const { records } = await execute(
      this.dataSource,
      allocateStatement(tablesOf(this.dataSource)),
      askedFields.map((field) => storedOf(field, run)),
    );
    return this.#find((records[0] as { id: RunId }).id);
  }

  get(id: RunId): Promise<Run> {
    return patiently(this.dataSource, () => this.#find(id));
  }

  list(limit: number): Promise<readonly Run[]> {
    return patiently(this.dataSource, async () => {
      parseLimit(limit);
      const { runsPerStatement } = dialectOf(this.dataSource);
      const runs: Run[] = [];
      while (runs.length < limit) {
        const take = Math.min(limit - runs.length, runsPerStatement);
        const last = runs.at(-1);
        const rows = await this.dataSource.getRepository<RunRow>(runTable).find({
          where: last === undefined ? {} : { id: LessThan(last.id) },
          order: { id: 'DESC' },
          take,
        });
        runs.push(...rows.map(toRun));
        if (rows.length < take) break;
      }
      return runs;
    });
  }

  finish(
    { id, repetitions }: Pick<Run, 'id' | 'repetitions'>,
    status: Exclude<RunStatus, 'started'>,
  ): Promise<void> {
    return patiently(this.dataSource, async () => {
      const { affected } = await this.dataSource
        .getRepository<RunRow>(runTable)
        .update(
          { id, repetitions, status: Not('completed') },
          { status, finishedAt: () => 'now()' },
        );
      if (affected === 0) await this.#find(id);
    });
  }

  reopen(id: RunId, { accepted, ...change }: ParsedRunChange): Promise<Run> {
    return patiently(this.dataSource, async () => {
      const { repetitions } = change;
      await this.dataSource.getRepository<RunRow>(runTable).update(
        { id, ...(repetitions !== undefined && { repetitions: LessThanOrEqual(repetitions) }) },
        {
          ...change,
          status: 'started',
          finishedAt: null,
        },
      );
      if (accepted !== undefined) await this.#accept(id, repetitions, accepted);
      const run = await this.#find(id);
      refuseFewerRepetitions(run, repetitions);
      return run;
    });
  }

  /** By the database, so that of several at once none is lost. A run that was not reopened accepts nothing. */
  async #accept(id: RunId, repetitions: number | undefined, accepted: Fingerprint): Promise<void> {
    await execute(
      this.dataSource,
      // The list without its last bracket, and one more.
      `UPDATE ${tablesOf(this.dataSource).run} SET simulation = left(simulation, -1) || ',' || $1::text || ']'
       WHERE id = $2 AND repetitions <= $3`,
      [JSON.stringify(accepted), id, repetitions ?? Repetitions.maximum],
    );
  }

  async #find(id: RunId): Promise<Run> {
    const row = await this.dataSource.getRepository<RunRow>(runTable).findOneBy({ id });
    if (row === null) throw new RunNotFoundError(id);
    return toRun(row);
  }
}

/**
 * The field's value as its column takes it. Of the request as first asked, those fields that may be
 * changed: the others are the row's own, which may have 64 KB with the Data API.
 */
function storedOf(field: keyof NewRun, run: NewRun): unknown {
  const { transformer }: EntitySchemaColumnOptions = askedColumns[field];
  const value: unknown = field === 'request' ? changeableOf(run.request) : run[field];
  if (transformer === undefined || Array.isArray(transformer)) return value ?? null;
  return transformer.to(value) as unknown;
}

function changeableOf(request: ParsedRequest): Partial<ParsedRequest> {
  return Object.fromEntries(changeableFields.map((field) => [field, request[field]]));
}

const requestNames = Object.keys(requestFields) as (keyof ParsedRequest)[];

function toRun(row: RunRow): Run {
  const fields = Object.entries(row).map(([field, value]) => [field, value ?? undefined]);
  const run = Object.fromEntries(fields) as Run;
  const asNow = Object.fromEntries(requestNames.map((name) => [name, run[name]]));
  return { ...run, request: { ...asNow, ...row.request } };
}
