import {
  ConflictingValueError,
  type IterationId,
  type IterationValue,
  type Placed,
  type RunId,
  type ValueStore,
} from '@stepcompute/core';
import {
  IterationRange,
  otherMeasures,
  parseIterationValues,
  refuseOutside,
  rowsOf,
  type ValueColumns,
} from '@stepcompute/core/adapters';
import type { DataSource } from 'typeorm';
import { doubles, integers } from './binary-array.js';
import {
  dialectOf,
  piecesOf,
  valuesPerStatement,
  type ArrayColumn,
  type Column,
  type Dialect,
} from './dialect.js';
import { execute } from './execute.js';
import { readRun } from './ledger.js';
import { missingRanges } from './missing-ranges.js';
import { patiently } from './patiently.js';
import { codeOf } from './persistence-error.js';
import { scanValues } from './scan.js';
import { tablesOf } from './tables.js';
import { doubleOf, doubleText } from './texts.js';

const valueColumns: readonly Column<IterationValue>[] = [
  { name: 'iteration_id', type: integers, of: ({ iterationId }) => iterationId },
  { name: 'value', type: doubles, of: ({ value }) => value },
];

const codeColumn: Column<IterationValue> = {
  name: 'code',
  type: integers,
  of: ({ code = 0 }) => code,
};

/** The further numbers of each value; undefined where there are none. */
function moreColumn(measures: number): ArrayColumn<IterationValue> | undefined {
  const length = measures - 1;
  return length === 0
    ? undefined
    : { name: 'more', type: doubles, length, of: ({ more = [] }) => more };
}

/** Values on their way to the table. */
interface Batch {
  readonly runId: RunId;
  /** In ascending order of their iterations. */
  readonly values: readonly IterationValue[];
  /** How many numbers each has. */
  readonly measures: number;
  /** The last iteration of all that are written together: if it lies outside the run, none is stored. */
  readonly last: number;
}

/** Values in the table `stepcompute_value`. */
export class TypeOrmValueStore implements ValueStore, Placed {
  readonly #dialect: Dialect;

  constructor(private readonly dataSource: DataSource) {
    this.#dialect = dialectOf(dataSource);
  }

  get place(): object {
    return this.dataSource;
  }

  write(id: RunId, values: readonly IterationValue[]): Promise<void> {
    return patiently(this.dataSource, async () => {
      const measures = 1 + (values[0]?.more?.length ?? 0);
      const ordered = parseInOrder(values, measures);
      const last = ordered.at(-1)?.iterationId;
      if (last === undefined) await readRun(this.dataSource, id);
      let conflict: ConflictingValueError | undefined;
      for (const piece of piecesOf(ordered, valuesPerStatement(measures))) {
        const found = await this.#insert({ runId: id, values: piece, measures, last: last ?? 0 });
        conflict ??= found;
      }
      if (conflict !== undefined) throw conflict;
    });
  }

  async #insert(batch: Batch): Promise<ConflictingValueError | undefined> {
    const { runId, values, measures, last } = batch;
    // A column that is not named is null, at no cost.
    const hasCodes = values.some(({ code = 0 }) => code > 0);
    const columns = hasCodes ? [...valueColumns, codeColumn] : valueColumns;
    const { item, parameters } = this.#dialect.tableOf(
      'batch',
      columns,
      values,
      4,
      moreColumn(measures),
    );
    const tables = tablesOf(this.dataSource);
    const names = measures === 1 ? 'value' : 'value, more';
    const insert = `
      INSERT INTO ${tables.value} (run_id, iteration_id, ${names}${hasCodes ? ', code' : ''})
      SELECT run.id, batch.iteration_id, ${names}${hasCodes ? ', nullif(batch.code, 0)' : ''}
      FROM ${tables.run} run, ${item}
      WHERE run.id = $1 AND run.deleted_at IS NULL AND run.repetitions > $2
        AND json_array_length(run.measures::json) = $3`;
    const all = [runId, last, measures, ...parameters];
    try {
      const { affected } = await execute(this.dataSource, insert, all);
      if (affected === values.length) return undefined;
    } catch (error) {
      // Some were there already, and none of the others is stored yet. That happens to a repeated delivery
      // alone; to be ready for it with each insert would nearly double what the insert costs.
      if (codeOf(error) !== uniqueViolation) throw error;
      await execute(this.dataSource, `${insert} ON CONFLICT DO NOTHING`, all);
    }
    return this.#explainRefusal(batch);
  }

  /** Not every value of the batch was new: finds out whether that is as it should be. */
  async #explainRefusal(batch: Batch): Promise<ConflictingValueError | undefined> {
    const { runId, values, measures, last } = batch;
    const run = await readRun(this.dataSource, runId);
    refuseOutside(run, last);
    if (run.measures.length !== measures) throw otherMeasures(run.measures.length, measures);
    const { item, parameters } = this.#dialect.tableOf(
      'batch',
      valueColumns,
      values,
      2,
      moreColumn(measures),
    );
    const [more, differ] =
      measures === 1 ? ['', ''] : [' || batch.more', ' OR v.more <> batch.more'];
    const { records } = await execute(
      this.dataSource,
      // OFFSET keeps the look-ups apart, one in the index for each value: joined, PostgreSQL compares all with
      // all while it has no statistics of the run, 10,000 values for 39 s.
      `SELECT differing.iteration_id::text AS iteration, number.place::text AS place,
         ${doubleText('number.kept')} AS kept, ${doubleText('number.offered')} AS offered
       FROM (
         SELECT v.iteration_id, v.value || v.more AS kept, ARRAY[batch.value]${more} AS offered
         FROM ${item}, LATERAL (
           SELECT * FROM ${tablesOf(this.dataSource).value}
           WHERE run_id = $1 AND iteration_id = batch.iteration_id OFFSET 0
         ) AS v
         WHERE v.value <> batch.value${differ}
         ORDER BY v.iteration_id LIMIT 1
       ) AS differing,
         unnest(differing.kept, differing.offered) WITH ORDINALITY AS number (kept, offered, place)
       WHERE number.kept <> number.offered
       ORDER BY number.place LIMIT 1`,
      [runId, ...parameters],
    );
    const [conflict] = records as Record<'iteration' | 'place' | 'kept' | 'offered', string>[];
    if (conflict === undefined) return undefined;
    return new ConflictingValueError(
      runId,
      Number(conflict.iteration) as IterationId,
      doubleOf(conflict.kept),
      doubleOf(conflict.offered),
      run.measures[Number(conflict.place) - 1],
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
      const { repetitions } = await readRun(this.dataSource, id);
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
function parseInOrder(
  values: readonly IterationValue[],
  measures: number,
): readonly IterationValue[] {
  const parsed = parseIterationValues(values, measures);
  const isInOrder = parsed.every(
    ({ iterationId }, index) => index === 0 || parsed[index - 1]!.iterationId <= iterationId,
  );
  return isInOrder ? parsed : [...parsed].sort((a, b) => a.iterationId - b.iterationId);
}

const uniqueViolation = '23505';

/** The part of the range that lies within a run of so many repetitions; undefined when none does. */
function upTo(repetitions: number, { first, count }: IterationRange): IterationRange | undefined {
  return IterationRange.between(first, Math.min(first + count, repetitions));
}
