import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { withoutSecrets } from '@stepcompute/core/adapters';
import { Command, CommanderError } from 'commander';
import type { DeclaredCommand } from './command.js';
import { compareCommand } from './commands/compare.js';
import { completionCommand } from './commands/completion.js';
import { deleteCommand } from './commands/delete.js';
import { describeCommand } from './commands/describe.js';
import { experimentCommand } from './commands/experiment.js';
import { extendCommand } from './commands/extend.js';
import { failuresCommand } from './commands/failures.js';
import { listCommand } from './commands/list.js';
import { migrateCommand } from './commands/migrate.js';
import { rehearseCommand } from './commands/rehearse.js';
import { replayCommand } from './commands/replay.js';
import { reportCommand } from './commands/report.js';
import { resumeCommand } from './commands/resume.js';
import { runCommand } from './commands/run.js';
import { showCommand } from './commands/show.js';
import { valuesCommand } from './commands/values.js';
import { reportFailure } from './context.js';
import { UsageError } from './errors.js';
import { ExitCode, meanings } from './exit-codes.js';
import type { Interruption } from './interruption.js';
import type { Context } from './context.js';
import { tellOfOutages } from './outages.js';
import { quietOption } from './options.js';
import { openTerminal } from './terminal.js';

const commands: readonly DeclaredCommand[] = [
  runCommand,
  resumeCommand,
  extendCommand,
  experimentCommand,
  compareCommand,
  listCommand,
  showCommand,
  reportCommand,
  failuresCommand,
  valuesCommand,
  replayCommand,
  deleteCommand,
  describeCommand,
  rehearseCommand,
  migrateCommand,
];

/**
 * Runs the command line to its exit code.
 * @param argv as `process.argv` has it
 */
export async function execute(
  argv: readonly string[],
  interruption: Interruption,
): Promise<ExitCode> {
  const startedAt = performance.now();
  const context = {
    // Looked for by hand: they count also when another option is refused before they are parsed.
    terminal: openTerminal(argv, {
      verbose: argv.includes('--verbose'),
      quiet: argv.includes('--quiet'),
      json: argv.includes('--json'),
    }),
    interruption,
    elapsedMs: () => Math.round(performance.now() - startedAt),
  };
  const stopTelling = tellOfOutages(context.terminal);
  try {
    const exitCode = await runProgram(argv, context);
    await context.terminal.flush();
    return exitCode;
  } catch (error) {
    const exitCode = reportFailure(error, context);
    // Standard error has the failure already.
    await context.terminal.flush().catch(() => undefined);
    return exitCode;
  } finally {
    stopTelling();
  }
}

async function runProgram(argv: readonly string[], context: Context): Promise<ExitCode> {
  try {
    await buildProgram(context).parseAsync(argv);
    return ExitCode.done;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return ExitCode.done;
    // It has shown the help instead of an error.
    if (error.code === 'commander.help') return ExitCode.invalidInput;
    // A URL in the wrong place is repeated in the error about it, which is no cause to be shown, then.
    const message = withoutSecrets(error.message.replace(/^error: /, '').replaceAll('\n', ' '));
    throw new UsageError(`${message} (see --help)`);
  }
}

/** The whole command line, as it is declared. */
export function buildProgram(context: Context): Command {
  const program = new Command('stepcompute')
    .description('Run a simulation N times in parallel, keep every value, average them.')
    .version(readVersion(), '--version')
    .addHelpText('after', exitCodeHelp);
  for (const command of [...commands, completionCommand(program)]) {
    program.addCommand(command(context).addOption(quietOption));
  }
  for (const command of [program, ...program.commands]) {
    command
      .configureOutput({
        writeOut: (text) => context.terminal.print(text.trimEnd()),
        // It is thrown too, and reported as every error is.
        outputError: () => undefined,
      })
      .exitOverride();
  }
  return program;
}

function exitCodeHelp(): string {
  const help = new Command().createHelp();
  const lines = Object.entries(meanings).map(([code, meaning]) =>
    help.formatItem(code, 5, meaning, help),
  );
  return `\nExit codes:\n${lines.join('\n')}`;
}

function readVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
