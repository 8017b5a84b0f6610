import { messageOf } from '../errors/thrown.js';
import type { Ledger } from '../run/ledger.js';
import type { IterationId, RunId } from '../run/numbers.js';
import type { AssignedBlock } from '../run/plan.js';
import type { Run, RunStatus } from '../run/run.js';

/** An event of a run, as an {@link Observer} sees it. Durations are in milliseconds of the run's clock. */
export type RunEvent =
  | RunRequested
  | RunBegun
  | BlockBegun
  | AttemptEnded
  | RetryScheduled
  | FailureNoted
  | BatchWritten
  | BlockEnded
  | RunEnded;

/** Takes an observer's trace context to where a run's work is done. */
export interface TraceCarrier {
  /** As W3C Trace Context writes it (https://www.w3.org/TR/trace-context/#traceparent-header); an observer may set it. */
  traceparent?: string | undefined;
}

/** True of a trace context as version 00 of W3C Trace Context writes it. */
export function isTraceparent(value: unknown): value is string {
  return typeof value === 'string' && /^00-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/.test(value);
}

/**
 * A run is asked for that is done elsewhere, and has no id yet. One that is refused there is told of no more.
 */
export interface RunRequested {
  readonly type: 'request';
  readonly carrier: TraceCarrier;
}

/** A run is begun, or taken up again. */
export interface RunBegun {
  readonly type: 'run';
  readonly run: Run;
  /** How many iterations are to be done. Left out where that is found out elsewhere. */
  readonly missing?: number | undefined;
  /** That of its request; left out where there was none. */
  readonly carrier?: TraceCarrier | undefined;
  /** The trace context of another's request, whose work this one found begun and joins. */
  readonly joined?: string | undefined;
}

/** Work on a block of a run is begun, where it travels in blocks. */
export interface BlockBegun extends InBlock {
  readonly type: 'block';
  readonly block: AssignedBlock;
  /** How many of its iterations are to be done. */
  readonly missing: number;
}

interface InBlock {
  readonly runId: RunId;
  /** The block that it is in, one object for all of the block's events; left out where work does not travel in blocks. */
  readonly block?: AssignedBlock | undefined;
}

/** One call of the generator has ended. */
export interface AttemptEnded extends InBlock {
  readonly type: 'attempt';
  readonly iterationId: IterationId;
  /** From 1 on. */
  readonly attempt: number;
  readonly durationMs: number;
  /** The error that it threw; left out when it has a value. */
  readonly error?: unknown;
}

/** An attempt that failed is to be followed by another. */
export interface RetryScheduled extends InBlock {
  readonly type: 'retry';
  readonly iterationId: IterationId;
  /** The one that failed. */
  readonly attempt: number;
  readonly backoffMs: number;
  readonly error: unknown;
}

/** An iteration has failed, after all of its attempts. */
export interface FailureNoted extends InBlock {
  readonly type: 'failure';
  readonly iterationId: IterationId;
  readonly attempts: number;
  readonly error: unknown;
}

/** A store has written values, or failures, or could not. */
export interface BatchWritten extends InBlock {
  readonly type: 'batch';
  readonly of: 'values' | 'failures';
  readonly count: number;
  readonly durationMs: number;
  /** Left out when the batch is durable. */
  readonly error?: unknown;
}

/** Work on a block has ended. */
export interface BlockEnded extends InBlock {
  readonly type: 'block-end';
  readonly block: AssignedBlock;
  readonly durationMs: number;
  /** Left out when each of its iterations has a value, or a failure that the run tolerates. */
  readonly error?: unknown;
}

/** The work on a run has ended. */
export interface RunEnded {
  readonly type: 'end';
  readonly runId: RunId;
  readonly status: Exclude<RunStatus, 'started'>;
  readonly durationMs: number;
  /** Left out where the run has no average. */
  readonly ledger?: Ledger | undefined;
  /** Left out where the run is completed. */
  readonly error?: unknown;
}

/**
 * Sees a run while it goes on: to log it, measure it or trace it. It is called in turn with the work, so
 * it should be quick; what it throws, or rejects with, harms nothing, and is told once, as a warning. An
 * attempt that is abandoned since the run was stopped is not told of. From worker threads the duration of
 * an attempt has the wait for a free one in it.
 * @example
 * const observer: Observer = (event) => {
 *   if (event.type === 'retry') logger.warn(event, 'an attempt failed, and is tried again');
 * };
 */
export type Observer = (event: RunEvent) => void;

const guards = new WeakMap<Observer, Observer>();

/** The same, but that it never throws; one and the same for an observer. Undefined where nobody observes. */
export function guarded(observer: Observer | undefined): Observer | undefined {
  if (observer === undefined) return undefined;
  const guard = guards.get(observer) ?? guardOf(observer);
  guards.set(observer, guard);
  return guard;
}

function guardOf(observer: Observer): Observer {
  let hasWarned = false;
  const warnOnce = (thrown: unknown): void => {
    if (!hasWarned) warn(`an observer of runs has thrown: ${messageOf(thrown)}`);
    hasWarned = true;
  };
  // One that is asynchronous compiles as well.
  const observe: (event: RunEvent) => unknown = observer;
  return (event) => {
    try {
      const answer = observe(event);
      if (answer instanceof Promise) answer.catch(warnOnce);
    } catch (thrown) {
      warnOnce(thrown);
    }
  };
}

/** Where the platform has a console. */
function warn(message: string): void {
  const { console } = globalThis as unknown as {
    readonly console?: { readonly warn: (message: string) => void };
  };
  console?.warn(message);
}
