import type { MessagePort } from 'node:worker_threads';
import type { Fingerprint } from '@stepcompute/core';
import type { IterationRange, RunIdentity } from '@stepcompute/core/adapters';
import type { SimulationModule } from './open-module.js';

/** What a thread knows from its start on. */
export interface ThreadData {
  readonly simulation: SimulationModule;
  /** The code that the thread must have; undefined where nothing is known of it. */
  readonly fingerprint: Fingerprint | undefined;
  /** The longest that one iteration may take, in milliseconds. */
  readonly timeoutMs: number | undefined;
  /** In shared memory: how many iterations the thread has begun. */
  readonly begun: Int32Array<SharedArrayBuffer>;
  /** For ranges and reports. The thread's own port is left to its simulation. */
  readonly port: MessagePort;
}

/** A range of one run's iterations that a thread is given. It begins them in order, and gets no other meanwhile. */
export interface RangeWork extends IterationRange {
  /** Its number in this thread. */
  readonly range: number;
  readonly identity: RunIdentity;
}

/** A thread's word on a range. */
export interface RangeReport {
  readonly range: number;
  /**
   * How many iterations of the range the thread has begun; what is left of it goes back. Undefined in a
   * report that comes after that one.
   */
  readonly begun: number | undefined;
  /** The measures that the simulation declares; undefined where its values are bare numbers. */
  readonly measures: readonly string[] | undefined;
  /** Positions in the range of iterations that have come to a value since the report before. */
  readonly positions: Int32Array;
  /** In that order, a number for each measure. */
  readonly values: Float64Array;
  readonly failures: readonly RangeFailure[];
}

export interface RangeFailure {
  /** The iteration's position in the range. */
  readonly position: number;
  readonly thrown: CarriedError;
}

/** As much of a thrown thing as every thread understands: a class does not cross, its name does. */
export interface CarriedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly cause?: CarriedError | undefined;
}
