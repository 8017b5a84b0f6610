import {
  RunNotFoundError,
  type Milliseconds,
  type Repetitions,
  type Run,
  type RunId,
  type RunStatus,
  type RunStore,
  type Seed,
  type Tolerance,
} from '@stepcompute/core';
import {
  refuseFewerRepetitions,
  type NewRun,
  type ParsedRunChange,
} from '@stepcompute/core/adapters';
import { LessThan, LessThanOrEqual, Not, type DataSource } from 'typeorm';
import { dialectOf } from './dialect.js';
import { execute } from './execute.js';
import { patiently } from './patiently.js';
import { translated } from './persistence-error.js';
import { runSchema, type RunRow } from './schema.js';

/** Runs in the table `stepcompute_run`. */
export class TypeOrmRunStore implements RunStore {
  constructor(private readonly dataSource: DataSource) {}

  allocate(run: NewRun): Promise<Run> {
    const allocate = (): Promise<Run> => this.#allocate(run);
    // Without a key a run whose answer was lost would be allocated a second time.
    return run.idempotencyKey === undefined
      ? translated(allocate)
      : patiently(this.dataSource, allocate);
  }

  async #allocate(run: NewRun): Promise<Run> {
    // The no-op update makes the row that is already there come back as well, in the same statement.
    const { records } = await execute(
      this.dataSource,
      `INSERT INTO stepcompute_run
         (repetitions, seed, delay_ms, generator_name, tolerance, idempotency_key)
       VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT ON CONSTRAINT stepcompute_run_idempotency_key
         DO UPDATE SET idempotency_key = EXCLUDED.idempotency_key
       RETURNING id`,
      [
        run.repetitions,
        run.seed,
        run.delayMs,
        run.generatorName,
        run.tolerance,
        run.idempotencyKey ?? null,
      ],
    );
    return this.#find((records[0] as { id: RunId }).id);
  }

  get(id: RunId): Promise<Run> {
    return patiently(this.dataSource, () => this.#find(id));
  }

  list(limit: number): Promise<readonly Run[]> {
    return patiently(this.dataSource, async () => {
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

  finish(
    { id, repetitions }: Pick<Run, 'id' | 'repetitions'>,
    status: Exclude<RunStatus, 'started'>,
  ): Promise<void> {
    return patiently(this.dataSource, async () => {
      const { affected } = await this.dataSource
        .getRepository(runSchema)
        .update(
          { id, repetitions, status: Not('completed') },
          { status, finishedAt: () => 'now()' },
        );
      if (affected === 0) await this.#find(id);
    });
  }

  reopen(id: RunId, change: ParsedRunChange): Promise<Run> {
    return patiently(this.dataSource, async () => {
      const { repetitions } = change;
      await this.dataSource.getRepository(runSchema).update(
        { id, ...(repetitions !== undefined && { repetitions: LessThanOrEqual(repetitions) }) },
        {
          ...change,
          status: 'started',
          finishedAt: null,
        },
      );
      const run = await this.#find(id);
      refuseFewerRepetitions(run, repetitions);
      return run;
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
    tolerance: row.tolerance as Tolerance,
    idempotencyKey: row.idempotencyKey ?? undefined,
    id: row.id as RunId,
    status: row.status,
    startedAt: row.startedAt,
    finishedAt: row.finishedAt ?? undefined,
  };
}
