import {
  DeletedRunError,
  RunNotFoundError,
  StartedRunError,
  type IterationFailure,
  type Run,
  type RunAverage,
  type RunId,
  type Stores,
} from '@stepcompute/core';
import {
  conflictOf,
  finishedRun,
  isListed,
  ledgerOf,
  missingByScan,
  parseFailure,
  parseIterationValues,
  parseRunFilter,
  refuseConflicts,
  refuseOtherAverage,
  refuseOutside,
  reopenedRun,
  rowsOf,
  runFromJson,
  startedRun,
  type ValueColumns,
} from '@stepcompute/core/adapters';
import { Database, type SQLiteValue } from 'node-sqlite3-wasm';

const schema = `
  PRAGMA busy_timeout = 10000;
  -- A run without its JSON is a tombstone.
  CREATE TABLE IF NOT EXISTS run (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, json TEXT);
  CREATE TABLE IF NOT EXISTS value (
    run INTEGER, iteration INTEGER, numbers TEXT, code INTEGER, PRIMARY KEY (run, iteration)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS failure (
    run INTEGER, iteration INTEGER, json TEXT, PRIMARY KEY (run, iteration)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS average (
    run INTEGER, count INTEGER, json TEXT, PRIMARY KEY (run, count)) WITHOUT ROWID;`;

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
  const count = (sql: string, ...values: SQLiteValue[]): number =>
    rows<{ count: number }>(`SELECT count(*) AS count FROM ${sql}`, ...values)[0]!.count;

  /** All of it, or nothing: a process that dies in between has done nothing. */
  function together<T>(work: () => T): T {
    database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    }
  }

  function find(id: RunId): Run {
    const [row] = rows<{ json: string | null }>('SELECT json FROM run WHERE id = ?', id);
    if (typeof row?.json !== 'string') throw new RunNotFoundError(id);
    return runFromJson(row.json);
  }

  const isTombstone = (id: RunId): boolean => count('run WHERE id = ? AND json IS NULL', id) > 0;

  function update(run: Run): Run {
    change('UPDATE run SET json = ? WHERE id = ?', JSON.stringify(run), run.id);
    return run;
  }

  const standing = ({ id, repetitions }: Run): number =>
    count('failure WHERE run = ? AND iteration < ?', id, repetitions);

  async function* scan(id: RunId, from = 0): AsyncGenerator<ValueColumns, void> {
    const { measures } = find(id);
    for (let next = from; ;) {
      const page = rows<{ iteration: number; numbers: string; code: number }>(
        `SELECT * FROM value WHERE run = ? AND iteration >= ? ORDER BY iteration LIMIT ${pageLength}`,
        ...[id, next],
      );
      const last = page.at(-1);
      if (last === undefined) return;
      const numbers = page.map((row) => JSON.parse(row.numbers) as number[]);
      const [values, ...more] = measures.map((_, place) =>
        Float64Array.from(numbers, (each) => each[place]!),
      ) as [Float64Array, ...Float64Array[]];
      const iterationIds = Int32Array.from(page, (row) => row.iteration);
      yield { iterationIds, values, more, codes: Int16Array.from(page, (row) => row.code) };
      next = last.iteration + 1;
    }
  }

  const history = (id: RunId): RunAverage[] =>
    rows<{ json: string }>('SELECT json FROM average WHERE run = ? ORDER BY count', id).map(
      ({ json }) => JSON.parse(json) as RunAverage,
    );

  return {
    close: () => database.close(),
    runs: {
      place: database,
      allocate: async (asked) =>
        together(() => {
          const { idempotencyKey: key = null } = asked;
          const [known] = rows<{ id: RunId }>('SELECT id FROM run WHERE key = ?', key);
          if (known !== undefined) {
            if (isTombstone(known.id)) throw new DeletedRunError(known.id, key ?? '');
            return find(known.id);
          }
          change('INSERT INTO run (key) VALUES (?)', key);
          const [row] = rows<{ id: RunId }>('SELECT last_insert_rowid() AS id');
          return update(startedRun(row!.id, asked));
        }),
      get: async (id) => find(id),
      list: async (asked) => {
        const filter = parseRunFilter(asked);
        const found: Run[] = [];
        for (let before = filter.before ?? Infinity; found.length < filter.limit;) {
          const [next] = rows<{ json: string }>(
            'SELECT json FROM run WHERE id < ? AND json IS NOT NULL ORDER BY id DESC LIMIT 1',
            before,
          );
          if (next === undefined) break;
          const run = runFromJson(next.json);
          if (isListed(run, filter)) found.push(run);
          before = run.id;
        }
        return found;
      },
      finish: async ({ id, repetitions }, status) =>
        together(() => void update(finishedRun(find(id), repetitions, status))),
      reopen: async (id, asked, only) => together(() => update(reopenedRun(find(id), asked, only))),
    },
    tombstones: {
      place: database,
      mark: async (id, { force = false } = {}) =>
        together(() => {
          if (isTombstone(id)) return;
          if (find(id).status === 'started' && !force) throw new StartedRunError(id);
          change('UPDATE run SET json = NULL WHERE id = ?', id);
        }),
      async *sweep(id) {
        if (!isTombstone(id)) throw new RunNotFoundError(id);
        for (const [of, table, column] of [
          ['failures', 'failure', 'iteration'],
          ['averages', 'average', 'count'],
          ['values', 'value', 'iteration'],
        ] as const) {
          for (let swept = pageLength; swept === pageLength;) {
            const page = `SELECT ${column} FROM ${table} WHERE run = ?1 LIMIT ${pageLength}`;
            swept = change(`DELETE FROM ${table} WHERE run = ?1 AND ${column} IN (${page})`, id);
            yield { of, count: swept };
          }
        }
      },
      has: async (id) => isTombstone(id),
    },
    values: {
      place: database,
      /** The first write of an iteration wins, with all of its measures. */
      write: async (id, values) => {
        const conflicts = together(() => {
          const run = find(id);
          const parsed = parseIterationValues(values, run.measures.length);
          for (const { iterationId } of parsed) refuseOutside(run, iterationId);
          return parsed.flatMap(({ iterationId, value, more = [], code = 0 }) => {
            const numbers = [value, ...more];
            const pair = [id, iterationId] as const;
            change('DELETE FROM failure WHERE run = ? AND iteration = ?', ...pair);
            const insert = 'INSERT INTO value VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING';
            if (change(insert, ...pair, JSON.stringify(numbers), code) === 1) return [];
            const select = 'SELECT numbers FROM value WHERE run = ? AND iteration = ?';
            const [row] = rows<{ numbers: string }>(select, ...pair);
            return (
              conflictOf(run, iterationId, JSON.parse(row!.numbers) as number[], numbers) ?? []
            );
          });
        });
        refuseConflicts(conflicts);
      },
      read: (id, from) => rowsOf(scan(id, from)),
      scan,
      missing: async (id, within) => missingByScan(find(id), within, (from) => scan(id, from)),
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
               WHERE NOT EXISTS (SELECT * FROM value WHERE run = ?1 AND iteration = ?2)
               ON CONFLICT DO UPDATE SET json = ?3`,
              ...[id, failure.iterationId, JSON.stringify(failure)],
            );
          }
          return standing(run);
        }),
      async *read(id) {
        find(id);
        const select = 'SELECT json FROM failure WHERE run = ? ORDER BY iteration';
        const all = rows<{ json: string }>(select, id);
        if (all.length > 0) yield all.map(({ json }) => JSON.parse(json) as IterationFailure);
      },
      clear: async (id) => {
        find(id);
        change('DELETE FROM failure WHERE run = ?', id);
      },
      ledger: async (id) => {
        const run = find(id);
        return ledgerOf({
          requested: run.repetitions,
          completed: count('value WHERE run = ?', id),
          failed: standing(run),
          changed: count('value WHERE run = ? AND code > 0', id),
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
}
