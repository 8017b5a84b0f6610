import { performance } from 'node:perf_hooks';
import {
  parseRunRequest,
  readLedger,
  reportOf,
  WriteToDbSettings,
  type Ledger,
  type Run,
  type RunResult,
} from '@stepcompute/core';
import { InProcessOrchestrator, SystemClock } from '@stepcompute/inmemory-adapter';
import { openDatabase, type Database } from './databases.js';
import { describeError, ExitCode, exitCodeOf } from './exit-codes.js';
import { averageRows, drawHistogram, formatCount, formatDuration, formatTable } from './format.js';
import { builtInGenerator, loadGenerator, type NamedGenerator } from './generators.js';
import type { Interruption } from './interruption.js';
import { parseDuration, parseNumber } from './options.js';
import { plainProgress, terminalProgress, type ProgressDisplay } from './progress-display.js';
import type { Terminal } from './terminal.js';

/** The options of `run`, as typed. */
export interface RunCommandOptions {
  readonly repetitions: string;
  readonly seed?: string;
  readonly delay: string;
  readonly concurrency?: string;
  readonly generator?: string;
  readonly db: string;
  readonly timeout?: string;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

/** Runs a simulation to its average, and shows it. */
export async function runCommand(
  options: RunCommandOptions,
  terminal: Terminal,
  interruption: Interruption,
): Promise<ExitCode> {
  const startedAt = performance.now();
  const elapsedMs = (): number => Math.round(performance.now() - startedAt);
  const display = terminal.isInteractive
    ? terminalProgress(process.stderr)
    : plainProgress((line) => terminal.note(line));
  let database: Database | undefined;
  let run: Run | undefined;
  try {
    const request = parseRequest(options);
    // Before the database is opened, so that a refused request leaves none behind.
    parseRunRequest(request.run);
    WriteToDbSettings.parse(request.settings);
    const generator =
      options.generator === undefined
        ? builtInGenerator
        : await interruption.race(
            loadGenerator(options.generator),
            'the generator’s module never finishes loading: nothing is left to wait for',
          );
    const opened = await interruption.race(
      openDatabase(options.db, (message) => terminal.note(message)),
      'the database never opens: nothing is left to wait for',
    );
    database = opened;
    const orchestrator = new InProcessOrchestrator({
      generator: generator.generate,
      stores: opened.stores,
      clock: new SystemClock(),
      ...request.settings,
    });
    const result = await interruption.wait(
      orchestrator.run(
        { ...request.run, generatorName: generator.name },
        {
          signal: interruption.signal,
          onProgress: (progress) => {
            if (run === undefined) announce(progress.run, generator, options, terminal);
            run = progress.run;
            display.update(progress);
          },
        },
      ),
      'the generator never settles: nothing is left to wait for; --timeout would have said which iteration',
    );
    display.stop();
    if (options.json === true) {
      const { ledger, average } = result;
      terminal.print(
        JSON.stringify({ ...reportOf(result.run, ledger, average), elapsedMs: elapsedMs() }),
      );
    } else {
      terminal.print(await describeResult(result, opened, elapsedMs(), terminal));
    }
    return ExitCode.done;
  } catch (error) {
    return await reportFailure(error, run, database, elapsedMs(), display, options, terminal);
  } finally {
    await database?.close();
  }
}

function parseRequest(options: RunCommandOptions): {
  readonly run: { repetitions: number; seed: number | undefined; delayMs: number };
  readonly settings: { concurrency: number | undefined; timeoutMs: number | undefined };
} {
  // What is no number is left for the domain to refuse.
  const number = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : (parseNumber(text) as number);
  return {
    run: {
      repetitions: parseNumber(options.repetitions) as number,
      seed: number(options.seed),
      delayMs: parseDuration(options.delay, 'delay'),
    },
    settings: {
      concurrency: number(options.concurrency),
      timeoutMs:
        options.timeout === undefined ? undefined : parseDuration(options.timeout, 'timeout'),
    },
  };
}

function announce(
  run: Run,
  generator: NamedGenerator,
  { db }: RunCommandOptions,
  terminal: Terminal,
): void {
  const where = db.includes('://') ? 'PostgreSQL' : db;
  terminal.note(
    `Run ${run.id}: ${formatCount(run.repetitions)} repetitions of ${generator.name}, ` +
      `seed ${run.seed}, into ${where}`,
  );
}

async function describeResult(
  { run, average }: RunResult,
  { stores }: Database,
  elapsedMs: number,
  terminal: Terminal,
): Promise<string> {
  // The run's own time: opening the database is no part of its rate.
  const runMs = (run.finishedAt ?? run.startedAt).getTime() - run.startedAt.getTime();
  const rate = (average.count / Math.max(1, runMs)) * 1000;
  const rows: [string, string][] = [
    ['run', String(run.id)],
    ['seed', String(run.seed)],
    ['values', formatCount(average.count)],
    ...averageRows(average),
    ['elapsed', formatDuration(elapsedMs)],
    ['rate', `${formatCount(Math.round(rate))} values/s`],
  ];
  const table = formatTable(rows, terminal.isInteractive);
  if (!terminal.isInteractive) return table;
  return `${table}\n${await drawHistogram(run, average, stores)}`;
}

async function reportFailure(
  error: unknown,
  run: Run | undefined,
  database: Database | undefined,
  elapsedMs: number,
  display: ProgressDisplay,
  options: RunCommandOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  display.stop();
  const account = await readAccount(run, database);
  terminal.fail(error);
  // A cancelled run's error is its account already.
  if (account !== undefined && exitCodeOf(error) !== ExitCode.interrupted) {
    const { run: ended, ledger } = account;
    terminal.note(
      `Run ${ended.id} ${ended.status}: ${formatCount(ledger.completed)} of ` +
        `${formatCount(ledger.requested)} values are stored, ${formatCount(ledger.failed)} failed, ` +
        `${formatCount(ledger.missing)} missing`,
    );
  }
  if (options.json === true) {
    terminal.print(
      JSON.stringify({
        ...(account === undefined ? {} : reportOf(account.run, account.ledger, undefined)),
        elapsedMs,
        error: describeError(error),
      }),
    );
  }
  return exitCodeOf(error);
}

/** What the stores still know of a run that ended badly; nothing when they are what failed. */
async function readAccount(
  run: Run | undefined,
  database: Database | undefined,
): Promise<{ run: Run; ledger: Ledger } | undefined> {
  if (run === undefined || database === undefined) return undefined;
  try {
    const ended = await database.stores.runs.get(run.id);
    return { run: ended, ledger: await readLedger(ended, database.stores) };
  } catch {
    return undefined; // the error that is being reported says why
  }
}
