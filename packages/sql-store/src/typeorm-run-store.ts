import {
  DeletedRunError,
  Repetitions,
  RunNotFoundError,
  type Fingerprint,
  type Placed,
  type Run,
  type RunFilter,
  type RunId,
  type RunStatus,
  type RunStore,
} from '@stepcompute/core';
import {
  changeableFields,
  isListed,
  parseRunFilter,
  refuseFewerRepetitions,
  requestFields,
  type NewRun,
  type ParsedRequest,
  type ParsedRunChange,
  type ParsedRunFilter,
} from '@stepcompute/core/adapters';
import {
  IsNull,
  LessThanOrEqual,
  Not,
  type DataSource,
  type EntitySchemaColumnOptions,
} from 'typeorm';
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
 * one of them answer with that one's, and each has burned an id. A tombstone has its key too.
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

/** Tells runs from tombstones, where a repository looks for them. */
const living: object = { deletedAt: IsNull() };

/** The condition for runs of the filter that are older than one, with its parameters; of parameters it says too much. */
function conditionsOf(filter: ParsedRunFilter, before: number): [string, unknown[]] {
  const { status, generatorName, label, experiment, since, parameters } = filter;
  const conditions: [string, unknown][] = [
    ['id < $::bigint', before],
    ['status = $::text', status],
    ['generator_name = $::text', generatorName],
    ['label = $::text', label],
    ['experiment = $::text', experiment],
    ['started_at >= $::timestamptz', since?.toISOString()],
    ...parameters.map((text): [string, string] => ['position($::text in parameters) > 0', text]),
  ];
  const given = conditions.filter(([, value]) => value !== undefined);
  const texts = given.map(([text], index) => text.replace('$', () => `$${index + 1}`));
  return [`WHERE deleted_at IS NULL AND ${texts.join(' AND ')}`, given.map(([, value]) => value)];
}

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
    const id = Number((records[0] as { id: string }).id) as RunId;
    const [found] = await this.#select('WHERE id = $1 AND deleted_at IS NULL', [id]);
    if (found === undefined) throw new DeletedRunError(id, run.idempotencyKey ?? '');
    return found;
  }

  get(id: RunId): Promise<Run> {
    return patiently(this.dataSource, () => this.#find(id));
  }

  list(asked?: RunFilter): Promise<readonly Run[]> {
    return patiently(this.dataSource, async () => {
      const filter = parseRunFilter(asked);
      const { runsPerStatement } = dialectOf(this.dataSource);
      const runs: Run[] = [];
      for (let before: number = filter.before ?? afterAll; runs.length < filter.limit;) {
        const take = Math.min(filter.limit - runs.length, runsPerStatement);
        const [which, parameters] = conditionsOf(filter, before);
        const limited = `${which} ORDER BY run.id DESC LIMIT ${take}`;
        const found = await this.#select(limited, parameters);
        // The statement has found a parameter's text also deep inside of another one.
        runs.push(...found.filter((run) => isListed(run, filter)));
        if (found.length < take) break;
        before = found.at(-1)!.id;
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
          { id, repetitions, status: Not('completed'), ...living },
          { status, finishedAt: () => 'now()' },
        );
      if (affected === 0) await this.#find(id);
    });
  }

  reopen(
    id: RunId,
    { accepted, ...change }: ParsedRunChange,
    only?: Pick<Run, 'repetitions'>,
  ): Promise<Run> {
    let before: string | undefined;
    return patiently(this.dataSource, async () => {
      const { repetitions } = change;
      const fewer = repetitions !== undefined && { repetitions: LessThanOrEqual(repetitions) };
      const asMeant = only && { repetitions: only.repetitions, status: Not('completed' as const) };
      await this.dataSource.getRepository<RunRow>(runTable).update(
        { id, ...living, ...(asMeant ?? fewer) },
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
      if (only === undefined) refuseFewerRepetitions(run, repetitions);
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
    const reopened = 'WHERE id = $1 AND deleted_at IS NULL AND repetitions <= $2';
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
      `SELECT simulation FROM ${run} WHERE id = $1 AND deleted_at IS NULL`,
      [id],
    );
    const [row] = records as { simulation: string }[];
    if (row === undefined) throw new RunNotFoundError(id);
    return row.simulation;
  }

  async #find(id: RunId): Promise<Run> {
    const [run] = await this.#select('WHERE id = $1 AND deleted_at IS NULL', [id]);
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
