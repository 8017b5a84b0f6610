import { isStepComputeError, messageOf, nameOf } from '@stepcompute/core';
import { errorClass } from '@stepcompute/core/adapters';
import { exitCodeOf, type ExitCode } from './exit-codes.js';
import type { Context } from './terminal.js';

/** A simulation that went wrong outside of any one iteration's promise, or never settles. */
export class SimulationError extends errorClass('SimulationError', 'SIMULATION') {}

/** Ctrl-C, where there is no run to cancel. */
export class InterruptedError extends errorClass('InterruptedError', 'INTERRUPTED') {}

/** A value, or an average, that is not the stored one when it is computed again. */
export class MismatchError extends errorClass('MismatchError', 'MISMATCH') {}

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

/** Says how a command failed: a line on standard error and, with `--json`, a JSON object. */
export function reportFailure(thrown: unknown, { terminal, elapsedMs }: Context): ExitCode {
  const {
    cause: error,
    report,
    notes,
  } = thrown instanceof ReportedError ? thrown : new ReportedError(thrown, {});
  terminal.fail(error);
  for (const note of notes) terminal.note(note);
  if (terminal.wantsJson) {
    terminal.print(JSON.stringify({ ...report, elapsedMs: elapsedMs(), error: toJson(error) }));
  }
  return exitCodeOf(error);
}

function toJson(error: unknown): object {
  return {
    name: nameOf(error),
    code: isStepComputeError(error) ? error.code : 'UNEXPECTED',
    message: messageOf(error),
  };
}
