import {
  DeletedRunError,
  StartedRunError,
  type ConflictingValueError,
  type IterationId,
  RunId,
  RunNotFoundError,
  type AverageStore,
  type FailureStore,
  type IterationFailure,
  type IterationValue,
  type Ledger,
  type Placed,
  type Run,
  type RunAverage,
  type RunFilter,
  type RunStatus,
  type RunStore,
  type Stores,
  type Swept,
  type TombstoneStore,
  type ValueStore,
} from '@stepcompute/core';
import {
  conflictOf,
  finishedRun,
  isListed,
  IterationRange,
  ledgerOf,
  parseFailure,
  parseIterationValues,
  parseRunFilter,
  refuseConflicts,
  refuseOtherAverage,
  refuseOutside,
  reopenedRun,
  rowsOf,
  startedRun,
  type NewRun,
  type ParsedRunChange,
  type ValueColumns,
} from '@stepcompute/core/adapters';
import { RunValues } from './run-values.js';

/** All that there is of one run. */
export interface RunRecord {
  run: Run;
  readonly values: RunValues;
  /** Of which code a value is, where that is not the first. */
  readonly codes: Map<number, number>;
  /** Of iterations without a value alone. */
  readonly failures: Map<IterationId, IterationFailure>;
}

/** Everything about every run, in this process's memory: the in-memory stores share it. */
export class InMemoryDatabase {
  /** By id, from 1 on; undefined of a tombstone. */
  readonly #records: (RunRecord | undefined)[] = [];
  /** What tombstones have left to be swept. */
  readonly #left = new Map<RunId, RunRecord>();
  readonly #averages = new Map<RunId, Map<number, RunAverage>>();
  readonly #byKey = new Map<string, RunId>();

  /**
   * Ids are given from 1 on.
   * @throws DeletedRunError when the key's run was deleted
   */
  allocate(asked: NewRun): Run {
    const { idempotencyKey: key } = asked;
    const known = key === undefined ? undefined : this.#byKey.get(key);
    if (known !== undefined) {
      const record = this.#records[known - 1];
      if (record === undefined) throw new DeletedRunError(known, key!);
      return record.run;
    }
    const id = RunId.parse(this.#records.length + 1);
    const record: RunRecord = {
      run: startedRun(id, asked),
      values: new RunValues(asked.measures.length),
      codes: new Map(),
      failures: new Map(),
    };
    this.#records.push(record);
    if (key !== undefined) this.#byKey.set(key, id);
    return record.run;
  }

  /** @throws RunNotFoundError */
  find(id: RunId): RunRecord {
    const record = this.#records[id - 1];
    if (record === undefined) throw new RunNotFoundError(id);
    return record;
  }

  /** The newest first. */
  *newest(): Generator<Run, void> {
    for (let id = this.#records.length; id > 0; id -= 1) {
      const record = this.#records[id - 1];
      if (record !== undefined) yield record.run;
    }
  }

  /** True of a run that was deleted. */
  isTombstone(id: RunId): boolean {
    return id <= this.#records.length && this.#records[id - 1] === undefined;
  }

  /** Makes the run a tombstone. */
  bury(id: RunId): void {
    this.#left.set(id, this.find(id));
    this.#records[id - 1] = undefined;
  }

  /** Forgets what of one kind a tombstone has left, and counts it. */
  forget(id: RunId, of: Swept['of']): number {
    if (of === 'averages') {
      const { size } = this.averages(id);
      this.#averages.delete(id);
      return size;
    }
    const left = this.#left.get(id);
    if (left === undefined) return 0;
    const rest = { ...left, failures: new Map<IterationId, IterationFailure>() };
    if (of === 'failures') this.#left.set(id, rest);
    else this.#left.delete(id);
    return of === 'failures' ? left.failures.size : left.values.count;
  }

  /** The averages under a run's id, by their counts, whether or not there is such a run. */
  averages(id: RunId): ReadonlyMap<number, RunAverage> {
    return this.#averages.get(id) ?? new Map<number, RunAverage>();
  }

  /** Takes the place of one of the same count. */
  addAverage(id: RunId, average: RunAverage): void {
    this.#averages.set(id, new Map([...this.averages(id), [average.count, average]]));
  }
}

/** Runs in this process's memory. */
export class InMemoryRunStore implements RunStore, Placed {
  constructor(private readonly database: InMemoryDatabase) {}

  get place(): object {
    return this.database;
  }

  async allocate(run: NewRun): Promise<Run> {
    return this.database.allocate(run);
  }

  async get(id: RunId): Promise<Run> {
    return this.database.find(id).run;
  }

  async list(asked?: RunFilter): Promise<readonly Run[]> {
    const filter = parseRunFilter(asked);
    const runs: Run[] = [];
    for (const run of this.database.newest()) {
      if (runs.length >= filter.limit) break;
      if (isListed(run, filter)) runs.push(run);
    }
    return runs;
  }

  async finish(
    { id, repetitions }: Pick<Run, 'id' | 'repetitions'>,
    status: Exclude<RunStatus, 'started'>,
  ): Promise<void> {
    const record = this.database.find(id);
    record.run = finishedRun(record.run, repetitions, status);
  }

  async reopen(id: RunId, change: ParsedRunChange, only?: Pick<Run, 'repetitions'>): Promise<Run> {
    const record = this.database.find(id);
    record.run = reopenedRun(record.run, change, only);
    return record.run;
  }
}

/** Tombstones in this process's memory, where a swept run takes no more than its id and its key. */
export class InMemoryTombstoneStore implements TombstoneStore, Placed {
  constructor(private readonly database: InMemoryDatabase) {}

  get place(): object {
    return this.database;
  }

  async mark(id: RunId, { force = false }: { force?: boolean | undefined } = {}): Promise<void> {
    if (this.database.isTombstone(id)) return;
    const { run } = this.database.find(id);
    if (run.status === 'started' && !force) throw new StartedRunError(id);
    this.database.bury(id);
  }

  async *sweep(id: RunId): AsyncGenerator<Swept, void> {
    if (!this.database.isTombstone(id)) throw new RunNotFoundError(id);
    for (const kind of ['failures', 'averages', 'values'] as const) {
      yield { of: kind, count: this.database.forget(id, kind) };
    }
  }

  async has(id: RunId): Promise<boolean> {
    return this.database.isTombstone(id);
  }
}

/** Values in this process's memory, eight bytes a measure. */
export class InMemoryValueStore implements ValueStore, Placed {
  constructor(private readonly database: InMemoryDatabase) {}

  get place(): object {
    return this.database;
  }

  async write(id: RunId, values: readonly IterationValue[]): Promise<void> {
    const { run, values: kept, codes, failures } = this.database.find(id);
    const rows = parseIterationValues(values, run.measures.length);
    for (const { iterationId } of rows) refuseOutside(run, iterationId);
    const conflicts: ConflictingValueError[] = [];
    for (const { iterationId, value, more, code = 0 } of rows) {
      if (code > 0 && kept.get(iterationId) === undefined) codes.set(iterationId, code);
      failures.delete(iterationId);
      if (kept.keep(iterationId, value, more)) continue;
      const stored = run.measures.map((_, measure) => kept.get(iterationId, measure)!);
      const offered = [value, ...(more ?? [])];
      const conflict = conflictOf(run, iterationId, stored, offered);
      if (conflict !== undefined) conflicts.push(conflict);
    }
    refuseConflicts(conflicts);
  }

  read(id: RunId, from?: IterationId): AsyncIterable<readonly IterationValue[]> {
    return rowsOf(this.scan(id, from));
  }

  async *scan(id: RunId, from = 0 as IterationId): AsyncGenerator<ValueColumns, void> {
    const { run, values, codes } = this.database.find(id);
    for (const columns of values.columns(from, run.repetitions)) {
      const { iterationIds } = columns;
      yield {
        ...columns,
        ...(codes.size > 0 && {
          codes: Int16Array.from(iterationIds, (each) => codes.get(each) ?? 0),
        }),
      };
    }
  }

  async missing(id: RunId, within?: readonly IterationRange[]): Promise<readonly IterationRange[]> {
    const { run, values } = this.database.find(id);
    const { repetitions } = run;
    if (values.count === repetitions) return [];
    const ranges = within ?? [IterationRange.whole(repetitions)];
    return ranges.flatMap(({ first, count }) => [
      ...values.parts(first, Math.min(first + count, repetitions), false),
    ]);
  }
}

function ledgerOfRecord({ run, values, codes, failures }: RunRecord): Ledger {
  return ledgerOf({
    requested: run.repetitions,
    completed: values.count,
    failed: failures.size,
    changed: codes.size,
  });
}

/** Failures in this process's memory. */
export class InMemoryFailureStore implements FailureStore, Placed {
  constructor(private readonly database: InMemoryDatabase) {}

  get place(): object {
    return this.database;
  }

  async record(id: RunId, failures: readonly IterationFailure[]): Promise<number> {
    const { run, values, failures: standing } = this.database.find(id);
    const parsed = failures.map(parseFailure);
    for (const { iterationId } of parsed) refuseOutside(run, iterationId);
    for (const failure of parsed) {
      const { iterationId } = failure;
      if (values.get(iterationId) === undefined) standing.set(iterationId, failure);
    }
    return standing.size;
  }

  async *read(id: RunId): AsyncGenerator<readonly IterationFailure[], void> {
    const failures = [...this.database.find(id).failures.values()];
    if (failures.length > 0) yield failures.sort((a, b) => a.iterationId - b.iterationId);
  }

  async clear(id: RunId): Promise<void> {
    this.database.find(id).failures.clear();
  }

  async ledger(id: RunId): Promise<Ledger> {
    return ledgerOfRecord(this.database.find(id));
  }
}

/** Averages in this process's memory. */
export class InMemoryAverageStore implements AverageStore {
  constructor(private readonly database: InMemoryDatabase) {}

  async save(id: RunId, average: RunAverage): Promise<RunAverage> {
    const kept = this.database.averages(id).get(average.count);
    if (kept !== undefined) return refuseOtherAverage(id, kept, average);
    this.database.addAverage(id, average);
    return average;
  }

  async history(id: RunId): Promise<readonly RunAverage[]> {
    return [...this.database.averages(id).values()].sort((a, b) => a.count - b.count);
  }
}

/**
 * A new, empty set of in-memory stores.
 * @param database what they share. Default: a new one
 */
export function inMemoryStores(database = new InMemoryDatabase()): Stores {
  return {
    runs: new InMemoryRunStore(database),
    tombstones: new InMemoryTombstoneStore(database),
    values: new InMemoryValueStore(database),
    failures: new InMemoryFailureStore(database),
    averages: new InMemoryAverageStore(database),
  };
}
