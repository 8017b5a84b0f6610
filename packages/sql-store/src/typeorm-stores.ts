import {
  assertSameAverage,
  averageOfSums,
  AverageOverflowError,
  completeAverage,
  ConflictingValueError,
  IncompleteRunError,
  InvalidInputError,
  IterationId,
  parseValue,
  RunNotFoundError,
  type Average,
  type AverageStore,
  type FailureStore,
  type IterationFailure,
  type IterationRange,
  type IterationValue,
  type Milliseconds,
  type NewRun,
  type Repetitions,
  type Run,
  type RunId,
  type RunStatus,
  type RunStore,
  type Seed,
  type Stores,
  type ValueStore,
} from '@stepcompute/core';
import { LessThan, MoreThan, Not, type DataSource, type QueryResult } from 'typeorm';
import { dialectOf, piecesOf, type Dialect } from './dialect.js';
import { codeOf, translated } from './persistence-error.js';
import { averageSchema, failureSchema, runSchema, type RunRow } from './schema.js';

/** Runs in the table `stepcompute_run`. */
export class TypeOrmRunStore implements RunStore {
  constructor(private readonly dataSource: DataSource) {}

  allocate(run: NewRun): Promise<Run> {
    return translated(async () => {
      // The no-op update makes the row that is already there come back as well, in the same statement.
      const { records } = await execute(
        this.dataSource,
        `INSERT INTO stepcompute_run (repetitions, seed, delay_ms, generator_name, idempotency_key)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT ON CONSTRAINT stepcompute_run_idempotency_key
           DO UPDATE SET idempotency_key = EXCLUDED.idempotency_key
         RETURNING id`,
        [run.repetitions, run.seed, run.delayMs, run.generatorName, run.idempotencyKey ?? null],
      );
      return this.#find((records[0] as { id: RunId }).id);
    });
  }

  get(id: RunId): Promise<Run> {
    return translated(() => this.#find(id));
  }

  list(limit: number): Promise<readonly Run[]> {
    return translated(async () => {
      const { textsPerStatement } = dialectOf(this.dataSource);
      const runs: Run[] = [];
      while (runs.length < limit) {
        const take = Math.min(limit - runs.length, textsPerStatement);
        const last = runs.at(-1);
        const rows = await this.dataSource.getRepository(runSchema).find({
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

  finish(id: RunId, status: Exclude<RunStatus, 'started'>): Promise<void> {
    return translated(async () => {
      const { affected } = await this.dataSource
        .getRepository(runSchema)
        .update({ id, status: Not('completed') }, { status, finishedAt: () => 'now()' });
      if (affected === 0) await this.#find(id);
    });
  }

  async #find(id: RunId): Promise<Run> {
    const row = await this.dataSource.getRepository(runSchema).findOneBy({ id });
    if (row === null) throw new RunNotFoundError(id);
    return toRun(row);
  }
}

function toRun(row: RunRow): Run {
  return {
    repetitions: row.repetitions as Repetitions,
    seed: row.seed as Seed,
    delayMs: row.delayMs as Milliseconds,
    generatorName: row.generatorName,
    idempotencyKey: row.idempotencyKey ?? undefined,
    id: row.id as RunId,
    status: row.status,
    startedAt: row.startedAt,
    finishedAt: row.finishedAt ?? undefined,
  };
}

/**
 * Where JavaScript rounds a product or quotient to 0, PostgreSQL raises 22003 (underflow). The sums
 * below therefore choose 0 themselves. A square d·d rounds to 0 up to this |d|, the largest double
 * not above 2^−537.5.
 */
const largestVanishingRoot = '1.5717277847026285e-162';

/** The smallest positive double, 2^−1074: a quotient s/n rounds to 0 when |s| + |s| ≤ n · this. */
const smallestDouble = '4.94065645841246544e-324';

/**
 * One snapshot for the check and both passes. `sum(… ORDER BY iteration_id)` adds from left to
 * right in doubles, as a loop does, where avg and stddev_samp do not.
 */
const averageStatement = `
  WITH run AS (SELECT repetitions FROM stepcompute_run WHERE id = $1),
  total AS (
    SELECT run.repetitions, count(v.value)::integer AS count,
      sum(v.value ORDER BY v.iteration_id) AS sum, min(v.value) AS minimum, max(v.value) AS maximum
    FROM run LEFT JOIN stepcompute_value v
      ON v.run_id = $1 AND v.iteration_id < run.repetitions
    GROUP BY run.repetitions
  ),
  complete AS (
    SELECT CASE WHEN abs(sum) <= (count * '${smallestDouble}'::double precision) - abs(sum)
      THEN 0 ELSE sum / count END AS mean
    FROM total WHERE count = repetitions
  )
  SELECT total.*, (
    SELECT sum(
      CASE WHEN abs(v.value - mean) <= '${largestVanishingRoot}'::double precision
        THEN 0 ELSE (v.value - mean) * (v.value - mean) END
      ORDER BY v.iteration_id)
    FROM complete, stepcompute_value v WHERE v.run_id = $1 AND v.iteration_id < total.repetitions
  ) AS squared_deviations
  FROM total`;

interface SumsRow {
  readonly repetitions: number;
  readonly count: number;
  readonly sum: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly squared_deviations: number | null;
}

/** Values in the table `stepcompute_value`. */
export class TypeOrmValueStore implements ValueStore {
  readonly #dialect: Dialect;

  constructor(private readonly dataSource: DataSource) {
    this.#dialect = dialectOf(dataSource);
  }

  write(id: RunId, values: readonly IterationValue[]): Promise<void> {
    if (values.length === 0) return Promise.resolve();
    return translated(async () => {
      const parsed = values.map(({ iterationId, value }) => ({
        iterationId: IterationId.parse(iterationId),
        value: parseValue(value),
      }));
      // One order for all: writers of the same iterations wait for each other and never deadlock.
      const ordered = parsed.sort((a, b) => a.iterationId - b.iterationId);
      const last = ordered.at(-1)?.iterationId ?? 0;
      let conflict: ConflictingValueError | undefined;
      for (const piece of piecesOf(ordered, this.#dialect.valuesPerStatement)) {
        conflict ??= await this.#insert(id, piece, last);
      }
      if (conflict !== undefined) throw conflict;
    });
  }

  /** @param last the batch's last iteration: if it lies outside the run, nothing of the batch is stored */
  async #insert(
    id: RunId,
    values: readonly IterationValue[],
    last: number,
  ): Promise<ConflictingValueError | undefined> {
    const { rows, parameters } = this.#dialect.batchOf(values, 3);
    const { affected } = await execute(
      this.dataSource,
      `INSERT INTO stepcompute_value (run_id, iteration_id, value)
       SELECT run.id, batch.iteration_id, batch.value
       FROM stepcompute_run run, ${rows}
       WHERE run.id = $1 AND run.repetitions > $2
       ON CONFLICT DO NOTHING`,
      [id, last, ...parameters],
    );
    return affected === values.length ? undefined : this.#explainRefusal(id, values, last);
  }

  /** Not every value of the batch was new: finds out whether that is as it should be. */
  async #explainRefusal(
    id: RunId,
    values: readonly IterationValue[],
    last: number,
  ): Promise<ConflictingValueError | undefined> {
    const repetitions = await this.#repetitions(id);
    if (last >= repetitions) {
      throw new InvalidInputError(
        'iteration id',
        `below run ${id}'s ${repetitions} repetitions`,
        last,
      );
    }
    const { rows, parameters } = this.#dialect.batchOf(values, 2);
    const { records } = await execute(
      this.dataSource,
      `SELECT v.iteration_id, v.value AS kept, batch.value AS offered
       FROM ${rows}
       JOIN stepcompute_value v ON v.run_id = $1 AND v.iteration_id = batch.iteration_id
       WHERE v.value <> batch.value
       ORDER BY v.iteration_id LIMIT 1`,
      [id, ...parameters],
    );
    const [conflict] = records as { iteration_id: IterationId; kept: number; offered: number }[];
    return (
      conflict &&
      new ConflictingValueError(id, conflict.iteration_id, conflict.kept, conflict.offered)
    );
  }

  async *read(id: RunId, from = 0 as IterationId): AsyncGenerator<readonly IterationValue[], void> {
    await translated(() => this.#repetitions(id));
    const pageSize = this.#dialect.valuesPerStatement;
    let first: number = from;
    for (;;) {
      const { records } = await translated(() =>
        execute(
          this.dataSource,
          `SELECT iteration_id AS "iterationId", value FROM stepcompute_value
           WHERE run_id = $1 AND iteration_id >= $2 ORDER BY iteration_id LIMIT ${pageSize}`,
          [id, first],
        ),
      );
      const page = records as IterationValue[];
      const last = page.at(-1);
      if (last === undefined) return;
      yield page;
      if (page.length < pageSize) return;
      first = last.iterationId + 1;
    }
  }

  missing(id: RunId, within?: IterationRange): Promise<readonly IterationRange[]> {
    return translated(async () => {
      const end = endOf(within, await this.#repetitions(id));
      const ranges: IterationRange[] = [];
      const pageSize = this.#dialect.valuesPerStatement;
      for (let from: number = within?.first ?? 0; from < end;) {
        const { records } = await execute(
          this.dataSource,
          `SELECT previous + 1 AS first, iteration_id - previous - 1 AS count
           FROM (
             SELECT iteration_id,
               lag(iteration_id, 1, $3::integer - 1) OVER (ORDER BY iteration_id) AS previous
             FROM (
               SELECT iteration_id FROM stepcompute_value
               WHERE run_id = $1 AND iteration_id >= $3::integer AND iteration_id < $2::integer
               UNION ALL SELECT $2::integer
             ) AS present
           ) AS neighbours
           WHERE iteration_id - previous > 1
           ORDER BY first LIMIT ${pageSize}`,
          [id, end, from],
        );
        const page = records as IterationRange[];
        for (const range of page) ranges.push(range);
        const last = page.at(-1);
        if (last === undefined || page.length < pageSize) break;
        from = last.first + last.count;
      }
      return ranges;
    });
  }

  average(id: RunId): Promise<Average> {
    return translated(async () => {
      const sums = await this.#sums(id);
      if (sums === undefined) throw new RunNotFoundError(id);
      if (sums.count < sums.repetitions) {
        throw new IncompleteRunError(id, sums.repetitions, sums.count);
      }
      return averageOfSums({ ...sums, squaredDeviations: sums.squared_deviations ?? NaN });
    });
  }

  async #sums(id: RunId): Promise<SumsRow | undefined> {
    try {
      const { records } = await execute(this.dataSource, averageStatement, [id]);
      return (records as SumsRow[])[0];
    } catch (error) {
      if (codeOf(error) !== numericValueOutOfRange) throw error;
      // An incomplete run is called so first, whatever its values add up to.
      const missing = (await this.missing(id)).reduce((total, { count }) => total + count, 0);
      if (missing === 0) throw new AverageOverflowError({ cause: error });
      const repetitions = await this.#repetitions(id);
      throw new IncompleteRunError(id, repetitions, repetitions - missing);
    }
  }

  async #repetitions(id: RunId): Promise<number> {
    const run = await this.dataSource
      .getRepository(runSchema)
      .findOne({ select: { id: true, repetitions: true }, where: { id } });
    if (run === null) throw new RunNotFoundError(id);
    return run.repetitions;
  }
}

const numericValueOutOfRange = '22003';

/** Where a look at the run ends, however far the range may reach. */
function endOf(within: IterationRange | undefined, repetitions: number): number {
  return within === undefined ? repetitions : Math.min(within.first + within.count, repetitions);
}

/** Failures in the table `stepcompute_failure`. */
export class TypeOrmFailureStore implements FailureStore {
  constructor(private readonly dataSource: DataSource) {}

  record(id: RunId, failures: readonly IterationFailure[]): Promise<void> {
    // One statement can't write a row twice: the later failure counts.
    const latest = new Map(failures.map((failure) => [failure.iterationId, failure]));
    return translated(async () => {
      const rows = Array.from(latest.values(), ({ iterationId, errorName, message }) => ({
        iteration_id: iterationId,
        error_name: wellFormed(errorName),
        message: wellFormed(message),
      }));
      for (const piece of piecesOf(rows, dialectOf(this.dataSource).textsPerStatement)) {
        await execute(
          this.dataSource,
          `INSERT INTO stepcompute_failure (run_id, iteration_id, error_name, message)
           SELECT $1::integer, iteration_id, error_name, message
           FROM json_to_recordset($2::json)
             AS failure (iteration_id integer, error_name text, message text)
           ORDER BY iteration_id
           ON CONFLICT ON CONSTRAINT stepcompute_failure_pk DO UPDATE
             SET error_name = EXCLUDED.error_name, message = EXCLUDED.message, failed_at = now()`,
          [id, JSON.stringify(piece)],
        );
      }
    });
  }

  list(id: RunId): Promise<readonly IterationFailure[]> {
    return translated(async () => {
      const { textsPerStatement: take } = dialectOf(this.dataSource);
      const failures: IterationFailure[] = [];
      for (;;) {
        const last = failures.at(-1)?.iterationId ?? -1;
        const page = await this.dataSource.getRepository(failureSchema).find({
          where: { runId: id, iterationId: MoreThan(last) },
          order: { iterationId: 'ASC' },
          take,
        });
        for (const { iterationId, errorName, message } of page) {
          failures.push({ iterationId: iterationId as IterationId, errorName, message });
        }
        if (page.length < take) return failures;
      }
    });
  }
}

/** PostgreSQL's text holds every character but NUL and half a surrogate pair; a message may hold any. */
function wellFormed(text: string): string {
  return text.replaceAll(/\0|\p{Surrogate}/gu, '\u{fffd}');
}

/** Averages in the table `stepcompute_average`. */
export class TypeOrmAverageStore implements AverageStore {
  constructor(private readonly dataSource: DataSource) {}

  save(id: RunId, average: Average): Promise<void> {
    return translated(async () => {
      const { count, mean, standardDeviation, minimum, maximum } = average;
      const averages = this.dataSource.getRepository(averageSchema);
      await averages
        .createQueryBuilder()
        .insert()
        .values({ runId: id, count, mean, standardDeviation, minimum, maximum })
        .orIgnore()
        .updateEntity(false)
        .execute();
      assertSameAverage(id, await averages.findOneByOrFail({ runId: id, count }), average);
    });
  }

  find(id: RunId): Promise<Average | undefined> {
    return translated(async () => {
      const row = await this.dataSource
        .getRepository(averageSchema)
        .findOne({ where: { runId: id }, order: { count: 'DESC' } });
      if (row === null) return undefined;
      const { count, mean, standardDeviation, minimum, maximum } = row;
      return completeAverage({ count, mean, standardDeviation, minimum, maximum });
    });
  }
}

/** Where the averages go, when not to the same database. */
export interface TypeOrmStoresOptions {
  /** A migrated DataSource for the averages. Default: the one for everything else. */
  readonly averages?: DataSource | undefined;
}

/** The four stores over one migrated DataSource, the averages over another if so told. */
export function typeOrmStores(
  dataSource: DataSource,
  { averages = dataSource }: TypeOrmStoresOptions = {},
): Stores {
  return {
    runs: new TypeOrmRunStore(dataSource),
    values: new TypeOrmValueStore(dataSource),
    failures: new TypeOrmFailureStore(dataSource),
    averages: new TypeOrmAverageStore(averages),
  };
}

/** One statement on a connection of its own, with the count of rows it changed. */
async function execute(
  dataSource: DataSource,
  statement: string,
  parameters: readonly unknown[],
): Promise<QueryResult> {
  const runner = dataSource.createQueryRunner();
  try {
    return await runner.query(statement, [...parameters], true);
  } finally {
    await runner.release();
  }
}
