import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  InvalidInputError,
  reportOf,
  RunId,
  warningOf,
  type IterationFailure,
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
    const averages = await Promise.all(
      runs.map(async ({ id }) => (await stores.averages.history(id)).at(-1)),
    );
    if (options.json === true) {
      const rows = runs.map((run, index) => ({
        runId: run.id,
        status: run.status,
        repetitions: run.repetitions,
        seed: run.seed,
        generator: run.generatorName,
        count: averages[index]?.count ?? null,
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
    const ledger = await stores.failures.ledger(id);
    const history = await stores.averages.history(id);
    const average = history.at(-1);
    if (options.json === true) {
      terminal.print(
        JSON.stringify({
          ...reportOf(run, ledger, average),
          elapsedMs: elapsedOf(run),
          startedAt: run.startedAt,
          finishedAt: run.finishedAt ?? null,
          history: history.map(({ count, mean }) => ({ count, average: mean })),
        }),
      );
      return ExitCode.done;
    }
    const elapsed = elapsedOf(run);
    const lowest = await lowestFailure(stores, id);
    const rows: [string, string][] = [
      ['run', String(run.id)],
      ['status', run.status],
      ['generator', run.generatorName],
      ['seed', String(run.seed)],
      ['delay', formatDuration(run.delayMs)],
      ['tolerance', run.tolerance],
      ['started', run.startedAt.toISOString()],
      ['elapsed', elapsed === null ? '–' : formatDuration(elapsed)],
      ['requested', formatCount(ledger.requested)],
      ['completed', formatCount(ledger.completed)],
      ['failed', formatCount(ledger.failed)],
      ['missing', formatCount(ledger.missing)],
      ...(lowest === undefined
        ? []
        : [['failure', `iteration ${lowest.iterationId}: ${lowest.message}`] as [string, string]]),
      ...(average === undefined
        ? []
        : [['averaged', formatCount(average.count)] as [string, string], ...averageRows(average)]),
      ...history
        .slice(0, -1)
        .map(({ count, mean }): [string, string] => [
          'earlier average',
          `${formatNumber(mean)} over ${formatCount(count)}`,
        ]),
    ];
    terminal.print(formatTable(rows, terminal.isInteractive));
    const warning = average && warningOf(ledger, average);
    if (warning !== undefined) terminal.note(`Warning: ${warning}`);
    if (average !== undefined && terminal.isInteractive) {
      terminal.print(await drawHistogram(run, average, stores));
    }
    return ExitCode.done;
  });
}

async function lowestFailure(
  { failures }: Stores,
  id: RunId,
): Promise<IterationFailure | undefined> {
  for await (const [lowest] of failures.read(id)) return lowest;
  return undefined;
}

/** Lists the iterations that failed and have no value, a batch at a time. */
export function failuresCommand(
  runText: string,
  options: InspectOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const id = RunId.parse(parseNumber(runText));
  return withStores(options.db, async ({ runs, failures }) => {
    const { seed } = await runs.get(id);
    const text =
      options.json === true
        ? writeJson(failures.read(id), (failure) => ({ runId: id, seed, ...failure }))
        : writeFailures(failures.read(id), terminal);
    await pipeline(Readable.from(text), process.stdout, { end: false });
    return ExitCode.done;
  });
}

async function* writeFailures(
  batches: AsyncIterable<readonly IterationFailure[]>,
  terminal: Terminal,
): AsyncGenerator<string, void> {
  let head = ['iteration', 'error', 'attempts', 'message'];
  for await (const batch of batches) {
    const rows = batch.map(({ iterationId, errorName, attempts, message }) => [
      String(iterationId),
      errorName,
      String(attempts),
      message.replaceAll(/\s+/g, ' '),
    ]);
    yield `${formatTable(rows, terminal.isInteractive, head)}\n`;
    if (!terminal.isInteractive) head = [];
  }
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
  if (options.format !== 'json' && options.format !== 'csv') {
    throw new InvalidInputError('format', '"csv" or "json"', options.format);
  }
  return withStores(options.db, async (stores) => {
    await stores.runs.get(id);
    const values = stores.values.read(id);
    const text =
      options.format === 'csv'
        ? writeCsv(values, options.header === true)
        : writeJson(values, (value) => value);
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

/** A JSON array, an element a line. */
async function* writeJson<T>(
  batches: AsyncIterable<readonly T[]>,
  elementOf: (item: T) => object,
): AsyncGenerator<string, void> {
  let separator = '[\n';
  for await (const batch of batches) {
    yield separator + batch.map((item) => JSON.stringify(elementOf(item))).join(',\n');
    separator = ',\n';
  }
  yield separator === '[\n' ? '[]\n' : '\n]\n';
}
