import type { Fingerprint } from '@stepcompute/core';
import type { IterationRange, RunIdentity } from '@stepcompute/core/adapters';
import type { SimulationModule } from './open-module.js';

/** A thread's work: a range of one run's iterations, and the simulation. */
export interface RangeWork extends IterationRange {
  readonly identity: RunIdentity;
  readonly simulation: SimulationModule;
  /** The code that the thread must have; undefined where nothing is known of it. */
  readonly fingerprint: Fingerprint | undefined;
  /** The longest that one iteration may take, in milliseconds. */
  readonly timeoutMs: number | undefined;
  /** In shared memory: how many of the range's iterations have been begun. */
  readonly begun: Int32Array<SharedArrayBuffer>;
}

/** The outcome of a range. */
export interface RangeOutcome {
  /** The measures that the simulation declares; undefined where its values are bare numbers. */
  readonly measures: readonly string[] | undefined;
  /** By position in the range, a number for each measure; NaN where the iteration failed. */
  readonly values: Float64Array;
  readonly failures: readonly RangeFailure[];
  /** How long the thread was at work, not waiting, in milliseconds. */
  readonly busyMs: number;
}

interface RangeFailure {
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
