import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isStepComputeError, messageOf } from '@stepcompute/core';

/** Where a command's words go: results to standard output, everything else to standard error. */
export interface Terminal {
  /** A person is watching: standard output and standard error are both a terminal. */
  readonly isInteractive: boolean;
  /** Results are to be JSON. */
  readonly wantsJson: boolean;
  readonly print: (text: string) => void;
  /** Prints as fast as the text is read. */
  readonly stream: (text: AsyncIterable<string>) => Promise<void>;
  readonly note: (text: string) => void;
  /** One line for an expected error; the stack as well when verbose, and for a bug. */
  readonly fail: (error: unknown) => void;
}

export function openTerminal({ verbose, json }: { verbose: boolean; json: boolean }): Terminal {
  const isInteractive = process.stdout.isTTY && process.stderr.isTTY;
  const writeLine = (stream: NodeJS.WriteStream, text: string): void => {
    stream.write(`${text}\n`);
  };
  return {
    isInteractive,
    wantsJson: json,
    print: (text) => writeLine(process.stdout, text),
    stream: (text) => pipeline(Readable.from(text), process.stdout, { end: false }),
    note: (text) => {
      // In place of a bar that may be on the line.
      if (isInteractive) process.stderr.write('\r\x1B[K');
      if (!json || isInteractive || verbose) writeLine(process.stderr, text);
    },
    fail: (error) => {
      const stack = error instanceof Error ? describeChain(error) : messageOf(error);
      const showStack = verbose || !isStepComputeError(error);
      const message = messageOf(error).replaceAll(/\s*\n\s*/g, ' ');
      writeLine(process.stderr, `stepcompute: ${showStack ? stack : message}`);
    },
  };
}

function describeChain(error: Error): string {
  const stack = error.stack ?? error.message;
  return error.cause instanceof Error ? `${stack}\ncaused by ${describeChain(error.cause)}` : stack;
}
