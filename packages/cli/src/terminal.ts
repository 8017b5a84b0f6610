import { isStepComputeError, messageOf } from '@stepcompute/core';

/** Where a command's words go: results to standard output, everything else to standard error. */
export interface Terminal {
  /** Whether a person is watching: standard output and standard error are both a terminal. */
  readonly isInteractive: boolean;
  readonly print: (text: string) => void;
  readonly note: (text: string) => void;
  /** One line for an expected error; the stack as well when verbose, and for a bug. */
  readonly fail: (error: unknown) => void;
}

export function openTerminal(options: { verbose?: boolean; json?: boolean }): Terminal {
  const isInteractive = process.stdout.isTTY && process.stderr.isTTY;
  const writeLine = (stream: NodeJS.WriteStream, text: string): void => {
    stream.write(`${text}\n`);
  };
  return {
    isInteractive,
    print: (text) => writeLine(process.stdout, text),
    note: (text) => {
      if (options.json !== true || isInteractive || options.verbose === true) {
        writeLine(process.stderr, text);
      }
    },
    fail: (error) => {
      const stack = error instanceof Error ? describeChain(error) : messageOf(error);
      const showStack = options.verbose === true || !isStepComputeError(error);
      const message = messageOf(error).replaceAll(/\s*\n\s*/g, ' ');
      writeLine(process.stderr, `stepcompute: ${showStack ? stack : message}`);
    },
  };
}

function describeChain(error: Error): string {
  const stack = error.stack ?? error.message;
  return error.cause instanceof Error ? `${stack}\ncaused by ${describeChain(error.cause)}` : stack;
}
