import { isStepComputeError, messageOf } from '@stepcompute/core';
import { errorClass } from '@stepcompute/core/adapters';
import { ExitCode } from './exit-codes.js';

/** A command line that is not valid: an InvalidInputError in the parser's own words. */
export class UsageError extends errorClass('InvalidInputError', 'INVALID_INPUT') {}

/**
 * Either runs or an experiment are given.
 * @throws UsageError
 */
export function refuseNotOne(runs: unknown, experiment: unknown): void {
  if ((runs === undefined) === (experiment === undefined)) {
    throw new UsageError('give either a run or --experiment NAME (see --help)');
  }
}

/** A simulation that went wrong outside of any one iteration's promise, or never settles. */
export class SimulationError extends errorClass('SimulationError', 'SIMULATION') {}

/** Results that could not be written to standard output, or to their file. */
export class OutputError extends errorClass('OutputError', 'OUTPUT') {}

/** Nobody reads standard output any more: no fault of anyone's. */
export class ReaderGoneError extends errorClass('ReaderGoneError', 'READER_GONE') {}

/** Ctrl-C, where there is no run to cancel. */
export class InterruptedError extends errorClass('InterruptedError', 'INTERRUPTED') {}

/** A value, or an average, that is not the stored one when it is computed again. */
export class MismatchError extends errorClass('MismatchError', 'MISMATCH') {}

/** No run is a scenario of such an experiment. */
export class ExperimentNotFoundError extends errorClass(
  'ExperimentNotFoundError',
  'EXPERIMENT_NOT_FOUND',
) {
  constructor(readonly experiment: string) {
    super(`there is no experiment ${JSON.stringify(experiment)} in this store`);
  }
}

/** A check of a run's figures that does not hold. */
export class CheckFailedError extends errorClass('CheckFailedError', 'CHECK_FAILED') {}

/** A run without an average that could be verified. */
export class NothingToVerifyError extends errorClass('NothingToVerifyError', 'NOTHING_TO_VERIFY') {}

/** An error with what its command has to add. */
export class ReportedError extends Error {
  /**
   * @param cause the error itself
   * @param report further fields of the JSON object
   * @param notes lines for people, after the error's own
   */
  constructor(
    override readonly cause: unknown,
    readonly report: object,
    readonly notes: readonly string[] = [],
  ) {
    super(messageOf(cause), { cause });
  }
}

const exitCodes: Readonly<Record<string, ExitCode>> = {
  INVALID_INPUT: ExitCode.invalidInput,
  CONFLICTING_RUN: ExitCode.invalidInput,
  CHANGED_SIMULATION: ExitCode.invalidInput,
  CHANGED_DESIGN: ExitCode.invalidInput,
  INCOMPARABLE_RUNS: ExitCode.invalidInput,
  STARTED_RUN: ExitCode.invalidInput,
  DELETED_RUN: ExitCode.invalidInput,
  ITERATION_FAILED: ExitCode.runFailed,
  TOLERANCE_EXCEEDED: ExitCode.runFailed,
  CONFLICTING_VALUE: ExitCode.runFailed,
  INCOMPLETE_RUN: ExitCode.runFailed,
  AVERAGE_OVERFLOW: ExitCode.runFailed,
  STEP_FAILED: ExitCode.runFailed,
  SCENARIOS_FAILED: ExitCode.runFailed,
  SIMULATION: ExitCode.runFailed,
  NOTHING_TO_VERIFY: ExitCode.runFailed,
  RUN_NOT_FOUND: ExitCode.runNotFound,
  EXPERIMENT_NOT_FOUND: ExitCode.runNotFound,
  PERSISTENCE: ExitCode.database,
  MISMATCH: ExitCode.mismatch,
  CHECK_FAILED: ExitCode.checkFailed,
  OUTPUT: ExitCode.output,
  READER_GONE: ExitCode.noReader,
  CANCELLED: ExitCode.interrupted,
  INTERRUPTED: ExitCode.interrupted,
};

export function exitCodeOf(error: unknown): ExitCode {
  return isStepComputeError(error)
    ? (exitCodes[error.code] ?? ExitCode.unexpected)
    : ExitCode.unexpected;
}
