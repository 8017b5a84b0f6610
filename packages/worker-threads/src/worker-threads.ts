import { availableParallelism } from 'node:os';
import { basename, resolve } from 'node:path';
import {
  ChangedSimulationError,
  Fingerprint,
  InvalidInputError,
  IterationTimeoutError,
  messageOf,
  Milliseconds,
  nameOf,
  StepFailedError,
  type JsonObject,
  type ValueGenerator,
  type Drawn,
  type IterationContext,
} from '@stepcompute/core';
import { refuseUnknown, RunIdentity, type FieldNames } from '@stepcompute/core/adapters';
import type { CarriedError, RangeReport, ThreadData } from './messages.js';
import { ThreadHandle, type ThreadEnd } from './thread-handle.js';

/** The most iterations that a thread is given at a time: it gives back what it does not begin soon. */
const mostGiven = 10_000;

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
  isSettled: boolean;
}

/** Iterations that a thread has been given together. */
interface Range {
  calls: readonly Call[];
  /** How many have no value yet. */
  open: number;
  /** Hears no more of the end of its run. */
  ignore: () => void;
}

/** A thread, and what it is at. */
interface Place {
  readonly thread: ThreadHandle;
  readonly ranges: Map<number, Range>;
}

/**
 * A generator that runs in worker threads. Iterations that are asked for at the same time travel as
 * ranges, of which a thread begins what it can in a moment; those that wait in it hold up no others. The
 * orchestrator's concurrency says how many are asked for. Each value is what the module's generator gives in process, to the bit.
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
  readonly #data: Omit<ThreadData, 'begun' | 'port'>;
  readonly #places: Place[];
  #waiting: Call[] = [];
  #given = 0;
  #isScheduled = false;
  #isClosed = false;

  /** @throws InvalidInputError when a property is out of range, or there is no such property */
  constructor(props: WorkerThreadsProps) {
    refuseUnknown(props, 'properties', propsFields);
    const { module, exportName = 'default', workers = 'auto', timeoutMs } = props;
    const { loader, simulationVersion: version } = props;
    this.#data = {
      simulation: {
        module: resolve(module),
        exportName,
        loader: loader === undefined ? undefined : resolve(loader),
      },
      fingerprint: version === undefined ? undefined : Fingerprint.parse(version),
      timeoutMs: timeoutMs === undefined ? undefined : Milliseconds.parse(timeoutMs, 'timeout', 1),
    };
    this.#places = Array.from({ length: parseWorkers(workers) }, (_, index) => this.#start(index));
    this.generate = (context) => this.#call(context);
    // A run records its generator by name.
    Object.defineProperty(this.generate, 'name', { value: basename(module) });
  }

  /** Ends the threads, and with them what they are at. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const closed = new StepFailedError('the worker threads', 'Error', 'they were closed');
    for (const call of this.#waiting.splice(0)) call.reject(closed);
    for (const { ranges } of this.#places) {
      for (const { calls, ignore } of ranges.values()) {
        ignore();
        for (const call of calls) if (!call.isSettled) call.reject(closed);
      }
      ranges.clear();
    }
    await Promise.all(this.#places.map(({ thread }) => thread.close()));
  }

  /** @param index the thread's place, which its successor takes */
  #start(index: number): Place {
    const ranges: Place['ranges'] = new Map();
    const thread = new ThreadHandle(this.#data, {
      onReport: (report) => this.#reported(place, report),
      onEnd: (end) => {
        this.#places[index] = this.#start(index);
        this.#ended(place, end);
        this.#schedule();
      },
    });
    const place = { thread, ranges };
    return place;
  }

  #call(context: IterationContext): Promise<Drawn<string>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ context, resolve, reject, alone: false, isSettled: false });
      this.#schedule();
    });
  }

  /** Those who ask in the same turn are to travel together. */
  #schedule(): void {
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      while (this.#giveNext());
    });
  }

  /** False when nobody waits, or no thread is free. */
  #giveNext(): boolean {
    const [first] = this.#waiting;
    if (first === undefined) return false;
    const { signal } = first.context;
    if (signal.aborted) {
      this.#waiting.shift();
      first.reject(signal.reason);
      return true;
    }
    const place = this.#freePlace(first.alone);
    if (place === undefined) return false;
    const share = Math.ceil(this.#waiting.length / this.#places.length);
    const most = Math.min(mostGiven, share);
    let count = 1;
    while (count < most && follows(this.#waiting[count - 1], this.#waiting[count])) count += 1;
    this.#give(place, this.#waiting.splice(0, count));
    return true;
  }

  /** The free thread that is at the fewest iterations. */
  #freePlace(isForOneAlone: boolean): Place | undefined {
    let best: Place | undefined;
    let fewest = Infinity;
    for (const place of this.#places) {
      if (!place.thread.isFree) continue;
      let open = 0;
      for (const range of place.ranges.values()) {
        open += range.calls[0]?.alone === true ? Infinity : range.open;
      }
      if (open < fewest) [best, fewest] = [place, open];
    }
    return isForOneAlone && fewest > 0 ? undefined : best;
  }

  #give({ thread, ranges }: Place, calls: Call[]): void {
    const [{ context }] = calls as [Call];
    this.#given += 1;
    const range: Range = { calls, open: calls.length, ignore: () => undefined };
    ranges.set(this.#given, range);
    this.#heed(thread, range);
    thread.startWork();
    thread.give({
      range: this.#given,
      identity: RunIdentity.pick(context),
      first: context.iterationId,
      count: calls.length,
    });
  }

  /** A run that is stopped aborts all of its iterations: one that is open still hears of it. */
  #heed(thread: ThreadHandle, range: Range): void {
    const signal = range.calls.find((call) => !call.isSettled)?.context.signal;
    const abort = (): void => thread.end('unwanted');
    signal?.addEventListener('abort', abort, { once: true });
    range.ignore = () => signal?.removeEventListener('abort', abort);
  }

  #reported({ thread, ranges }: Place, report: RangeReport): void {
    const range = ranges.get(report.range);
    if (range === undefined) return;
    const { calls } = range;
    const { begun, measures, positions, values, failures } = report;
    const settle = (position: number): Call => {
      const call = calls[position]!;
      call.isSettled = true;
      range.open -= 1;
      return call;
    };
    positions.forEach((position, index) => {
      const drawn = measures === undefined ? values[index]! : measuredAt(values, index, measures);
      settle(position).resolve(drawn);
    });
    for (const { position, thrown } of failures) settle(position).reject(this.#restored(thrown));
    if (begun !== undefined && begun < calls.length) {
      const left = calls.slice(begun);
      range.calls = calls.slice(0, begun);
      range.open -= left.length;
      this.#waiting.unshift(...left);
    }
    range.ignore();
    if (range.open > 0) this.#heed(thread, range);
    else ranges.delete(report.range);
    if (ranges.size === 0) thread.stopWork();
    this.#schedule();
  }

  /** Takes care of what a thread was at that has ended. */
  #ended({ thread, ranges }: Place, end: ThreadEnd): void {
    const again: Call[] = [];
    const last = [...ranges.values()].at(-1);
    for (const range of ranges.values()) {
      range.ignore();
      range.calls.forEach((call, position) => {
        if (call.isSettled) return;
        const { signal } = call.context;
        const mayHaveBrokenIt =
          end.reason !== 'unwanted' && (range !== last || position < thread.unbegunFrom);
        if (signal.aborted) call.reject(signal.reason);
        // At whose fault is known only of an iteration that had the thread for itself.
        else if (mayHaveBrokenIt && call.alone) call.reject(this.#breakdown(end));
        else {
          if (mayHaveBrokenIt) call.alone = true;
          again.push(call);
        }
      });
    }
    this.#waiting.unshift(...again);
  }

  #breakdown(end: ThreadEnd): Error {
    const { timeoutMs } = this.#data;
    if (end.reason !== 'broken') return new IterationTimeoutError(timeoutMs ?? NaN);
    const { error } = end;
    return new StepFailedError('the worker thread', nameOf(error), messageOf(error), {
      cause: error,
    });
  }

  #restored({ name, message, stack, cause }: CarriedError): Error {
    const { timeoutMs } = this.#data;
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
