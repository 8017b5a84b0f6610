import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isStepComputeError, messageOf } from '@stepcompute/core';
import { withoutSecrets } from '@stepcompute/core/adapters';
import { OutputError, ReaderGoneError } from './errors.js';

/** Where a command's words go: results to standard output, everything else to standard error. */
export interface Terminal {
  /** A person is watching: standard output and standard error are both a terminal. */
  readonly isInteractive: boolean;
  /** Results are to be JSON. */
  readonly wantsJson: boolean;
  readonly print: (text: string) => void;
  /**
   * Prints as fast as the text is read.
   * @throws OutputError when it can't be written; ReaderGoneError when nobody reads it any more
   */
  readonly stream: (text: AsyncIterable<string>) => Promise<void>;
  /**
   * Waits until all that was printed is written.
   * @throws OutputError when some of it can't be, as on a full disk; ReaderGoneError
   */
  readonly flush: () => Promise<void>;
  readonly note: (text: string) => void;
  /** One line for an expected error; the stack as well when verbose, and for a bug. */
  readonly fail: (error: unknown) => void;
  /** The text without the secrets that the user has typed: system and driver repeat what they were given. */
  readonly masked: (text: string) => string;
}

/** @param words the command line's */
export function openTerminal(
  words: readonly string[],
  { verbose, json }: { verbose: boolean; json: boolean },
): Terminal {
  const secrets = words
    .flatMap((word) => [word, word.slice(word.indexOf('=') + 1)])
    .map((typed) => ({ typed, masked: withoutSecrets(typed) }))
    .filter(({ typed, masked }) => typed !== masked);
  const mask = (text: string): string =>
    secrets.reduce((left, { typed, masked }) => left.replaceAll(typed, () => masked), text);
  const isInteractive = process.stdout.isTTY && process.stderr.isTTY;
  let lost: unknown;
  const write = (text: string): Promise<void> =>
    new Promise((done) => {
      // A stream that had an error need not answer any more.
      if (lost !== undefined) {
        done();
        return;
      }
      process.stdout.write(text, (error) => {
        lost ??= error ?? undefined;
        done();
      });
    });
  const writeError = (text: string): void => void process.stderr.write(`${mask(text)}\n`);
  return {
    isInteractive,
    wantsJson: json,
    print: (text) => void write(`${text}\n`),
    stream: async (text) => {
      try {
        await pipeline(Readable.from(text), process.stdout, { end: false });
      } catch (error) {
        // The text's own error is the database's.
        if (process.stdout.errored !== error) throw error;
        lost ??= error;
        throw outputError(error);
      }
    },
    flush: async () => {
      await write('');
      if (lost !== undefined) throw outputError(lost);
    },
    note: (text) => {
      // In place of a bar that may be on the line.
      if (isInteractive) process.stderr.write('\r\x1B[K');
      // In place of JSON that could not be written.
      if (!json || isInteractive || verbose || lost !== undefined) writeError(text);
    },
    fail: (error) => {
      const stack = error instanceof Error ? describeChain(error) : messageOf(error);
      const showStack = verbose || !isStepComputeError(error);
      const message = messageOf(error).replaceAll(/\s*\n\s*/g, ' ');
      writeError(`stepcompute: ${showStack ? stack : message}`);
    },
    masked: mask,
  };
}

function outputError(cause: unknown): OutputError | ReaderGoneError {
  const message = `standard output can't be written: ${messageOf(cause)}`;
  const isGone = (cause as NodeJS.ErrnoException).code === 'EPIPE';
  return isGone ? new ReaderGoneError(message, { cause }) : new OutputError(message, { cause });
}

function describeChain(error: Error): string {
  const stack = error.stack ?? error.message;
  return error.cause instanceof Error ? `${stack}\ncaused by ${describeChain(error.cause)}` : stack;
}
