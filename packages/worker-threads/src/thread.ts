/** What runs in a worker thread: the generator over a range of iterations. */
import { performance } from 'node:perf_hooks';
import {
  isError,
  IterationTimeoutError,
  messageOf,
  nameOf,
  parseValue,
  SeededIteration,
  type IterationId,
  type ValueGenerator,
} from '@stepcompute/core';
import { loadGenerator } from './load-generator.js';
import type { CarriedError, RangeOutcome, RangeWork } from './range-work.js';

let loading: Promise<ValueGenerator> | undefined;

/** Never rejects: what a generator throws is its iteration's failure. */
export async function generateRange(work: RangeWork): Promise<RangeOutcome> {
  const { count, begun } = work;
  const values = new Float64Array(count).fill(NaN);
  const failures: { position: number; thrown: CarriedError }[] = [];
  const fail = (position: number, thrown: unknown): void => {
    failures.push({ position, thrown: carried(thrown) });
  };
  try {
    loading ??= loadGenerator(work.module, work.exportName);
    const generator = await loading;
    const before = performance.eventLoopUtilization();
    const unsettled: Promise<void>[] = [];
    for (let position = 0; position < count; position += 1) {
      Atomics.add(begun, 0, 1);
      try {
        const drawn = draw(generator, work, position);
        if (typeof drawn === 'number') values[position] = parseValue(drawn);
        else {
          unsettled.push(
            drawn.then(
              (value) => {
                values[position] = value;
              },
              (thrown: unknown) => fail(position, thrown),
            ),
          );
        }
      } catch (thrown) {
        fail(position, thrown);
      }
    }
    await Promise.all(unsettled);
    const { active } = performance.eventLoopUtilization(before);
    return { values, failures, busyMs: active };
  } catch (thrown) {
    for (let position = 0; position < count; position += 1) fail(position, thrown);
    return { values, failures, busyMs: 0 };
  }
}

/** A number, or a promise of one, is the iteration's value when `parseValue` has seen it. */
function draw(
  generator: ValueGenerator,
  { runId, seed, first, timeoutMs }: RangeWork,
  position: number,
): number | Promise<number> {
  const abort = new LazyAbort();
  const drawn = generator(
    new SeededIteration(runId, (first + position) as IterationId, seed, abort),
  );
  if (typeof drawn === 'number') return drawn;
  return settle(drawn, abort, timeoutMs);
}

async function settle(
  drawn: Promise<number>,
  abort: LazyAbort,
  timeoutMs: number | undefined,
): Promise<number> {
  if (timeoutMs === undefined) return parseValue(await drawn);
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new IterationTimeoutError(timeoutMs);
      // First, so that it counts whatever the generator answers to being aborted.
      reject(error);
      abort.abort(error);
    }, timeoutMs);
  });
  try {
    return parseValue(await Promise.race([drawn, timeUp]));
  } finally {
    clearTimeout(timer);
  }
}

/** An iteration's abort controller, made when its signal is first asked for. */
class LazyAbort {
  #controller: AbortController | undefined;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller?.abort(reason);
  }
}

function carried(thrown: unknown): CarriedError {
  return { name: nameOf(thrown), message: messageOf(thrown), stack: stackOf(thrown) };
}

/** Undefined when there is none, or it may not be looked at. */
function stackOf(thrown: unknown): string | undefined {
  try {
    return isError(thrown) && typeof thrown.stack === 'string' ? thrown.stack : undefined;
  } catch {
    return undefined;
  }
}
