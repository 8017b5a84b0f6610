/** The process's exit code. One above 128 stands for the signal that ends it, as shells count them. */
export const ExitCode = {
  done: 0,
  unexpected: 1,
  invalidInput: 2,
  runFailed: 3,
  runNotFound: 4,
  database: 5,
  mismatch: 6,
  checkFailed: 7,
  output: 8,
  hungUp: 129,
  interrupted: 130,
  noReader: 141,
  terminated: 143,
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
  [ExitCode.runNotFound]: 'the run, or the experiment, does not exist',
  [ExitCode.database]: 'the database could not be opened, read or written',
  [ExitCode.mismatch]:
    'replay generated another value than the stored one, or the stored values no longer come ' +
    'to the stored average (show --verify)',
  [ExitCode.checkFailed]:
    'a check (--check) does not hold; the run itself is completed, and its values are kept',
  [ExitCode.output]:
    'standard output, or the file of --out, could not be written, as on a full disk: results are lost, ' +
    'and what the database keeps is not',
  [ExitCode.hungUp]: 'SIGHUP, as when the terminal is closed; values completed by then are kept',
  [ExitCode.interrupted]: 'SIGINT, as by Ctrl-C; values completed by then are kept',
  [ExitCode.noReader]:
    'SIGPIPE: the reader of standard output had gone, as head does when it has seen enough; what the ' +
    'database keeps is not lost',
  [ExitCode.terminated]: 'SIGTERM; values completed by then are kept',
};
