/** Runs in a thread: one command line, to its exit code. */
import { parentPort } from 'node:worker_threads';
import type { ExitCode } from './exit-codes.js';
import { Interruption } from './interruption.js';
import { openStandardStreams } from './standard-streams.js';

/** A command's word to the thread that watches it. */
export type FromCommand =
  | {
      /** To be said if the command is ended at once, in place of those told before. */
      readonly lastWords: readonly string[];
    }
  | { readonly exitCode: ExitCode };

const tell = (message: FromCommand): void => parentPort?.postMessage(message);

async function runCommand(): Promise<void> {
  openStandardStreams();
  const interruption = new Interruption((lastWords) => tell({ lastWords })).listen();
  parentPort?.on('message', () => interruption.interrupt());
  // A command with nothing left to wait for is to be noticed.
  parentPort?.unref();
  // Its modules look at the streams as they load.
  const { execute } = await import('./program.js');
  tell({ exitCode: await execute(process.argv, interruption) });
}

void runCommand();
