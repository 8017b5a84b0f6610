import { createWriteStream } from 'node:fs';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isStepComputeError, messageOf } from '@stepcompute/core';
import { OutputError } from './errors.js';
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
   * Prints as fast as the text is read.
   * @throws OutputError when it can't be written
   */
  readonly stream: (text: AsyncIterable<string>) => Promise<void>;
  /**
   * Waits until all that was printed is written.
   * @throws OutputError when some of it can't be, as on a full disk
   */
  readonly flush: () => Promise<void>;
  /** Draws a line in place of the one before, on a live terminal; an empty one takes that away. */
  readonly draw: (line: string) => void;
  readonly note: (text: string) => void;
  /** For what is doubtful about a result: also where notes are not wanted. */
  readonly warn: (text: string) => void;
  /** One line for an expected error; the stack as well when verbose, and for a bug. */
  readonly fail: (error: unknown) => void;
}

export function openTerminal({
  verbose,
  quiet,
  json,
}: Record<'verbose' | 'quiet' | 'json', boolean>): Terminal {
  const screen = screenOf(process.stdout);
  const errorScreen = screenOf(process.stderr);
  const output = outputStream();
  let lost: unknown;
  const write = (text: string): Promise<void> =>
    new Promise((done) => {
      // A stream that had an error need not answer any more.
      if (lost !== undefined) {
        done();
        return;
      }
      output.write(text, (error) => {
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
    process.stderr.write(`${text}\n`);
  };
  const writeNote = (text: string): void => {
    if (!json || errorScreen.isTerminal || verbose) writeError(text);
  };
  return {
    screen,
    errorScreen,
    isQuiet: quiet,
    wantsJson: json,
    print: (text) => void write(`${text}\n`),
    stream: async (text) => {
      const source = Readable.from(text);
      try {
        await pipeline(source, output, { end: false });
      } catch (error) {
        // The text's own error is the database's.
        if (source.errored === error) throw error;
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
  };
}

/** Node's own stream into a file takes a write that a full disk has cut short for a whole one. */
function outputStream(): NodeJS.WritableStream {
  if (process.stdout instanceof Socket) return process.stdout;
  // Each write hears of its error.
  return createWriteStream('', { fd: 1, autoClose: false }).on('error', () => undefined);
}

function outputError(cause: unknown): OutputError {
  return new OutputError(`standard output can't be written: ${messageOf(cause)}`, { cause });
}

function describeChain(error: Error): string {
  const stack = error.stack ?? error.message;
  return error.cause instanceof Error ? `${stack}\ncaused by ${describeChain(error.cause)}` : stack;
}
