import { PersistenceError } from '@stepcompute/core';
import { IterationRange, type ValueColumns } from '@stepcompute/core/adapters';

/** Values are kept in pieces of at most this many, made when their first value comes. */
const chunkLength = 65_536;
const smallestChunk = 256;
const noChunk = new Float64Array(0);

/** One run's values, eight bytes each, in pieces; NaN where there is none. */
export class RunValues {
  readonly #chunks: (Float64Array | undefined)[] = [];
  count = 0;

  get(iteration: number): number | undefined {
    const value = this.#chunks[Math.floor(iteration / chunkLength)]?.[iteration % chunkLength];
    return value === undefined || Number.isNaN(value) ? undefined : value;
  }

  /** Keeps the value unless there is one; answers with the one that is kept. */
  keep(iteration: number, value: number): number {
    const place = iteration % chunkLength;
    const chunk = this.#chunkFor(Math.floor(iteration / chunkLength), place);
    const kept = chunk[place] ?? NaN;
    if (!Number.isNaN(kept)) return kept;
    chunk[place] = value;
    this.count += 1;
    return value;
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
      const chunk = this.#chunks[index] ?? noChunk;
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
      const chunk = this.#chunks[index]?.subarray(Math.max(0, first - start), end - start);
      if (chunk === undefined || chunk.length === 0) continue;
      const ids = Int32Array.from(chunk, (_, place) => Math.max(first, start) + place);
      const isFull = !chunk.some(Number.isNaN);
      const iterationIds = isFull ? ids : ids.filter((_, place) => !Number.isNaN(chunk[place]!));
      // Apart from the chunk, which goes on being written.
      const values = isFull ? chunk.slice() : chunk.filter((value) => !Number.isNaN(value));
      if (iterationIds.length > 0) yield { iterationIds, values };
    }
  }

  /** The values of these iterations, which all have one. */
  at(iterationIds: Int32Array): Float64Array {
    return Float64Array.from(iterationIds, (iteration) => this.get(iteration)!);
  }

  /** The values of the first `length` iterations; NaN where there is none. */
  toArray(length: number): Float64Array {
    const values = new Float64Array(length).fill(NaN);
    this.#chunks.forEach((chunk, index) => {
      const first = index * chunkLength;
      values.set(chunk?.subarray(0, length - first) ?? [], first);
    });
    return values;
  }

  /** The chunk, long enough to have the place. */
  #chunkFor(index: number, place: number): Float64Array {
    const chunk = this.#chunks[index];
    if (chunk !== undefined && place < chunk.length) return chunk;
    const length = Math.max(smallestChunk, 2 ** Math.ceil(Math.log2(place + 1)));
    const longer = newChunk(length);
    if (chunk !== undefined) longer.set(chunk);
    this.#chunks[index] = longer;
    return longer;
  }
}

function newChunk(length: number): Float64Array {
  try {
    return new Float64Array(length).fill(NaN);
  } catch (cause) {
    throw new PersistenceError('there is no memory left for more values', {
      cause,
      retryable: false,
    });
  }
}
