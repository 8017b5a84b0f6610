import { isStepComputeError } from '@stepcompute/core';

/** The process's exit code. */
export const ExitCode = {
  done: 0,
  unexpected: 1,
  invalidInput: 2,
  runFailed: 3,
  runNotFound: 4,
  database: 5,
  mismatch: 6,
  output: 8,
  interrupted: 130,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** The meaning of each exit code, for help and README. */
export const meanings: Readonly<Record<ExitCode, string>> = {
  [ExitCode.done]: 'done',
  [ExitCode.unexpected]: 'an unexpected error: a bug',
  [ExitCode.invalidInput]:
    'an option, argument, parameter or simulation file is not valid, or the simulation is not the one ' +
    'that the run was begun with, or the run to be deleted is started; nothing was done',
  [ExitCode.runFailed]:
    'the run has no average: more iterations failed than it tolerates, another value was stored ' +
    'before, the average overflowed, or the generator never settles or broke outside of its ' +
    'promise; or show --verify found an incomplete run',
  [ExitCode.runNotFound]: 'the run does not exist',
  [ExitCode.database]: 'the database could not be opened, read or written',
  [ExitCode.mismatch]:
    'replay generated another value than the stored one, or the stored values no longer come ' +
    'to the stored average (show --verify)',
  [ExitCode.output]:
    'standard output could not be written, as on a full disk: results are lost, and what the ' +
    'database keeps is not',
  [ExitCode.interrupted]: 'Ctrl-C or SIGTERM; values completed by then are kept',
};

const exitCodes: Readonly<Record<string, ExitCode>> = {
  INVALID_INPUT: ExitCode.invalidInput,
  CONFLICTING_RUN: ExitCode.invalidInput,
  CHANGED_SIMULATION: ExitCode.invalidInput,
  STARTED_RUN: ExitCode.invalidInput,
  DELETED_RUN: ExitCode.invalidInput,
  ITERATION_FAILED: ExitCode.runFailed,
  TOLERANCE_EXCEEDED: ExitCode.runFailed,
  CONFLICTING_VALUE: ExitCode.runFailed,
  INCOMPLETE_RUN: ExitCode.runFailed,
  AVERAGE_OVERFLOW: ExitCode.runFailed,
  STEP_FAILED: ExitCode.runFailed,
  SIMULATION: ExitCode.runFailed,
  NOTHING_TO_VERIFY: ExitCode.runFailed,
  RUN_NOT_FOUND: ExitCode.runNotFound,
  PERSISTENCE: ExitCode.database,
  MISMATCH: ExitCode.mismatch,
  OUTPUT: ExitCode.output,
  CANCELLED: ExitCode.interrupted,
  INTERRUPTED: ExitCode.interrupted,
};

export function exitCodeOf(error: unknown): ExitCode {
  return isStepComputeError(error)
    ? (exitCodes[error.code] ?? ExitCode.unexpected)
    : ExitCode.unexpected;
}
