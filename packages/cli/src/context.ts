import { isStepComputeError, messageOf, nameOf } from '@stepcompute/core';
import { exitCodeOf, ReaderGoneError, ReportedError } from './errors.js';
import type { ExitCode } from './exit-codes.js';
import type { Interruption } from './interruption.js';
import type { Terminal } from './terminal.js';

/** The surroundings of a command. */
export interface Context {
  readonly terminal: Terminal;
  readonly interruption: Interruption;
  /** Since the command began, in whole milliseconds. */
  readonly elapsedMs: () => number;
}

/** Says how a command failed: a line on standard error and, with `--json`, a JSON object. */
export function reportFailure(thrown: unknown, { terminal, elapsedMs }: Context): ExitCode {
  const {
    cause: error,
    report,
    notes,
  } = thrown instanceof ReportedError ? thrown : new ReportedError(thrown, {});
  if (!(error instanceof ReaderGoneError)) terminal.fail(error);
  for (const note of notes) terminal.note(note);
  if (terminal.wantsJson) {
    terminal.print(
      JSON.stringify({ elapsedMs: elapsedMs(), ...report, error: toJson(error, terminal) }),
    );
  }
  return exitCodeOf(error);
}

function toJson(error: unknown, { masked }: Pick<Terminal, 'masked'>): object {
  return {
    name: nameOf(error),
    code: isStepComputeError(error) ? error.code : 'UNEXPECTED',
    message: masked(messageOf(error)),
  };
}
