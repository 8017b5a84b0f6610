import { performance } from 'node:perf_hooks';
import {
  reportOf,
  warningOf,
  type Ledger,
  type Orchestrator,
  type Run,
  type RunOptions,
  type RunResult,
  type WriteToDbSettings,
} from '@stepcompute/core';
import { InProcessOrchestrator, SystemClock } from '@stepcompute/inmemory-adapter';
import { WorkerThreads } from '@stepcompute/worker-threads';
import type { Database } from './databases.js';
import { describeError, ExitCode, exitCodeOf } from './exit-codes.js';
import { averageRows, drawHistogram, formatCount, formatDuration, formatTable } from './format.js';
import type { NamedGenerator } from './generators.js';
import type { Interruption } from './interruption.js';
import { plainProgress, terminalProgress, type ProgressDisplay } from './progress-display.js';
import type { Terminal } from './terminal.js';

export interface Settings extends WriteToDbSettings {
  /** How many threads the simulation runs in; on the main one when there are none. */
  readonly workers: number | undefined;
}

/** What it takes to begin a run, or to take one up again. */
export interface Preparation {
  readonly database: Database;
  readonly generator: NamedGenerator;
  readonly settings: Settings;
  readonly start: (orchestrator: Orchestrator, options: RunOptions) => Promise<RunResult>;
}

interface ConductOptions {
  readonly db: string;
  readonly json?: boolean;
}

/** Takes a run to its end in this process, shows how far it is, and what came of it. */
export async function conduct(
  options: ConductOptions,
  terminal: Terminal,
  interruption: Interruption,
  prepare: () => Promise<Preparation>,
): Promise<ExitCode> {
  const startedAt = performance.now();
  const elapsedMs = (): number => Math.round(performance.now() - startedAt);
  const display = terminal.isInteractive
    ? terminalProgress(process.stderr)
    : plainProgress((line) => terminal.note(line));
  let database: Database | undefined;
  let threads: WorkerThreads | undefined;
  let run: Run | undefined;
  let ratePerSecond = 0;
  try {
    const prepared = await prepare();
    ({ database } = prepared);
    const { workers, timeoutMs, ...settings } = prepared.settings;
    const { generator } = prepared;
    const { module, exportName } = generator;
    threads =
      workers === undefined
        ? undefined
        : new WorkerThreads({ module, exportName, workers, timeoutMs });
    const orchestrator = new InProcessOrchestrator({
      ...settings,
      timeoutMs: threads === undefined ? timeoutMs : undefined,
      generator: threads?.generate ?? generator.generate,
      stores: database.stores,
      clock: new SystemClock(),
    });
    const result = await interruption.wait(
      prepared.start(orchestrator, {
        signal: interruption.signal,
        onProgress: (progress) => {
          if (run === undefined) {
            announce(progress.run, progress.completed, generator, options, terminal);
          }
          ({ run, ratePerSecond } = progress);
          display.update(progress);
        },
      }),
      'the generator never settles: nothing is left to wait for; --timeout would have said which iteration',
    );
    display.stop();
    const { ledger, average } = result;
    if (options.json === true) {
      const report = reportOf(result.run, ledger, average);
      terminal.print(JSON.stringify({ ...report, elapsedMs: elapsedMs() }));
    } else {
      terminal.print(await describeResult(result, database, elapsedMs(), ratePerSecond, terminal));
    }
    const warning = warningOf(ledger, average);
    if (warning !== undefined) terminal.note(`Warning: ${warning}`);
    return ExitCode.done;
  } catch (error) {
    return await reportFailure(error, run, database, elapsedMs(), display, options, terminal);
  } finally {
    await threads?.close();
    await database?.close();
  }
}

function announce(
  run: Run,
  completed: number,
  generator: NamedGenerator,
  { db }: ConductOptions,
  terminal: Terminal,
): void {
  const where = db.includes('://') ? 'PostgreSQL' : db;
  const before = completed === 0 ? '' : `, ${formatCount(completed)} of them stored already`;
  terminal.note(
    `Run ${run.id}: ${formatCount(run.repetitions)} repetitions of ${generator.name}, ` +
      `seed ${run.seed}, into ${where}${before}`,
  );
}

async function describeResult(
  { run, ledger, average }: RunResult,
  { stores }: Database,
  elapsedMs: number,
  ratePerSecond: number,
  terminal: Terminal,
): Promise<string> {
  const rows: [string, string][] = [
    ['run', String(run.id)],
    ['seed', String(run.seed)],
    ['values', formatCount(average.count)],
    ...(ledger.failed === 0 ? [] : [['failed', formatCount(ledger.failed)] as [string, string]]),
    ...averageRows(average),
    ['elapsed', formatDuration(elapsedMs)],
    ['rate', `${formatCount(Math.round(ratePerSecond))} values/s`],
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
  options: ConductOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  display.stop();
  const account = await readAccount(run, database);
  terminal.fail(error);
  if (account !== undefined) {
    const { run: ended, ledger } = account;
    // A cancelled run's error is its account already.
    if (exitCodeOf(error) !== ExitCode.interrupted) {
      terminal.note(
        `Run ${ended.id} ${ended.status}: ${formatCount(ledger.completed)} of ` +
          `${formatCount(ledger.requested)} values are stored, ${formatCount(ledger.failed)} failed, ` +
          `${formatCount(ledger.missing)} missing`,
      );
    }
    if (options.db !== 'memory') {
      terminal.note(`Take it up again with: stepcompute resume ${ended.id}`);
    }
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
    return { run: ended, ledger: await database.stores.failures.ledger(run.id) };
  } catch {
    return undefined; // the error that is being reported says why
  }
}
