import { isStepComputeError, messageOf, StepComputeError, nameOf } from '@stepcompute/core';

/** What the process's exit code says. */
export const ExitCode = {
  done: 0,
  /** Something unforeseen: a bug. */
  unexpected: 1,
  /** An option, argument or file is not what it should be; nothing was done. */
  invalidInput: 2,
  /**
   * More iterations failed than are tolerated, another value was there already, the values could not be averaged, or the
   * simulation never settles or broke outside of its promise.
   */
  runFailed: 3,
  runNotFound: 4,
  /** The database could not be opened, read or written. */
  database: 5,
  /** A replayed value differs from the stored one. */
  mismatch: 6,
  /** Ctrl-C, or SIGTERM. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const exitCodes: Readonly<Record<string, ExitCode>> = {
  INVALID_INPUT: ExitCode.invalidInput,
  CONFLICTING_RUN: ExitCode.invalidInput,
  ITERATION_FAILED: ExitCode.runFailed,
  TOLERANCE_EXCEEDED: ExitCode.runFailed,
  CONFLICTING_VALUE: ExitCode.runFailed,
  INCOMPLETE_RUN: ExitCode.runFailed,
  AVERAGE_OVERFLOW: ExitCode.runFailed,
  STEP_FAILED: ExitCode.runFailed,
  SIMULATION: ExitCode.runFailed,
  RUN_NOT_FOUND: ExitCode.runNotFound,
  PERSISTENCE: ExitCode.database,
  CANCELLED: ExitCode.interrupted,
  INTERRUPTED: ExitCode.interrupted,
};

export function exitCodeOf(error: unknown): ExitCode {
  return isStepComputeError(error)
    ? (exitCodes[error.code] ?? ExitCode.unexpected)
    : ExitCode.unexpected;
}

/** An error as JSON has it. */
export function describeError(error: unknown): object {
  return {
    name: nameOf(error),
    code: isStepComputeError(error) ? error.code : 'UNEXPECTED',
    message: messageOf(error),
  };
}

/** A simulation that went wrong outside of any one iteration's promise, or never settles. */
export class SimulationError extends StepComputeError {
  declare readonly name: 'SimulationError';
  override readonly code = 'SIMULATION';
  static {
    Object.defineProperty(this.prototype, 'name', { value: 'SimulationError' });
  }
}

/** Ctrl-C, where there is no run to cancel. */
export class InterruptedError extends StepComputeError {
  declare readonly name: 'InterruptedError';
  override readonly code = 'INTERRUPTED';
  static {
    Object.defineProperty(this.prototype, 'name', { value: 'InterruptedError' });
  }
}

export const exitCodeHelp = `
Exit codes:
  0    done
  1    unexpected error (a bug)
  2    invalid option, argument or generator file; nothing was done
  3    the run failed: more iterations failed than are tolerated, another value was stored
       before, the values could not be averaged, or the simulation never settles or broke
       outside its promise
  4    no such run
  5    the database could not be opened, read or written
  6    replay found another value than the stored one
  130  interrupted by Ctrl-C or SIGTERM; what was completed is stored`;
