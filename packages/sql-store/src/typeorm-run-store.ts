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
import { LessThanOrEqual, Not, type DataSource, type EntitySchemaColumnOptions } from 'typeorm';
import { dialectOf } from './dialect.js';
import { execute } from './execute.js';
import { patiently } from './patiently.js';
import { translated } from './persistence-error.js';
import { askedColumns, runColumns, type RunRow } from './schema.js';
import { runTable, tablesOf, type Tables } from './tables.js';
import { doubleOf, doubleText, timeOf, timeText } from './texts.js';

const askedFields = Object.keys(askedColumns) as (keyof NewRun)[];
/** Above the id of any run. */
const afterAll = 2 ** 31;
const placeholders = askedFields.map(
  (field, index) => `$${index + 1}::${askedColumns[field].type}`,
);
const columnNames = askedFields.map((field) => nameOf(field));

function columnOf(field: keyof Run): EntitySchemaColumnOptions {
  return runColumns[field];
}

function nameOf(field: keyof Run): string {
  return columnOf(field).name ?? field;
}

/** A run's columns as texts, under the names of its fields. */
const selectedTexts = (Object.keys(runColumns) as (keyof Run)[])
  .map((field) => `${textOf(field)} AS "${field}"`)
  .join(', ');

function textOf(field: keyof Run): string {
  const { type } = columnOf(field);
  if (type === 'double precision') return doubleText(nameOf(field));
  if (type === 'timestamp with time zone') return timeText(nameOf(field));
  return `${nameOf(field)}::text`;
}

/** The field's value of its text, as {@link selectedTexts} has it; null of null. */
function readOf(field: keyof Run, text: string | null): unknown {
  const { type, transformer } = columnOf(field);
  if (text === null) return null;
  if (type === 'double precision') return doubleOf(text);
  if (type === 'timestamp with time zone') return timeOf(text);
  if (transformer !== undefined && 'from' in transformer) return transformer.from(text) as unknown;
  return type === 'integer' ? Number(text) : text;
}

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
  SELECT id::text FROM known UNION ALL SELECT id::text FROM added`;

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
    return this.#find(Number((records[0] as { id: string }).id) as RunId);
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
        const before = runs.at(-1)?.id ?? afterAll;
        const found = await this.#select('WHERE id < $1::bigint ORDER BY run.id DESC LIMIT $2', [
          before,
          take,
        ]);
        runs.push(...found);
        if (found.length < take) break;
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
    let before: string | undefined;
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
      if (accepted !== undefined) {
        before ??= await this.#acceptedText(id);
        await this.#accept({ id, repetitions }, accepted, before);
      }
      const run = await this.#find(id);
      refuseFewerRepetitions(run, repetitions);
      return run;
    });
  }

  /**
   * Adds to the list as it was before: of several at once none is lost, and none comes twice when it is sent again.
   * A run that was not reopened accepts nothing.
   * @param before the list's text when this was first tried
   */
  async #accept(
    {
      id,
      repetitions = Repetitions.maximum,
    }: { readonly id: RunId; readonly repetitions?: number | undefined },
    accepted: Fingerprint,
    before: string,
  ): Promise<void> {
    const { run } = tablesOf(this.dataSource);
    const reopened = 'WHERE id = $1 AND repetitions <= $2';
    for (let known = before; ;) {
      // Without its last bracket, and one more.
      const added = `${known.slice(0, -1)},${JSON.stringify(accepted)}`;
      const { affected } = await execute(
        this.dataSource,
        `UPDATE ${run} SET simulation = $3 ${reopened} AND simulation = $4`,
        [id, repetitions, `${added}]`, known],
      );
      if (affected !== 0) return;
      const { records } = await execute(
        this.dataSource,
        `SELECT simulation FROM ${run} ${reopened}`,
        [id, repetitions],
      );
      const [now] = records as { simulation: string }[];
      if (now === undefined || now.simulation.startsWith(added)) return;
      known = now.simulation;
    }
  }

  async #acceptedText(id: RunId): Promise<string> {
    const { run } = tablesOf(this.dataSource);
    const { records } = await execute(
      this.dataSource,
      `SELECT simulation FROM ${run} WHERE id = $1`,
      [id],
    );
    const [row] = records as { simulation: string }[];
    if (row === undefined) throw new RunNotFoundError(id);
    return row.simulation;
  }

  async #find(id: RunId): Promise<Run> {
    const [run] = await this.#select('WHERE id = $1', [id]);
    if (run === undefined) throw new RunNotFoundError(id);
    return run;
  }

  async #select(which: string, parameters: readonly unknown[]): Promise<Run[]> {
    const { run } = tablesOf(this.dataSource);
    const statement = `SELECT ${selectedTexts} FROM ${run} AS run ${which}`;
    const { records } = await execute(this.dataSource, statement, parameters);
    return (records as Record<keyof Run, string | null>[]).map(toRun);
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

function toRun(texts: Readonly<Record<keyof Run, string | null>>): Run {
  const row = Object.fromEntries(
    (Object.keys(runColumns) as (keyof Run)[]).map((field) => [field, readOf(field, texts[field])]),
  ) as RunRow;
  const fields = Object.entries(row).map(([field, value]) => [field, value ?? undefined]);
  const run = Object.fromEntries(fields) as Run;
  const asNow = Object.fromEntries(requestNames.map((name) => [name, run[name]]));
  return { ...run, request: { ...asNow, ...row.request } };
}
