import {
  ConflictingValueError,
  RunNotFoundError,
  RunParameters,
  type IterationFailure,
  type IterationId,
  type IterationValue,
  type Ledger,
  type Run,
  type RunAverage,
  type RunId,
  type Stores,
} from '@stepcompute/core';
import {
  IterationRange,
  ledgerOf,
  parseFailure,
  parseIterationValues,
  parseLimit,
  refuseFewerRepetitions,
  refuseOtherAverage,
  refuseOutside,
  rowsOf,
  without,
  type ValueColumns,
} from '@stepcompute/core/adapters';
import { Database, type SQLiteValue } from 'node-sqlite3-wasm';

const schema = `
  PRAGMA busy_timeout = 10000;
  CREATE TABLE IF NOT EXISTS run (
    id INTEGER PRIMARY KEY AUTOINCREMENT, idempotency_key TEXT UNIQUE, record TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS value (
    run_id INTEGER, iteration_id INTEGER, numbers TEXT NOT NULL, code INTEGER NOT NULL,
    PRIMARY KEY (run_id, iteration_id)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS failure (
    run_id INTEGER, iteration_id INTEGER, failure TEXT NOT NULL,
    PRIMARY KEY (run_id, iteration_id)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS average (
    run_id INTEGER, count INTEGER, average TEXT NOT NULL, PRIMARY KEY (run_id, count)) WITHOUT ROWID;`;

const pageLength = 4096;

/**
 * Stores on SQLite, in one file. SQLite answers at once, so that each method is one piece of work; a store
 * over a network does the same in statements that may be sent twice.
 * @param file where the database is, made if need be
 */
export function sqliteStores(file: string): Stores & { readonly close: () => void } {
  const database = new Database(file);
  database.exec(schema);

  const rows = <Row>(sql: string, ...values: SQLiteValue[]): Row[] =>
    database.all(sql, values) as unknown as Row[];
  const change = (sql: string, ...values: SQLiteValue[]): number =>
    database.run(sql, values).changes;
  /** All of it, or nothing: a process that dies in between has done nothing. */
  const together = <T>(work: () => T): T => {
    database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    }
  };

  const find = (id: RunId): Run => {
    const [row] = rows<{ record: string }>('SELECT record FROM run WHERE id = ?', id);
    if (row === undefined) throw new RunNotFoundError(id);
    return runOf(id, row.record);
  };
  const update = (run: Run): Run => {
    change('UPDATE run SET record = ? WHERE id = ?', JSON.stringify(run), run.id);
    return run;
  };
  const count = (sql: string, ...values: SQLiteValue[]): number =>
    rows<{ count: number }>(`SELECT count(*) AS count FROM ${sql}`, ...values)[0]!.count;
  const standing = ({ id, repetitions }: Run): number =>
    count('failure WHERE run_id = ? AND iteration_id < ?', id, repetitions);
  const keptOf = (id: RunId, iterationId: IterationId): readonly number[] =>
    JSON.parse(
      rows<{ numbers: string }>(
        'SELECT numbers FROM value WHERE run_id = ? AND iteration_id = ?',
        id,
        iterationId,
      )[0]!.numbers,
    ) as number[];

  /** The first write wins, with all of its measures; says where another one differs from it. */
  const keep = (run: Run, row: IterationValue): ConflictingValueError | undefined => {
    const { iterationId, value, more = [], code = 0 } = row;
    const numbers = [value, ...more];
    change('DELETE FROM failure WHERE run_id = ? AND iteration_id = ?', run.id, iterationId);
    const insert = 'INSERT INTO value VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING';
    if (change(insert, run.id, iterationId, JSON.stringify(numbers), code) === 1) return undefined;
    const kept = keptOf(run.id, iterationId);
    const place = kept.findIndex((number, index) => number !== numbers[index]);
    return place < 0
      ? undefined
      : new ConflictingValueError(
          run.id,
          iterationId,
          kept[place]!,
          numbers[place]!,
          run.measures[place],
        );
  };

  async function* scan(id: RunId, from = 0): AsyncGenerator<ValueColumns, void> {
    const { measures } = find(id);
    for (let next = from; ;) {
      const page = rows<{ iteration_id: number; numbers: string; code: number }>(
        `SELECT * FROM value WHERE run_id = ? AND iteration_id >= ?
         ORDER BY iteration_id LIMIT ${pageLength}`,
        id,
        next,
      );
      const last = page.at(-1);
      if (last === undefined) return;
      const numbers = page.map((row) => JSON.parse(row.numbers) as number[]);
      const [values, ...more] = measures.map((_, place) =>
        Float64Array.from(numbers, (each) => each[place]!),
      ) as [Float64Array, ...Float64Array[]];
      yield {
        iterationIds: Int32Array.from(page, (row) => row.iteration_id),
        values,
        ...(more.length > 0 && { more }),
        codes: Int16Array.from(page, (row) => row.code),
      };
      next = last.iteration_id + 1;
    }
  }

  const history = (id: RunId): RunAverage[] =>
    rows<{ average: string }>(
      'SELECT average FROM average WHERE run_id = ? ORDER BY count',
      id,
    ).map(({ average }) => JSON.parse(average) as RunAverage);

  return {
    close: () => database.close(),
    runs: {
      place: database,
      allocate: async (asked) =>
        together(() => {
          const { idempotencyKey: key = null } = asked;
          const [known] = rows<{ id: RunId }>('SELECT id FROM run WHERE idempotency_key = ?', key);
          if (known !== undefined) return find(known.id);
          database.run('INSERT INTO run (idempotency_key, record) VALUES (?, ?)', [key, '']);
          const [{ id }] = rows<{ id: RunId }>('SELECT last_insert_rowid() AS id') as [
            { id: RunId },
          ];
          const state = {
            status: 'started',
            startedAt: new Date(),
            finishedAt: undefined,
          } as const;
          update({ ...asked, id, ...state });
          return find(id);
        }),
      get: async (id) => find(id),
      list: async (limit) =>
        rows<{ id: RunId; record: string }>(
          'SELECT id, record FROM run ORDER BY id DESC LIMIT ?',
          parseLimit(limit),
        ).map(({ id, record }) => runOf(id, record)),
      finish: async ({ id, repetitions }, status) =>
        together(() => {
          const run = find(id);
          if (run.status === 'completed' || run.repetitions !== repetitions) return;
          update({ ...run, status, finishedAt: new Date() });
        }),
      reopen: async (id, { accepted, ...changes }) =>
        together(() => {
          const run = find(id);
          refuseFewerRepetitions(run, changes.repetitions);
          const simulation =
            accepted === undefined ? run.simulation : [...run.simulation, accepted];
          return update({
            ...run,
            ...changes,
            simulation,
            status: 'started',
            finishedAt: undefined,
          });
        }),
    },
    values: {
      place: database,
      write: async (id, values) => {
        const conflicts = together(() => {
          const run = find(id);
          const parsed = parseIterationValues(values, run.measures.length);
          for (const { iterationId } of parsed) refuseOutside(run, iterationId);
          return parsed.flatMap((row) => keep(run, row) ?? []);
        });
        const [lowest] = conflicts.sort((a, b) => a.iterationId - b.iterationId);
        if (lowest !== undefined) throw lowest;
      },
      read: (id, from) => rowsOf(scan(id, from)),
      scan,
      missing: async (id, within) => {
        const { repetitions } = find(id);
        const whole = [IterationRange.whole(repetitions)];
        const ranges = (within ?? whole).flatMap(
          ({ first, count: length }) =>
            IterationRange.between(first, Math.min(first + length, repetitions)) ?? [],
        );
        return without(
          ranges,
          ranges.flatMap((range) => islandsIn(id, range)),
        );
      },
    },
    failures: {
      place: database,
      record: async (id, failures) =>
        together(() => {
          const run = find(id);
          const parsed = failures.map(parseFailure);
          for (const { iterationId } of parsed) refuseOutside(run, iterationId);
          for (const failure of parsed) {
            change(
              `INSERT INTO failure SELECT ?1, ?2, ?3
               WHERE NOT EXISTS (SELECT * FROM value WHERE run_id = ?1 AND iteration_id = ?2)
               ON CONFLICT DO UPDATE SET failure = ?3`,
              id,
              failure.iterationId,
              JSON.stringify(failure),
            );
          }
          return standing(run);
        }),
      async *read(id) {
        find(id);
        const page = rows<{ failure: string }>(
          'SELECT failure FROM failure WHERE run_id = ? ORDER BY iteration_id',
          id,
        ).map(({ failure }) => JSON.parse(failure) as IterationFailure);
        if (page.length > 0) yield page;
      },
      clear: async (id, within) => {
        const { repetitions } = find(id);
        const { first, count: length } = within ?? IterationRange.whole(repetitions);
        change(
          'DELETE FROM failure WHERE run_id = ? AND iteration_id >= ? AND iteration_id < ?',
          id,
          first,
          first + length,
        );
      },
      ledger: async (id): Promise<Ledger> => {
        const run = find(id);
        return ledgerOf({
          requested: run.repetitions,
          completed: count('value WHERE run_id = ?', id),
          failed: standing(run),
          changed: count('value WHERE run_id = ? AND code > 0', id),
        });
      },
    },
    averages: {
      save: async (id, average) => {
        const insert = 'INSERT INTO average VALUES (?, ?, ?) ON CONFLICT DO NOTHING';
        change(insert, id, average.count, JSON.stringify(average));
        const kept = history(id).find((each) => each.count === average.count)!;
        return refuseOtherAverage(id, kept, average);
      },
      history: async (id) => history(id),
    },
  };

  /** The iterations of a range that have a value, as ranges. */
  function islandsIn(id: RunId, { first, count: length }: IterationRange): IterationRange[] {
    return rows<{ first: number; count: number }>(
      `SELECT min(iteration_id) AS first, count(*) AS count
       FROM (
         SELECT iteration_id, iteration_id - row_number() OVER (ORDER BY iteration_id) AS island
         FROM value WHERE run_id = ? AND iteration_id >= ? AND iteration_id < ?
       ) GROUP BY island ORDER BY first`,
      id,
      first,
      first + length,
    ).map((island) => IterationRange.parse(island));
  }
}

function runOf(id: RunId, record: string): Run {
  const run = JSON.parse(record) as Run & { startedAt: string; finishedAt?: string };
  const parameters = RunParameters.parse(run.parameters);
  return {
    ...run,
    id,
    parameters,
    request: { ...run.request, parameters },
    idempotencyKey: run.idempotencyKey ?? undefined,
    versions: run.versions ?? undefined,
    startedAt: new Date(run.startedAt),
    finishedAt: run.finishedAt === undefined ? undefined : new Date(run.finishedAt),
  };
}
