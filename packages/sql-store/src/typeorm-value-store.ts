import {
  ConflictingValueError,
  IterationId,
  type IterationValue,
  type RunId,
  type ValueStore,
} from '@stepcompute/core';
import {
  IterationRange,
  parseValue,
  refuseOutside,
  rowsOf,
  type ValueColumns,
} from '@stepcompute/core/adapters';
import type { DataSource } from 'typeorm';
import { doubles, integers } from './binary-array.js';
import { dialectOf, piecesOf, rowsPerStatement, type Column, type Dialect } from './dialect.js';
import { execute } from './execute.js';
import { readRepetitions } from './ledger.js';
import { missingRanges } from './missing-ranges.js';
import { patiently } from './patiently.js';
import { codeOf } from './persistence-error.js';
import { scanValues } from './scan.js';

const valueColumns: readonly Column<IterationValue>[] = [
  { name: 'iteration_id', type: integers, of: ({ iterationId }) => iterationId },
  { name: 'value', type: doubles, of: ({ value }) => value },
];

const codedColumns: readonly Column<IterationValue>[] = [
  ...valueColumns,
  { name: 'code', type: integers, of: ({ code = 0 }) => code },
];

/** Values in the table `stepcompute_value`. */
export class TypeOrmValueStore implements ValueStore {
  readonly #dialect: Dialect;

  constructor(private readonly dataSource: DataSource) {
    this.#dialect = dialectOf(dataSource);
  }

  write(id: RunId, values: readonly IterationValue[]): Promise<void> {
    return patiently(this.dataSource, async () => {
      const ordered = parseInOrder(values);
      const last = ordered.at(-1)?.iterationId;
      if (last === undefined) await readRepetitions(this.dataSource, id);
      let conflict: ConflictingValueError | undefined;
      for (const piece of piecesOf(ordered, rowsPerStatement)) {
        const found = await this.#insert(id, piece, last ?? 0);
        conflict ??= found;
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
    // A column that is not named is null, at no cost.
    const columns = values.some(({ code = 0 }) => code > 0) ? codedColumns : valueColumns;
    const { item, parameters } = this.#dialect.tableOf('batch', columns, values, 3);
    const coded = columns === codedColumns;
    const insert = `
      INSERT INTO stepcompute_value (run_id, iteration_id, value${coded ? ', code' : ''})
      SELECT run.id, batch.iteration_id, batch.value${coded ? ', nullif(batch.code, 0)' : ''}
      FROM stepcompute_run run, ${item}
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
    const repetitions = await readRepetitions(this.dataSource, id);
    refuseOutside({ id, repetitions }, last);
    const { item, parameters } = this.#dialect.tableOf('batch', valueColumns, values, 2);
    const { records } = await execute(
      this.dataSource,
      `SELECT v.iteration_id, v.value AS kept, batch.value AS offered
       FROM ${item}
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

  read(id: RunId, from?: IterationId): AsyncIterable<readonly IterationValue[]> {
    return rowsOf(this.scan(id, from));
  }

  scan(id: RunId, from = 0 as IterationId): AsyncIterable<ValueColumns> {
    return scanValues(this.dataSource, id, from);
  }

  missing(id: RunId, within?: readonly IterationRange[]): Promise<readonly IterationRange[]> {
    return patiently(this.dataSource, async () => {
      const repetitions = await readRepetitions(this.dataSource, id);
      const whole = IterationRange.whole(repetitions);
      return missingRanges(
        this.dataSource,
        id,
        within === undefined ? [whole] : within.flatMap((range) => upTo(repetitions, range) ?? []),
      );
    });
  }
}

/**
 * The values as they are stored, ascending by iteration: one order for all, so that writers of the same
 * iterations wait for each other and never deadlock. A batch that comes so already, as nearly all do, is not copied.
 */
function parseInOrder(values: readonly IterationValue[]): readonly IterationValue[] {
  let before = -1;
  for (const { iterationId, value } of values) {
    IterationId.parse(iterationId);
    if (iterationId < before || !Object.is(parseValue(value), value)) {
      return values
        .map((item) => ({
          ...item,
          iterationId: IterationId.parse(item.iterationId),
          value: parseValue(item.value),
        }))
        .sort((a, b) => a.iterationId - b.iterationId);
    }
    before = iterationId;
  }
  return values;
}

const uniqueViolation = '23505';

/** The part of the range that lies within a run of so many repetitions; undefined when none does. */
function upTo(repetitions: number, { first, count }: IterationRange): IterationRange | undefined {
  return IterationRange.between(first, Math.min(first + count, repetitions));
}
