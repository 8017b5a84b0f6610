import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, cpSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { sharedFolder } from '../../../testing/shared-folder.js';

const launcher = resolve(__dirname, '../bin/stepcompute.js');

export interface Outcome {
  /** As a shell has it: 128 and the signal's number, for a command that a signal has ended. */
  readonly code: number;
  /** The signal that has ended it. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a test meddles with the command. */
export interface Meddling {
  readonly onStart?: (child: ChildProcess) => void;
  /** Gets all that the command has written to standard error so far. */
  readonly onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
  /** The most that JavaScript's own heap may take. */
  readonly heapMegabytes?: number;
  /** The most that any one file may hold. */
  readonly fileLimitKilobytes?: number;
  /** The file that standard output goes to. */
  readonly stdoutTo?: string;
  /** A file that is open in place of standard input, to write to alone: nohup(1) puts one there. */
  readonly unreadableInput?: string;
  /** A shell's redirections, such as `>&-`. */
  readonly redirections?: string;
  /** A program that starts the command: its words, before the command's own. */
  readonly startedBy?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs the built command as its user would, in `folder`. */
export function stepcompute(
  folder: string,
  args: readonly string[],
  meddling: Meddling = {},
): Promise<Outcome> {
  const { onStart, onStderr, heapMegabytes, fileLimitKilobytes, environment } = meddling;
  const { stdoutTo, unreadableInput, redirections, startedBy = [] } = meddling;
  return new Promise((done, fail) => {
    const limit = heapMegabytes === undefined ? [] : [`--max-old-space-size=${heapMegabytes}`];
    const command = [...startedBy, process.execPath, ...limit, launcher, ...args];
    const shell = [
      ...(fileLimitKilobytes === undefined ? [] : [`ulimit -f ${fileLimitKilobytes}`]),
      `exec "$0" "$@" ${redirections ?? ''}`,
    ].join('; ');
    const isInShell = fileLimitKilobytes !== undefined || redirections !== undefined;
    const [program = '', ...rest] = isInShell ? ['bash', '-c', shell, ...command] : command;
    const output = stdoutTo === undefined ? undefined : openSync(stdoutTo, 'w');
    const input = unreadableInput === undefined ? undefined : openSync(unreadableInput, 'w');
    const child = spawn(program, rest, {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: '', STEPCOMPUTE_DB: '.stepcompute', ...environment },
      stdio: [input ?? 'ignore', output ?? 'pipe', 'pipe'],
    });
    for (const file of [input, output]) if (file !== undefined) closeSync(file);
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      onStderr?.(stderr, (signal) => child.kill(signal));
    });
    onStart?.(child);
    child.once('error', fail);
    child.once('close', (code, signal) =>
      done({ code: code ?? 128 + constants.signals[signal!], signal, stdout, stderr }),
    );
  });
}

/** How a command line went. */
export interface Ending extends Omit<Outcome, 'signal'> {
  readonly args: readonly string[];
}

/** Runs command lines one after the other in one process, which starts once. */
export function inOneProcess<const Lines extends readonly (readonly string[])[]>(
  folder: string,
  ...lines: Lines
): { readonly [Index in keyof Lines]: Ending } {
  const answer = execFileSync(process.execPath, [resolve(__dirname, 'arguments-runner.mjs')], {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS: '', STEPCOMPUTE_DB: '.stepcompute' },
    input: JSON.stringify(lines),
    maxBuffer: 2 ** 28,
    encoding: 'utf8',
  });
  return JSON.parse(answer) as { readonly [Index in keyof Lines]: Ending };
}

/** Puts an empty database where the command looks for it, in less time than one takes to create. */
export function putDatabase(folder: string): void {
  const create = (place: string): void => {
    const source =
      'require("@stepcompute/sql-store/pglite").openPglite({ folder: process.argv[1] })' +
      '.then((dataSource) => dataSource.destroy())';
    execFileSync(process.execPath, ['-e', source, place], { cwd: __dirname });
  };
  const database = sharedFolder(['an empty database'], create);
  cpSync(database, join(folder, '.stepcompute'), { recursive: true });
}

/** The JSON object on the last line. */
export function lastLine(outcome: Pick<Outcome, 'stdout'>): Record<string, unknown> {
  return JSON.parse(outcome.stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
}

/** The command line as it is declared: see declarations.mjs. */
interface Declarations {
  readonly commands: readonly {
    readonly usage: string;
    readonly description: string;
    readonly options: readonly {
      /** Under which the command finds its value. */
      readonly name: string;
      readonly flags: string;
      readonly description: string;
      readonly fallback: string;
    }[];
  }[];
  readonly meanings: Readonly<Record<string, string>>;
  readonly parsed: readonly unknown[];
}

type Case = readonly [command: string, flag: string, text: string];

export function declarations(cases: readonly Case[] = []): Declarations {
  const program = resolve(__dirname, 'declarations.mjs');
  const args = [program, JSON.stringify(cases)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Declarations;
}
