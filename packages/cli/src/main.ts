import { readFileSync } from 'node:fs';
import { withoutSecrets } from '@stepcompute/core/adapters';
import { Command, CommanderError, Option } from 'commander';
import { migrateDatabase } from './databases.js';
import { ExitCode, exitCodeHelp, exitCodeOf } from './exit-codes.js';
import { failuresCommand, listCommand, showCommand, valuesCommand } from './inspect-commands.js';
import { Interruption } from './interruption.js';
import { rehearseCommand, type RehearseOptions } from './rehearse-command.js';
import { replayCommand, type ReplayOptions } from './replay-command.js';
import {
  extendCommand,
  resumeCommand,
  runCommand,
  type ExtendCommandOptions,
  type ResumeCommandOptions,
  type RunCommandOptions,
} from './run-command.js';
import { openTerminal } from './terminal.js';

interface CommonOptions {
  readonly db: string;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

/** Runs the command line to its end, and the process with it. */
export async function main(argv: readonly string[]): Promise<void> {
  // A reader that has seen enough, as in `stepcompute values 1 | head`, is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? ExitCode.done : ExitCode.unexpected);
  });
  // Nor is one that takes no notes.
  process.stderr.on('error', () => undefined);
  const exitCode = await execute(argv, new Interruption().listen());
  // A generator may have left timers or connections behind, which would keep the process alive.
  process.stdout.write('', () => process.exit(exitCode));
}

/**
 * Runs the command line to its exit code.
 * @param argv as `process.argv` has it
 */
export async function execute(
  argv: readonly string[],
  interruption: Interruption,
): Promise<ExitCode> {
  let exitCode: ExitCode = ExitCode.done;
  const finish = (code: ExitCode): void => {
    exitCode = code;
  };
  try {
    await buildProgram(interruption, finish).parseAsync(argv);
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? ExitCode.done : ExitCode.invalidInput;
    }
    openTerminal({ verbose: argv.includes('--verbose') }).fail(error);
    return exitCodeOf(error);
  }
}

function buildProgram(interruption: Interruption, finish: (code: ExitCode) => void): Command {
  // Commands that wait for nothing but the database and their own output.
  const perform = async (work: Promise<ExitCode>): Promise<void> =>
    finish(
      await interruption.race(work, 'the database never answers: nothing is left to wait for'),
    );

  const program = new Command('stepcompute')
    .description('Run a simulation N times in parallel, keep every value, average them.')
    .version(readVersion(), '--version')
    .showHelpAfterError('(see --help)')
    // A URL in the wrong place is repeated in the error about it.
    .configureOutput({ outputError: (text, write) => write(withoutSecrets(text)) })
    .addHelpText('after', exitCodeHelp)
    .exitOverride();

  const command = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .addOption(
        new Option(
          '--db <place>',
          'a folder, postgres://user:password@host:port/database, or memory (env: STEPCOMPUTE_DB)',
        )
          // Described by hand: the value itself may hold a password, and help prints it.
          .default(databaseOf(process.env), 'STEPCOMPUTE_DB, or .stepcompute'),
      )
      .option('--verbose', 'show stack traces and the causes of errors');

  /** What `run`, `resume` and `extend` have in common. */
  const executing = (name: string, description: string): Command =>
    command(name, description)
      .option('--delay <duration>', 'wait after each value: a stand-in for a long computation')
      .option('--concurrency <count>', 'the most iterations in flight at a time (default: 1000)')
      .option(
        '--workers <count>',
        'run the generator in worker threads, so many or auto: one for each core',
      )
      .option('--timeout <duration>', 'the longest that one call of the generator may take')
      .option('--tolerate <failures>', 'how many iterations may fail: a count, or a share as in 1%')
      .option('--attempts <count>', 'how often the generator is called for an iteration that fails')
      .option('--backoff <duration>', 'the longest wait before the second attempt; then it doubles')
      .option('--retry-on <names>', 'the names of the errors to try again after (default: any)')
      .option('--json', 'print one JSON object on the last line of standard output');

  executing('run', 'run a simulation and average its values')
    .option('-n, --repetitions <count>', 'how many times, 1 to 1,000,000,000', '1000')
    .option('--seed <integer>', '0 to 2^53 − 1; chosen at random and recorded when not given')
    .option('--generator <file>', 'a .js or .mjs module whose default export is the simulation')
    .addHelpText(
      'after',
      `
Examples:
  $ stepcompute run --repetitions 5000 --seed 7
  $ stepcompute run --generator ./my-simulation.js --concurrency 50 --timeout 30s
  $ stepcompute run --generator ./my-long-computation.js --workers auto
  $ stepcompute run --generator ./my-simulation.js --attempts 3 --tolerate 1%
  $ stepcompute run --db memory --json

my-simulation.js:
  export default ({ random }) => random.integer(1, 6) + random.integer(1, 6);`,
    )
    .action(async (options: RunCommandOptions) => {
      finish(await runCommand(options, openTerminal(options), interruption));
    });

  executing('resume', 'do what is missing or failed of a run, and average it')
    .argument('<run>', 'the run’s id')
    .addHelpText(
      'after',
      `
What is stored stays. The run remembers its generator, seed, delay and tolerance; --delay and
--tolerate change them. A complete run answers with its average.

Examples:
  $ stepcompute resume 3
  $ stepcompute resume 3 --attempts 5 --tolerate 2`,
    )
    .action(async (run: string, options: ResumeCommandOptions) => {
      finish(await resumeCommand(run, options, openTerminal(options), interruption));
    });

  executing('extend', 'give a run more repetitions, and average all of them')
    .argument('<run>', 'the run’s id')
    .requiredOption('--to <count>', 'how many repetitions it is to have in all')
    .addHelpText(
      'after',
      `
The values that it has are kept, its seed goes on, and its old average stays in its history.

Example:
  $ stepcompute extend 3 --to 1000000`,
    )
    .action(async (run: string, options: ExtendCommandOptions) => {
      finish(await extendCommand(run, options, openTerminal(options), interruption));
    });

  program
    .command('rehearse')
    .description('run the deployment on AWS, as CDK synthesizes it, on this machine')
    .option('-n, --repetitions <count>', 'how many times', '200')
    .option('--seed <integer>', '0 to 2^53 − 1; chosen at random and recorded when not given')
    .option('--mode <mode>', 'inline (up to 2,854 repetitions) or distributed', 'inline')
    .option('--generator <file>', 'the simulation to deploy, .ts, .js or .mjs')
    .option('--tolerate <failures>', 'how many iterations may fail: a count, or a share as in 1%')
    .option('--faults <likelihood>', 'how likely a call meets a fault of AWS, 0 to 1', '0')
    .option('--crashes <likelihood>', 'how likely a function’s process dies, 0 to 1', '0')
    .option('--fault-seed <integer>', 'which faults: the same seed has the same ones', '0')
    .option(
      '--db <place>',
      'what stands for the database: memory, a folder, a PostgreSQL URL',
      'memory',
    )
    .option('--json', 'print one JSON object on the last line of standard output')
    .option('--verbose', 'show the functions’ logs, and stack traces')
    .addHelpText(
      'after',
      `
Ten minutes of delay become ten milliseconds. The output says what it would have cost.

Examples:
  $ stepcompute rehearse --repetitions 200 --seed 42
  $ stepcompute rehearse --mode distributed -n 100000 --json
  $ stepcompute rehearse --faults 0.2 --fault-seed 7`,
    )
    .action(async (options: RehearseOptions) => {
      finish(await rehearseCommand(options, openTerminal(options), interruption));
    });

  command('list', 'list the newest runs')
    .option('--limit <count>', 'how many', '20')
    .option('--json', 'print a JSON array')
    .action(async (options: CommonOptions & { limit: string }) => {
      await perform(listCommand(options, openTerminal(options)));
    });

  command('show', 'show a run: what was asked, what is stored, its average')
    .argument('<run>', 'the run’s id')
    .option('--json', 'print a JSON object')
    .action(async (run: string, options: CommonOptions) => {
      await perform(showCommand(run, options, openTerminal(options)));
    });

  command('failures', 'list the iterations of a run that failed, and why')
    .argument('<run>', 'the run’s id')
    .option('--json', 'print a JSON array')
    .addHelpText('after', '\nEach can be tried alone: stepcompute replay <run> <iteration>')
    .action(async (run: string, options: CommonOptions) => {
      await perform(failuresCommand(run, options, openTerminal(options)));
    });

  command('values', 'print a run’s values in iteration order')
    .argument('<run>', 'the run’s id')
    .option('--format <format>', 'csv: a line "iteration,value" per value; json: an array', 'csv')
    .option('--header', 'begin the csv with a line of column names')
    .addHelpText('after', '\nExample:\n  $ stepcompute values 1 --format csv > values.csv')
    .action(async (run: string, options: CommonOptions & { format: string; header?: boolean }) => {
      await perform(valuesCommand(run, options));
    });

  command('replay', 'generate one value again and compare it with the stored one')
    .argument('<run>', 'the run’s id')
    .argument('<iteration>', 'which repetition, from 0')
    .option('--generator <file>', 'the simulation (default: the one that the run recorded)')
    .option('--timeout <duration>', 'the longest that the generator may take')
    .option('--json', 'print a JSON object')
    .action(async (run: string, iteration: string, options: ReplayOptions) => {
      finish(await replayCommand(run, iteration, options, openTerminal(options), interruption));
    });

  command('migrate', 'bring the database’s schema up to date').action(
    async (options: CommonOptions) => {
      await perform(
        migrateDatabase(options.db).then(() => {
          openTerminal(options).note('The schema is up to date.');
          return ExitCode.done;
        }),
      );
    },
  );

  return program;
}

/** An empty variable is as good as none: that is how a shell's user takes one away. */
function databaseOf({ STEPCOMPUTE_DB: db }: NodeJS.ProcessEnv): string {
  return db === undefined || db === '' ? '.stepcompute' : db;
}

function readVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
