import { availableParallelism } from 'node:os';
import { basename, join, resolve } from 'node:path';
import {
  ChangedSimulationError,
  Fingerprint,
  InvalidInputError,
  IterationTimeoutError,
  messageOf,
  Milliseconds,
  nameOf,
  StepFailedError,
  SystemClock,
  type JsonObject,
  type ValueGenerator,
  type Drawn,
  type IterationContext,
} from '@stepcompute/core';
import { refuseUnknown, RunIdentity, type FieldNames } from '@stepcompute/core/adapters';
import { Piscina } from 'piscina';
import type { CarriedError, RangeOutcome, RangeWork } from './range-work.js';

/** How long a range should keep its thread at work, in milliseconds: long beside the message that brings it. */
const rangeMs = 20;

const clock = new SystemClock();

/** More threads than any machine has cores say that the number was meant for something else. */
const mostWorkers = 1024;

export interface WorkerThreadsProps {
  /** The simulation's module, ESM or CommonJS: its path. */
  readonly module: string;
  /**
   * Under which name the module exports the generator.
   * @default 'default'
   */
  readonly exportName?: string | undefined;
  /**
   * How many threads, 1 … 1,024.
   * @default 'auto', one for each core that the process may use
   */
  readonly workers?: number | 'auto' | undefined;
  /**
   * The longest that one iteration may take, in milliseconds. A synchronous generator that overruns is
   * noticed within twice this time and ends with its thread. To be given here and not to the
   * orchestrator, which would count the wait for a free thread.
   * @default none
   */
  readonly timeoutMs?: number | undefined;
  /**
   * The path of a module that loads the simulation's in a thread, and tells the fingerprint of its
   * code, by an export `openSimulationFile`: that of `@stepcompute/simulation-file`, which loads
   * TypeScript too.
   * @default Node loads it, and nothing is known of its code
   */
  readonly loader?: string | undefined;
  /**
   * The code that each thread must have, where a loader tells what it has. Give the same to the
   * orchestrator.
   * @default any
   */
  readonly simulationVersion?: string | Fingerprint | undefined;
}

const propsFields: FieldNames<WorkerThreadsProps> = {
  module: true,
  exportName: true,
  workers: true,
  timeoutMs: true,
  loader: true,
  simulationVersion: true,
};

/** An iteration that waits for a thread, or for its value. */
interface Call {
  readonly context: IterationContext;
  readonly resolve: (value: Drawn<string>) => void;
  readonly reject: (reason: unknown) => void;
  /** True when it is to have a thread for itself, since one broke down under it and others. */
  alone: boolean;
}

/**
 * A generator that runs in worker threads. Iterations that are asked for at the same time travel as
 * ranges, the longer the shorter each takes; the orchestrator's concurrency says how many are asked
 * for. Each value is what the module's generator gives in process, to the bit.
 *
 * When a thread breaks down (it ran out of memory, called `process.exit`, or threw outside of its
 * promise), its unfinished range runs again, one iteration at a time; one that breaks its thread
 * again has failed.
 * @example
 * const threads = new WorkerThreads({ module: './simulation.mjs' });
 * const orchestrator = new InProcessOrchestrator({ generator: threads.generate, stores });
 * const { average } = await orchestrator.run({ repetitions: 100_000, seed: 42 });
 * await threads.close();
 *
 * A simulation with declared measures, or parameters, is given with them:
 * `generator: { measures: ['payoff', 'delta'], generate: threads.generate }`.
 */
export class WorkerThreads {
  /**
   * The simulation, to be given to an orchestrator. Rejects with an error of the name and message that
   * the module's generator threw; with {@link IterationTimeoutError}; or with {@link StepFailedError}
   * when the thread broke down.
   */
  readonly generate: ValueGenerator<JsonObject, string>;
  readonly #work: Pick<RangeWork, 'simulation' | 'fingerprint' | 'timeoutMs'>;
  readonly #workers: number;
  readonly #threads: Piscina<RangeWork, RangeOutcome>;
  #waiting: Call[] = [];
  #running = 0;
  #rangeSize = 1;
  #isScheduled = false;

  /** @throws InvalidInputError when a property is out of range, or there is no such property */
  constructor(props: WorkerThreadsProps) {
    refuseUnknown(props, 'properties', propsFields);
    const { module, exportName = 'default', workers = 'auto', timeoutMs } = props;
    const { loader, simulationVersion: version } = props;
    this.#workers = parseWorkers(workers);
    this.#work = {
      simulation: {
        module: resolve(module),
        exportName,
        loader: loader === undefined ? undefined : resolve(loader),
      },
      fingerprint: version === undefined ? undefined : Fingerprint.parse(version),
      timeoutMs: timeoutMs === undefined ? undefined : Milliseconds.parse(timeoutMs, 'timeout', 1),
    };
    this.#threads = new Piscina({
      filename: join(__dirname, 'thread.js'),
      name: 'generateRange',
      // A thread that sleeps in Atomics.wait while it is ended can stay for ever (seen on Node 22), and lets
      // nothing go on that a simulation has left behind. Beside a range the wait costs nothing.
      atomics: 'disabled',
      minThreads: this.#workers,
      maxThreads: this.#workers,
    });
    // A thread that broke down with nothing to do costs nothing, and has a successor already.
    this.#threads.on('error', () => undefined);
    this.generate = (context) => this.#call(context);
    // A run records its generator by name.
    Object.defineProperty(this.generate, 'name', { value: basename(module) });
  }

  /** Ends the threads, and with them what they are at. */
  async close(): Promise<void> {
    await this.#threads.destroy();
  }

  #call(context: IterationContext): Promise<Drawn<string>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ context, resolve, reject, alone: false });
      this.#schedule();
    });
  }

  /** Those who ask in the same turn are to travel together. */
  #schedule(): void {
    if (this.#isScheduled || this.#running === this.#workers) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      while (this.#running < this.#workers) {
        const calls = this.#nextRange();
        if (calls === undefined) return;
        void this.#run(calls);
      }
    });
  }

  /** Undefined when nobody waits. */
  #nextRange(): [Call, ...Call[]] | undefined {
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined) return undefined;
      if (!first.context.signal.aborted) break;
      this.#waiting.shift();
      first.reject(first.context.signal.reason);
    }
    const share = Math.ceil(this.#waiting.length / this.#workers);
    const size = Math.min(this.#rangeSize, share);
    let count = 1;
    while (count < size && follows(this.#waiting[count - 1], this.#waiting[count])) count += 1;
    return this.#waiting.splice(0, count) as [Call, ...Call[]];
  }

  /** Never rejects. */
  async #run(calls: [Call, ...Call[]]): Promise<void> {
    this.#running += 1;
    const { iterationId, signal } = calls[0].context;
    const begun = new Int32Array(new SharedArrayBuffer(4));
    const work: RangeWork = {
      ...this.#work,
      identity: RunIdentity.pick(calls[0].context),
      first: iterationId,
      count: calls.length,
      begun,
    };
    const stop = new AbortController();
    // A run that is stopped aborts all of its iterations.
    const abort = (): void => stop.abort();
    signal.addEventListener('abort', abort, { once: true });
    const watchdog = this.#watch(begun, abort);
    try {
      const outcome = await this.#threads.run(work, { signal: stop.signal });
      this.#settle(calls, outcome);
    } catch (error) {
      if (signal.aborted) this.#release(calls);
      else this.#recover(calls, error, watchdog.hasBarked);
    } finally {
      watchdog.stop();
      signal.removeEventListener('abort', abort);
      this.#running -= 1;
      this.#schedule();
    }
  }

  #settle(calls: readonly Call[], { measures, values, failures, busyMs }: RangeOutcome): void {
    for (const { position, thrown } of failures) calls[position]?.reject(this.#restored(thrown));
    calls.forEach((call, position) => {
      if (measures === undefined) call.resolve(values[position]!);
      else call.resolve(measuredAt(values, position, measures));
    });
    const fitting = Math.floor((rangeMs * calls.length) / busyMs);
    this.#rangeSize = Math.max(1, Math.min(fitting, 2 * Math.max(calls.length, this.#rangeSize)));
  }

  /** The thread was ended since a value is not wanted any more; those that still are have to be drawn again. */
  #release(calls: readonly Call[]): void {
    const again: Call[] = [];
    for (const call of calls) {
      const { signal } = call.context;
      if (signal.aborted) call.reject(signal.reason);
      else again.push(call);
    }
    this.#waiting.unshift(...again);
  }

  /** A thread broke down: at whose fault is known only of an iteration that had it for itself. */
  #recover(calls: readonly Call[], error: unknown, wasBlocked: boolean): void {
    const again = calls.filter((call) => !call.alone);
    for (const call of calls) {
      if (call.alone) call.reject(this.#breakdown(error, wasBlocked));
      call.alone = true;
    }
    this.#waiting.unshift(...again);
  }

  #breakdown(error: unknown, wasBlocked: boolean): Error {
    const { timeoutMs } = this.#work;
    if (wasBlocked && timeoutMs !== undefined) return new IterationTimeoutError(timeoutMs);
    return new StepFailedError('the worker thread', nameOf(error), messageOf(error), {
      cause: error,
    });
  }

  /** Calls `bark` when the thread has begun nothing new for as long as one iteration may take. */
  #watch(begun: Int32Array, bark: () => void): Watchdog {
    const { timeoutMs } = this.#work;
    const ended = new AbortController();
    const watchdog = { hasBarked: false, stop: () => ended.abort() };
    if (timeoutMs === undefined) return watchdog;
    const watch = async (): Promise<void> => {
      for (let before = 0; ;) {
        await clock.sleep(timeoutMs, ended.signal);
        const now = Atomics.load(begun, 0);
        // A thread that has begun nothing yet is still starting, or loading the simulation.
        watchdog.hasBarked = now > 0 && now === before;
        if (watchdog.hasBarked) bark();
        before = now;
      }
    };
    // It ends by being stopped.
    watch().catch(() => undefined);
    return watchdog;
  }

  #restored({ name, message, stack, cause }: CarriedError): Error {
    const { timeoutMs } = this.#work;
    if (name === 'IterationTimeoutError' && timeoutMs !== undefined) {
      return new IterationTimeoutError(timeoutMs);
    }
    if (name === 'ChangedSimulationError') {
      const changed = ChangedSimulationError.fromMessage(message);
      if (changed !== undefined) return changed;
    }
    const error = new Error(message, cause && { cause: this.#restored(cause) });
    Object.defineProperty(error, 'name', { value: name });
    // It was not thrown here.
    error.stack = stack ?? `${name}: ${message}`;
    return error;
  }
}

/** The answer of the module's generator. */
function measuredAt(
  values: Float64Array,
  position: number,
  measures: readonly string[],
): Readonly<Record<string, number>> {
  const first = position * measures.length;
  return Object.fromEntries(measures.map((measure, index) => [measure, values[first + index]!]));
}

interface Watchdog {
  readonly hasBarked: boolean;
  readonly stop: () => void;
}

function follows(before: Call | undefined, call: Call | undefined): boolean {
  return (
    before !== undefined &&
    call !== undefined &&
    !before.alone &&
    !call.alone &&
    call.context.iterationId === before.context.iterationId + 1 &&
    RunIdentity.equal(call.context, before.context)
  );
}

/**
 * How many threads `workers` stands for: `auto` is one for each core that this process may use.
 * @throws InvalidInputError unless it is `auto` or an integer from 1 to 1,024
 */
export function parseWorkers(workers: unknown): number {
  if (workers === 'auto') return availableParallelism();
  if (
    typeof workers === 'number' &&
    Number.isInteger(workers) &&
    workers >= 1 &&
    workers <= mostWorkers
  ) {
    return workers;
  }
  throw new InvalidInputError('workers', `auto or an integer from 1 to ${mostWorkers}`, workers);
}
