import {
  assertSameAverage,
  averageOf,
  ConflictingValueError,
  IncompleteRunError,
  InvalidInputError,
  IterationId,
  IterationRange,
  parseValue,
  PersistenceError,
  RunId,
  RunNotFoundError,
  type Average,
  type AverageStore,
  type FailureStore,
  type IterationFailure,
  type IterationValue,
  type NewRun,
  type Repetitions,
  type Run,
  type RunStatus,
  type RunStore,
  type Stores,
  type ValueStore,
} from '@stepcompute/core';

/** Runs in this process's memory. */
export class InMemoryRunStore implements RunStore {
  readonly #runs = new Map<RunId, Run>();
  readonly #byKey = new Map<string, RunId>();

  async allocate(run: NewRun): Promise<Run> {
    const { idempotencyKey } = run;
    const known = idempotencyKey === undefined ? undefined : this.#byKey.get(idempotencyKey);
    if (known !== undefined) return this.#find(known);
    const id = RunId.parse(this.#runs.size + 1);
    const allocated: Run = {
      ...run,
      id,
      status: 'started',
      startedAt: new Date(),
      finishedAt: undefined,
    };
    this.#runs.set(id, allocated);
    if (idempotencyKey !== undefined) this.#byKey.set(idempotencyKey, id);
    return allocated;
  }

  async get(id: RunId): Promise<Run> {
    return this.#find(id);
  }

  async list(limit: number): Promise<readonly Run[]> {
    return [...this.#runs.values()].reverse().slice(0, limit);
  }

  async finish(id: RunId, status: Exclude<RunStatus, 'started'>): Promise<void> {
    const run = this.#find(id);
    if (run.status === 'completed') return;
    this.#runs.set(id, { ...run, status, finishedAt: new Date() });
  }

  #find(id: RunId): Run {
    const run = this.#runs.get(id);
    if (run === undefined) throw new RunNotFoundError(id);
    return run;
  }
}

/** Values are kept in pieces of this many, made when their first value comes. */
const chunkLength = 65_536;

/** One run's values: eight bytes each, NaN where there is none. */
class RunValues {
  readonly #chunks: (Float64Array | undefined)[] = [];
  completed = 0;

  constructor(readonly repetitions: Repetitions) {}

  get(iteration: number): number {
    return this.#chunks[Math.floor(iteration / chunkLength)]?.[iteration % chunkLength] ?? NaN;
  }

  /** Keeps the value unless there is one; answers with the one that is kept. */
  keep(iteration: number, value: number): number {
    const index = Math.floor(iteration / chunkLength);
    const chunk = (this.#chunks[index] ??= this.#newChunk(index));
    const kept = chunk[iteration % chunkLength] ?? NaN;
    if (!Number.isNaN(kept)) return kept;
    chunk[iteration % chunkLength] = value;
    this.completed += 1;
    return value;
  }

  #newChunk(index: number): Float64Array {
    const length = Math.min(chunkLength, this.repetitions - index * chunkLength);
    try {
      return new Float64Array(length).fill(NaN);
    } catch (cause) {
      throw new PersistenceError('there is no memory left for more values', {
        cause,
        retryable: false,
      });
    }
  }

  *[Symbol.iterator](): Generator<number, void> {
    for (let iteration = 0; iteration < this.repetitions; iteration += 1) yield this.get(iteration);
  }
}

/** Values in this process's memory, eight bytes each. */
export class InMemoryValueStore implements ValueStore {
  readonly #runs: RunStore;
  readonly #values = new Map<RunId, RunValues>();

  /** @param runs where the values' runs are allocated */
  constructor(runs: RunStore) {
    this.#runs = runs;
  }

  async write(id: RunId, values: readonly IterationValue[]): Promise<void> {
    const run = await this.#of(id);
    const parsed = values.map(({ iterationId: offered, value }) => {
      const iterationId = IterationId.parse(offered);
      if (iterationId >= run.repetitions) {
        throw new InvalidInputError(
          'iteration id',
          `below run ${id}'s ${run.repetitions} repetitions`,
          iterationId,
        );
      }
      return { iterationId, value: parseValue(value) };
    });
    let conflict: ConflictingValueError | undefined;
    for (const { iterationId, value } of parsed) {
      const kept = run.keep(iterationId, value);
      if (kept !== value) conflict ??= new ConflictingValueError(id, iterationId, kept, value);
    }
    if (conflict !== undefined) throw conflict;
  }

  async *read(id: RunId, from = 0 as IterationId): AsyncGenerator<readonly IterationValue[], void> {
    const run = await this.#of(id);
    let batch: IterationValue[] = [];
    for (let iteration: number = from; iteration < run.repetitions; iteration += 1) {
      const value = run.get(iteration);
      if (Number.isNaN(value)) continue;
      batch.push({ iterationId: iteration as IterationId, value });
      if (batch.length === chunkLength) {
        yield batch;
        batch = [];
      }
    }
    if (batch.length > 0) yield batch;
  }

  async missing(id: RunId, within?: IterationRange): Promise<readonly IterationRange[]> {
    const run = await this.#of(id);
    const { first: start, count } = within ?? IterationRange.whole(run.repetitions);
    const end = Math.min(start + count, run.repetitions);
    if (start >= end || run.completed === run.repetitions) return [];
    if (run.completed === 0) return [{ first: start, count: end - start }];
    const ranges: IterationRange[] = [];
    let first: IterationId | undefined;
    for (let iteration: number = start; iteration <= end; iteration += 1) {
      const isMissing = iteration < end && Number.isNaN(run.get(iteration));
      if (isMissing) first ??= iteration as IterationId;
      else if (first !== undefined) {
        ranges.push({ first, count: iteration - first });
        first = undefined;
      }
    }
    return ranges;
  }

  async average(id: RunId): Promise<Average> {
    const run = await this.#of(id);
    if (run.completed < run.repetitions) {
      throw new IncompleteRunError(id, run.repetitions, run.completed);
    }
    return averageOf(run);
  }

  async #of(id: RunId): Promise<RunValues> {
    const known = this.#values.get(id);
    if (known !== undefined) return known;
    const { repetitions } = await this.#runs.get(id);
    const values = this.#values.get(id) ?? new RunValues(repetitions);
    this.#values.set(id, values);
    return values;
  }
}

/** Failures in this process's memory. */
export class InMemoryFailureStore implements FailureStore {
  readonly #failures = new Map<RunId, Map<IterationId, IterationFailure>>();

  async record(id: RunId, failures: readonly IterationFailure[]): Promise<void> {
    const known = this.#failures.get(id) ?? new Map<IterationId, IterationFailure>();
    for (const failure of failures) known.set(failure.iterationId, failure);
    this.#failures.set(id, known);
  }

  async list(id: RunId): Promise<readonly IterationFailure[]> {
    return [...(this.#failures.get(id)?.values() ?? [])].sort(
      (a, b) => a.iterationId - b.iterationId,
    );
  }
}

/** Averages in this process's memory. */
export class InMemoryAverageStore implements AverageStore {
  readonly #averages = new Map<RunId, Map<number, Average>>();

  async save(id: RunId, average: Average): Promise<void> {
    const ofRun = this.#averages.get(id) ?? new Map<number, Average>();
    this.#averages.set(id, ofRun);
    const kept = ofRun.get(average.count);
    if (kept === undefined) ofRun.set(average.count, average);
    else assertSameAverage(id, kept, average);
  }

  async find(id: RunId): Promise<Average | undefined> {
    const ofRun = this.#averages.get(id);
    return ofRun?.get(Math.max(...ofRun.keys()));
  }
}

/** A new, empty set of in-memory stores. */
export function inMemoryStores(): Stores {
  const runs = new InMemoryRunStore();
  return {
    runs,
    values: new InMemoryValueStore(runs),
    failures: new InMemoryFailureStore(),
    averages: new InMemoryAverageStore(),
  };
}
