import {
  AverageOverflowError,
  ConflictingValueError,
  IterationId,
  type Repetitions,
  RunNotFoundError,
  Tolerance,
  type Average,
  type IterationValue,
  type RunId,
  type ValueStore,
} from '@stepcompute/core';
import {
  averageOfSums,
  IterationRange,
  ledgerOf,
  parseValue,
  refuseIncomplete,
  refuseOutside,
} from '@stepcompute/core/adapters';
import type { DataSource } from 'typeorm';
import { readAccount } from './account.js';
import { averageStatement, type SumsRow } from './average-statement.js';
import { dialectOf, piecesOf, type Dialect } from './dialect.js';
import { execute } from './execute.js';
import { patiently } from './patiently.js';
import { codeOf } from './persistence-error.js';
import { runSchema } from './schema.js';

/** Values in the table `stepcompute_value`. */
export class TypeOrmValueStore implements ValueStore {
  readonly #dialect: Dialect;

  constructor(private readonly dataSource: DataSource) {
    this.#dialect = dialectOf(dataSource);
  }

  write(id: RunId, values: readonly IterationValue[]): Promise<void> {
    if (values.length === 0) return Promise.resolve();
    return patiently(this.dataSource, async () => {
      const ordered = parseInOrder(values);
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
    const insert = `
      INSERT INTO stepcompute_value (run_id, iteration_id, value)
      SELECT run.id, batch.iteration_id, batch.value
      FROM stepcompute_run run, ${rows}
      WHERE run.id = $1 AND run.repetitions > $2`;
    const all = [id, last, ...parameters];
    try {
      const { affected } = await execute(this.dataSource, insert, all);
      if (affected === values.length) return undefined;
    } catch (error) {
      // Some were there already, and none of the others is stored yet. That happens to a repeated delivery
      // alone; to be ready for it with each insert would nearly double what the insert costs.
      if (codeOf(error) !== uniqueViolation) throw error;
      await execute(this.dataSource, `${insert} ON CONFLICT DO NOTHING`, all);
    }
    return this.#explainRefusal(id, values, last);
  }

  /** Not every value of the batch was new: finds out whether that is as it should be. */
  async #explainRefusal(
    id: RunId,
    values: readonly IterationValue[],
    last: number,
  ): Promise<ConflictingValueError | undefined> {
    const repetitions = await this.#repetitions(id);
    refuseOutside({ id, repetitions }, last);
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
    await patiently(this.dataSource, () => this.#repetitions(id));
    const pageSize = this.#dialect.valuesPerStatement;
    let first: number = from;
    for (;;) {
      const { records } = await patiently(this.dataSource, () =>
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

  missing(id: RunId, within?: readonly IterationRange[]): Promise<readonly IterationRange[]> {
    return patiently(this.dataSource, async () => {
      const repetitions = await this.#repetitions(id);
      const ranges: IterationRange[] = [];
      for (const range of within ?? [IterationRange.whole(repetitions)]) {
        ranges.push(...(await this.#missing(id, range, repetitions)));
      }
      return ranges;
    });
  }

  async #missing(
    id: RunId,
    within: IterationRange,
    repetitions: number,
  ): Promise<readonly IterationRange[]> {
    const end = endOf(within, repetitions);
    const ranges: IterationRange[] = [];
    const pageSize = this.#dialect.valuesPerStatement;
    for (let from: number = within.first; from < end;) {
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
  }

  average(id: RunId): Promise<Average> {
    return patiently(this.dataSource, async () => {
      const sums = await this.#sums(id);
      if (sums === undefined) throw new RunNotFoundError(id);
      const { repetitions: requested, tolerance, count: completed, failed } = sums;
      const ledger = ledgerOf({ requested, completed, failed });
      refuseIncomplete(id, ledger, Tolerance.failures(tolerance, requested));
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
      const { ledger, tolerated } = await readAccount(this.dataSource, id);
      refuseIncomplete(id, ledger, tolerated);
      throw new AverageOverflowError({ cause: error });
    }
  }

  async #repetitions(id: RunId): Promise<Repetitions> {
    const run = await this.dataSource
      .getRepository(runSchema)
      .findOne({ select: { id: true, repetitions: true }, where: { id } });
    if (run === null) throw new RunNotFoundError(id);
    return run.repetitions as Repetitions;
  }
}

/**
 * The values as they are stored, ascending by iteration: one order for all, so that writers of the same
 * iterations wait for each other and never deadlock. What comes so already, as nearly all does, is not copied.
 */
function parseInOrder(values: readonly IterationValue[]): readonly IterationValue[] {
  let before = -1;
  for (const { iterationId, value } of values) {
    IterationId.parse(iterationId);
    if (iterationId < before || !Object.is(parseValue(value), value)) {
      return values
        .map((item) => ({
          iterationId: IterationId.parse(item.iterationId),
          value: parseValue(item.value),
        }))
        .sort((a, b) => a.iterationId - b.iterationId);
    }
    before = iterationId;
  }
  return values;
}

const numericValueOutOfRange = '22003';
const uniqueViolation = '23505';

/** Where a look at the run ends, however far the range may reach. */
function endOf(within: IterationRange, repetitions: number): number {
  return Math.min(within.first + within.count, repetitions);
}
