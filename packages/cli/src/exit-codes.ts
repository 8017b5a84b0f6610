import { isStepComputeError, StepComputeError } from '@stepcompute/core';

/** What the process's exit code says. */
export const ExitCode = {
  done: 0,
  /** Something unforeseen: a bug. */
  unexpected: 1,
  /** An option, argument or file is not what it should be; nothing was done. */
  invalidInput: 2,
  /** An iteration failed, or the values could not be averaged. */
  runFailed: 3,
  runNotFound: 4,
  /** The database could not be opened, read or written. */
  database: 5,
  /** A replayed value differs from the stored one. */
  mismatch: 6,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const exitCodes: Readonly<Record<string, ExitCode>> = {
  INVALID_INPUT: ExitCode.invalidInput,
  CONFLICTING_RUN: ExitCode.invalidInput,
  ITERATION_FAILED: ExitCode.runFailed,
  CONFLICTING_VALUE: ExitCode.runFailed,
  INCOMPLETE_RUN: ExitCode.runFailed,
  AVERAGE_OVERFLOW: ExitCode.runFailed,
  UNSETTLED: ExitCode.runFailed,
  RUN_NOT_FOUND: ExitCode.runNotFound,
  PERSISTENCE: ExitCode.database,
  CANCELLED: ExitCode.interrupted,
};

export function exitCodeOf(error: unknown): ExitCode {
  return isStepComputeError(error)
    ? (exitCodes[error.code] ?? ExitCode.unexpected)
    : ExitCode.unexpected;
}

/** A simulation that went wrong outside of any one iteration's promise. */
export class SimulationError extends StepComputeError {
  declare readonly name: 'SimulationError';
  readonly code = 'UNSETTLED';
  static {
    Object.defineProperty(this.prototype, 'name', { value: 'SimulationError' });
  }
}

export const exitCodeHelp = `
Exit codes:
  0    done
  1    unexpected error (a bug)
  2    invalid option, argument or generator file; nothing was done
  3    the run failed: an iteration failed, or its values could not be averaged
  4    no such run
  5    the database could not be opened, read or written
  6    replay found another value than the stored one
  130  interrupted; what was completed is stored`;
