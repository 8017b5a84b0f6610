import { PersistenceError } from '@stepcompute/core';
import { IterationRange, type ValueColumns } from '@stepcompute/core/adapters';

/** Values are kept in pieces of at most this many, made when their first value comes. */
const chunkLength = 65_536;
const smallestChunk = 256;
/** Neighbouring iterations' values, a column for each measure; NaN where there is none. */
type Chunk = readonly [Float64Array, ...Float64Array[]];

const noChunk: Chunk = [new Float64Array(0)];
const none: readonly number[] = [];

/** One run's values, eight bytes a measure, in chunks. */
export class RunValues {
  readonly #chunks: (Chunk | undefined)[] = [];
  /** How many iterations have theirs. */
  count = 0;

  /** @param measures how many numbers each iteration has */
  constructor(readonly measures = 1) {}

  /** @param measure its place among the run's */
  get(iteration: number, measure = 0): number | undefined {
    const chunk = this.#chunks[Math.floor(iteration / chunkLength)];
    const value = chunk?.[measure]?.[iteration % chunkLength];
    return value === undefined || Number.isNaN(value) ? undefined : value;
  }

  /**
   * Keeps an iteration's numbers unless it has some.
   * @returns false when it has others
   */
  keep(iteration: number, value: number, more: readonly number[] = none): boolean {
    const at = iteration % chunkLength;
    const chunk = this.#chunkFor(Math.floor(iteration / chunkLength), at);
    const [column] = chunk;
    const kept = column[at]!;
    if (!Number.isNaN(kept)) {
      return kept === value && more.every((number, index) => chunk[index + 1]![at] === number);
    }
    column[at] = value;
    for (let index = 0; index < more.length; index += 1) chunk[index + 1]![at] = more[index]!;
    this.count += 1;
    return true;
  }

  /**
   * From `first` to just before `end`: the ranges, ascending and maximal, whose iterations all have a
   * value, or all have none.
   */
  *parts(first: number, end: number, hasValue: boolean): Generator<IterationRange, void> {
    for (let from = first; from < end;) {
      const start = this.#next(from, end, hasValue);
      from = this.#next(start, end, !hasValue);
      const part = IterationRange.between(start, from);
      if (part !== undefined) yield part;
    }
  }

  /** The first iteration of those from `from` to just before `end` that has a value, or has none; `end` when there is none. */
  #next(from: number, end: number, hasValue: boolean): number {
    for (let at = from; at < end;) {
      const index = Math.floor(at / chunkLength);
      const start = index * chunkLength;
      const [chunk] = this.#chunks[index] ?? noChunk;
      const chunkEnd = Math.min(start + chunk.length, end);
      for (; at < chunkEnd; at += 1) {
        if (Number.isNaN(chunk[at - start]) !== hasValue) return at;
      }
      const nextStart = start + chunkLength;
      if (at < Math.min(nextStart, end) && !hasValue) return at;
      at = nextStart;
    }
    return end;
  }

  /** The values there are from `first` to just before `end`, by columns of at most a chunk. */
  *columns(first: number, end: number): Generator<ValueColumns, void> {
    for (let index = Math.floor(first / chunkLength); index < this.#chunks.length; index += 1) {
      const start = index * chunkLength;
      const chunk = this.#chunks[index] ?? noChunk;
      const places = placesOf(chunk[0], Math.max(0, first - start), end - start);
      if (places.length === 0) continue;
      const [values = chunk[0], ...more] = chunk.map((column) => numbersAt(column, places));
      const iterationIds = places.map((place) => start + place);
      yield more.length === 0 ? { iterationIds, values } : { iterationIds, values, more };
    }
  }

  /**
   * The values of the first `length` iterations; NaN where there is none.
   * @param measure its place among the run's
   */
  toArray(length: number, measure = 0): Float64Array {
    const values = new Float64Array(length).fill(NaN);
    this.#chunks.forEach((chunk, index) => {
      const first = index * chunkLength;
      values.set(chunk?.[measure]?.subarray(0, length - first) ?? [], first);
    });
    return values;
  }

  /** The chunk, long enough to have the place. */
  #chunkFor(index: number, place: number): Chunk {
    const chunk = this.#chunks[index];
    if (chunk !== undefined && place < chunk[0].length) return chunk;
    // The first begins small, since most runs are; who has filled one will fill the next.
    const fitting = Math.max(smallestChunk, 2 ** Math.ceil(Math.log2(place + 1)));
    const length = index > 0 && this.count >= chunkLength ? chunkLength : fitting;
    const longer = Array.from({ length: this.measures }, (_, measure) =>
      longerColumn(chunk?.[measure], length),
    ) as unknown as Chunk;
    this.#chunks[index] = longer;
    return longer;
  }
}

/** Those places from `first` to just before `end` that have a value. */
function placesOf(column: Float64Array, first: number, end: number): Int32Array {
  const last = Math.min(column.length, end);
  const places = new Int32Array(Math.max(0, last - first));
  let count = 0;
  for (let place = first; place < last; place += 1) {
    if (Number.isNaN(column[place])) continue;
    places[count] = place;
    count += 1;
  }
  return places.subarray(0, count);
}

/** A copy, apart from the column, which goes on being written. */
function numbersAt(column: Float64Array, places: Int32Array): Float64Array {
  if (places.length === column.length) return column.slice();
  const numbers = new Float64Array(places.length);
  for (let index = 0; index < numbers.length; index += 1) numbers[index] = column[places[index]!]!;
  return numbers;
}

function longerColumn(column: Float64Array | undefined, length: number): Float64Array {
  try {
    const longer = new Float64Array(length).fill(NaN);
    if (column !== undefined) longer.set(column);
    return longer;
  } catch (cause) {
    throw new PersistenceError('there is no memory left for more values', {
      cause,
      retryable: false,
    });
  }
}
