import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  InvalidInputError,
  readLedger,
  reportOf,
  RunId,
  type IterationValue,
  type Run,
  type Stores,
} from '@stepcompute/core';
import { openExistingDatabase } from './databases.js';
import { ExitCode } from './exit-codes.js';
import {
  averageRows,
  drawHistogram,
  formatCount,
  formatDuration,
  formatNumber,
  formatTable,
} from './format.js';
import { parseNumber } from './options.js';
import type { Terminal } from './terminal.js';

interface InspectOptions {
  readonly db: string;
  readonly json?: boolean;
}

/** Opens a database that is there already, for as long as the work takes. */
export async function withStores<T>(db: string, work: (stores: Stores) => Promise<T>): Promise<T> {
  const { stores, close } = await openExistingDatabase(db);
  try {
    return await work(stores);
  } finally {
    await close();
  }
}

/** Lists the newest runs. */
export function listCommand(
  options: InspectOptions & { readonly limit: string },
  terminal: Terminal,
): Promise<ExitCode> {
  const limit = parseNumber(options.limit);
  if (typeof limit !== 'number' || !Number.isSafeInteger(limit) || limit < 1) {
    throw new InvalidInputError('limit', 'a whole number of 1 or more', options.limit);
  }
  return withStores(options.db, async (stores) => {
    const runs = await stores.runs.list(Math.min(limit, RunId.maximum));
    const averages = await Promise.all(runs.map(({ id }) => stores.averages.find(id)));
    if (options.json === true) {
      const rows = runs.map((run, index) => ({
        runId: run.id,
        status: run.status,
        repetitions: run.repetitions,
        seed: run.seed,
        generator: run.generatorName,
        average: averages[index]?.mean ?? null,
        startedAt: run.startedAt,
        finishedAt: run.finishedAt ?? null,
      }));
      terminal.print(JSON.stringify(rows));
    } else if (runs.length === 0) {
      terminal.note('There are no runs yet.');
    } else {
      const rows = runs.map((run, index) => [
        String(run.id),
        run.status,
        formatCount(run.repetitions),
        formatNumber(averages[index]?.mean ?? null),
        String(run.seed),
        run.startedAt.toISOString(),
      ]);
      const head = ['run', 'status', 'repetitions', 'average', 'seed', 'started'];
      terminal.print(formatTable(rows, terminal.isInteractive, head));
    }
    return ExitCode.done;
  });
}

/** Shows one run: what was asked, its ledger, its average. */
export function showCommand(
  runText: string,
  options: InspectOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const id = RunId.parse(parseNumber(runText));
  return withStores(options.db, async (stores) => {
    const run = await stores.runs.get(id);
    const ledger = await readLedger(run, stores);
    const average = await stores.averages.find(id);
    const failures = await stores.failures.list(id);
    if (options.json === true) {
      terminal.print(
        JSON.stringify({
          ...reportOf(run, ledger, average),
          elapsedMs: elapsedOf(run),
          startedAt: run.startedAt,
          finishedAt: run.finishedAt ?? null,
        }),
      );
      return ExitCode.done;
    }
    const elapsed = elapsedOf(run);
    // A failure is over once its iteration has a value.
    const [lowest] = ledger.failed === 0 ? [] : failures;
    const rows: [string, string][] = [
      ['run', String(run.id)],
      ['status', run.status],
      ['generator', run.generatorName],
      ['seed', String(run.seed)],
      ['delay', formatDuration(run.delayMs)],
      ['started', run.startedAt.toISOString()],
      ['elapsed', elapsed === null ? '–' : formatDuration(elapsed)],
      ['requested', formatCount(ledger.requested)],
      ['completed', formatCount(ledger.completed)],
      ['failed', formatCount(ledger.failed)],
      ['missing', formatCount(ledger.missing)],
      ...(lowest === undefined
        ? []
        : [['failure', `iteration ${lowest.iterationId}: ${lowest.message}`] as [string, string]]),
      ...(average === undefined ? [] : averageRows(average)),
    ];
    terminal.print(formatTable(rows, terminal.isInteractive));
    if (average !== undefined && terminal.isInteractive) {
      terminal.print(await drawHistogram(run, average, stores));
    }
    return ExitCode.done;
  });
}

function elapsedOf(run: Run): number | null {
  return run.finishedAt === undefined ? null : run.finishedAt.getTime() - run.startedAt.getTime();
}

/** Streams a run's values, in iteration order. */
export function valuesCommand(
  runText: string,
  options: { readonly db: string; readonly format: string; readonly header?: boolean },
): Promise<ExitCode> {
  const id = RunId.parse(parseNumber(runText));
  const write = options.format === 'json' ? writeJson : options.format === 'csv' ? writeCsv : null;
  if (write === null) throw new InvalidInputError('format', '"csv" or "json"', options.format);
  return withStores(options.db, async (stores) => {
    await stores.runs.get(id);
    const text = write(stores.values.read(id), options.header === true);
    await pipeline(Readable.from(text), process.stdout, { end: false });
    return ExitCode.done;
  });
}

async function* writeCsv(
  batches: AsyncIterable<readonly IterationValue[]>,
  header: boolean,
): AsyncGenerator<string, void> {
  if (header) yield 'iteration,value\n';
  for await (const batch of batches) {
    yield batch.map(({ iterationId, value }) => `${iterationId},${value}\n`).join('');
  }
}

async function* writeJson(
  batches: AsyncIterable<readonly IterationValue[]>,
): AsyncGenerator<string, void> {
  let separator = '[\n';
  for await (const batch of batches) {
    yield separator + batch.map((value) => JSON.stringify(value)).join(',\n');
    separator = ',\n';
  }
  yield separator === '[\n' ? '[]\n' : '\n]\n';
}
