import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isStepComputeError, messageOf } from '@stepcompute/core';
import { withoutSecrets } from '@stepcompute/core/adapters';
import { OutputError, ReaderGoneError } from './errors.js';
import { anew, paint, screenOf, type Screen } from './screen.js';
import { onOneLine } from './table.js';

/** Where a command's words go: results to standard output, everything else to standard error. */
export interface Terminal {
  /** Of standard output. */
  readonly screen: Screen;
  /** Of standard error. */
  readonly errorScreen: Screen;
  /** Neither notes nor progress. */
  readonly isQuiet: boolean;
  /** Results are to be JSON. */
  readonly wantsJson: boolean;
  readonly print: (text: string) => void;
  /**
   * Prints text, or bytes, as fast as they are read.
   * @throws OutputError when it can't be written; ReaderGoneError when nobody reads it any more
   */
  readonly stream: (text: AsyncIterable<string | Uint8Array>) => Promise<void>;
  /**
   * Waits until all that was printed is written.
   * @throws OutputError when some of it can't be, as on a full disk; ReaderGoneError
   */
  readonly flush: () => Promise<void>;
  /** Draws a line in place of the one before, on a live terminal; an empty one takes that away. */
  readonly draw: (line: string) => void;
  readonly note: (text: string) => void;
  /** For what is doubtful about a result: also where notes are not wanted. */
  readonly warn: (text: string) => void;
  /** One line for an expected error; the stack as well when verbose, and for a bug. */
  readonly fail: (error: unknown) => void;
  /** The text without the secrets that the user has typed: system and driver repeat what they were given. */
  readonly masked: (text: string) => string;
}

/** @param words the command line's */
export function openTerminal(
  words: readonly string[],
  { verbose, quiet, json }: Record<'verbose' | 'quiet' | 'json', boolean>,
): Terminal {
  const secrets = words
    .flatMap((word) => [word, word.slice(word.indexOf('=') + 1)])
    .map((typed) => ({ typed, masked: withoutSecrets(typed) }))
    .filter(({ typed, masked }) => typed !== masked);
  const mask = (text: string): string =>
    secrets.reduce((left, { typed, masked }) => left.replaceAll(typed, () => masked), text);
  const screen = screenOf(process.stdout);
  const errorScreen = screenOf(process.stderr);
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
  let isDrawn = false;
  const draw = (line: string): void => {
    if (!errorScreen.isLive || (line === '' && !isDrawn)) return;
    process.stderr.write(anew + line);
    isDrawn = line !== '';
  };
  const writeError = (text: string): void => {
    draw('');
    process.stderr.write(`${mask(text)}\n`);
  };
  const writeNote = (text: string): void => {
    // In place of JSON that could not be written, too.
    if (!json || errorScreen.isTerminal || verbose || lost !== undefined) writeError(text);
  };
  return {
    screen,
    errorScreen,
    isQuiet: quiet,
    wantsJson: json,
    print: (text) => void write(`${text}\n`),
    stream: async (text) => {
      const { read, ended } = followed(text);
      try {
        await pipeline(Readable.from(read()), process.stdout, { end: false });
      } catch (error) {
        // Its source goes on with the piece that it is at: until then it needs its database.
        await ended();
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
    draw,
    note: (text) => {
      if (!quiet) writeNote(onOneLine(text));
    },
    warn: (text) => writeNote(`${paint(errorScreen, 'unsettled', 'Warning:')} ${onOneLine(text)}`),
    fail: (error) => {
      const stack = error instanceof Error ? describeChain(error) : messageOf(error);
      const showStack = verbose || !isStepComputeError(error);
      const message = onOneLine(messageOf(error));
      const name = paint(errorScreen, 'bad', 'stepcompute:');
      writeError(`${name} ${showStack ? stack : message}`);
    },
    masked: mask,
  };
}

/** An iterable to be read in place of another, and a promise of when that other is left, if it was begun. */
function followed<T>(pieces: AsyncIterable<T>): {
  readonly read: () => AsyncGenerator<T, void>;
  readonly ended: () => Promise<void>;
} {
  let ended = Promise.resolve();
  async function* read(): AsyncGenerator<T, void> {
    let leave = (): void => undefined;
    ended = new Promise((done) => {
      leave = done;
    });
    try {
      yield* pieces;
    } finally {
      leave();
    }
  }
  return { read, ended: () => ended };
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
