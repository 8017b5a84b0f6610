import { readvSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { FromCommand } from './command-thread.js';
import { ExitCode } from './exit-codes.js';
import { anew, screenOf } from './screen.js';

/** The signals that ask a process to end. */
type EndingSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** From here on people are told that the command is still stopping, in milliseconds. */
const silentStopMs = 1000;

/**
 * The longest that a command may take to stop, in milliseconds: nobody gives a second signal where the
 * terminal is closed. Kubernetes kills after 30 s.
 */
const longestStopMs = 20_000;

/** The process that a supervisor is in, as far as it acts on it. */
export interface SupervisedProcess {
  /** Asks the command to stop. */
  readonly stop: () => void;
  /** Writes a line to standard error. */
  readonly say: (line: string) => void;
  readonly exit: (code: number) => void;
  /** Ends as by the signal, for whom the exit code alone does not tell: a shell's script ends too. */
  readonly endBy: (signal: EndingSignal | 'SIGPIPE') => void;
}

/**
 * Ends the process of a command, whatever that is at. Running → stopping (a first signal) → ended: by the
 * command; by a second signal, or when the stop takes too long, without it.
 */
export class Supervisor {
  #lastWords: readonly string[] = [];
  #signal: EndingSignal | undefined;
  #isEnded = false;

  constructor(
    private readonly process: SupervisedProcess,
    private readonly sleepMs: (ms: number) => Promise<void> = sleep,
  ) {}

  signalled(signal: EndingSignal): void {
    if (this.#signal !== undefined) {
      this.#endAtOnce(signal);
      return;
    }
    this.#signal = signal;
    this.process.stop();
    void this.#watchStop(signal);
  }

  told(message: FromCommand): void {
    if ('lastWords' in message) this.#lastWords = message.lastWords;
    else this.#end(message.exitCode);
  }

  /** The command's thread has come to an end that it had not told. */
  broke(reason: string, exitCode: ExitCode): void {
    if (this.#isEnded) return;
    this.#say(reason);
    this.#end(exitCode);
  }

  async #watchStop(signal: EndingSignal): Promise<void> {
    await this.sleepMs(silentStopMs);
    if (this.#isEnded) return;
    this.process.say('Still stopping; a second Ctrl-C ends at once');
    await this.sleepMs(longestStopMs - silentStopMs);
    this.#endAtOnce(signal);
  }

  #endAtOnce(signal: EndingSignal): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#say(`ended at once, by ${signal}`);
    this.process.endBy(signal);
  }

  #say(reason: string): void {
    this.process.say(`stepcompute: ${reason}`);
    for (const line of this.#lastWords) this.process.say(line);
  }

  #end(exitCode: ExitCode): void {
    this.#isEnded = true;
    if (exitCode === ExitCode.interrupted && this.#signal !== undefined) {
      this.process.endBy(this.#signal);
    } else if (exitCode === ExitCode.noReader) this.process.endBy('SIGPIPE');
    else this.process.exit(exitCode);
  }
}

/**
 * Runs the command line to its end, and the process with it: in a thread of its own, so that this one is
 * free to end it. JavaScript hears of no signal while it computes.
 * @param argv as `process.argv` has it
 */
export function main(argv: readonly string[]): void {
  const command = new Worker(new URL('./command-thread.js', import.meta.url), {
    argv: argv.slice(2),
    env: SHARE_ENV,
    // Its streams are its own: see standard-streams.ts.
    stdout: true,
    stderr: true,
  });
  const supervisor = new Supervisor({
    stop: () => command.postMessage('stop'),
    say,
    exit: (code) => process.exit(code),
    endBy,
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => supervisor.signalled(signal));
  }
  process.on('SIGHUP', isUnderNohup() ? () => undefined : () => supervisor.signalled('SIGHUP'));
  command.on('message', (message: FromCommand) => supervisor.told(message));
  command.on('error', (error: NodeJS.ErrnoException) => {
    const isFull = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
    const reason = isFull
      ? 'the memory for JavaScript is used up (NODE_OPTIONS=--max-old-space-size=MEGABYTES gives more)'
      : (error.stack ?? error.message);
    supervisor.broke(reason, isFull ? ExitCode.runFailed : ExitCode.unexpected);
  });
  command.on('exit', (code) => {
    const reason = `the simulation ended the command, with process.exit(${code})`;
    supervisor.broke(reason, ExitCode.runFailed);
  });
}

/** Past every stream, since the process may end right after it. Where nobody can read it, it is lost. */
function say(line: string): void {
  // In place of a progress line.
  const restored = screenOf(process.stderr).isLive ? anew : '';
  try {
    writeSync(2, `${restored}${line}\n`);
  } catch {
    // There is nobody to tell.
  }
}

function endBy(signal: EndingSignal | 'SIGPIPE'): void {
  if (process.platform !== 'win32') {
    // With the last listener goes the handler; SIGPIPE has none, and is ignored until one has gone.
    process.on(signal, () => undefined).removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
  // The first process of a container outlives its own signals.
  process.exit(128 + constants.signals[signal]);
}

/**
 * True under nohup(1), as far as can be told: Node undoes an ignored SIGHUP before it runs any code
 * (`ResetSignalHandlers` in its src/node.cc). Left are the name that a shell has put in `_`, and a
 * standard input that nobody can read, which takes the place of a terminal.
 */
function isUnderNohup(): boolean {
  if (process.env._?.endsWith('/nohup') === true) return true;
  try {
    // Reading from a terminal, even of nothing, stops a process in the background.
    if (isatty(0)) return false;
    readvSync(0, [Buffer.alloc(0)]);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EBADF';
  }
}
