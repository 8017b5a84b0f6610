import { RunId, RunParameters, type Average, type Run, type Stores } from '@stepcompute/core';
import { declareCommand, option, withDefault } from '../command.js';
import { withStores } from '../databases.js';
import { formatCount, formatNumber } from '../format.js';
import {
  databaseOption,
  jsonOption,
  onOption,
  parseWholeNumber,
  verboseOption,
} from '../options.js';
import { formatTable } from '../table.js';

export const listCommand = declareCommand({
  name: 'list',
  description: 'list the newest runs',
  arguments: {},
  options: {
    limit: withDefault(
      option('--limit <count>', 'how many runs', (text) =>
        parseWholeNumber(text, 'limit', 1, Number.MAX_SAFE_INTEGER),
      ),
      20,
    ),
    db: databaseOption(),
    on: onOption(),
    json: jsonOption('print a JSON array'),
    verbose: verboseOption,
  },
  help: `
Examples:
  $ stepcompute list
  $ stepcompute list --limit 5 --json`,
  action: ({ limit, db, on }, { terminal, interruption }) =>
    withStores({ db, on }, interruption, async (stores) => {
      // No store has more runs than ids.
      const runs = await stores.runs.list(Math.min(limit, RunId.maximum));
      const averages = await latestAverages(runs, stores);
      if (terminal.wantsJson) {
        const rows = runs.map((run, index) => ({
          runId: run.id,
          status: run.status,
          repetitions: run.repetitions,
          seed: run.seed,
          generator: run.generatorName,
          parameters: run.parameters,
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
          run.generatorName,
          cut(RunParameters.text(run.parameters)),
        ]);
        const head = ['run', 'status', 'repetitions', 'average', 'seed', 'started'];
        head.push('simulation', 'parameters');
        terminal.print(formatTable(rows, terminal.screen, head));
      }
    }),
});

/** As many statements at a time as a pool has connections. */
const atOnce = 10;

/** The average of each run, undefined where there is none yet; asked for a few runs at a time. */
export async function latestAverages(
  runs: readonly Run[],
  { averages }: Pick<Stores, 'averages'>,
): Promise<(Average | undefined)[]> {
  const latest: (Average | undefined)[] = [];
  for (let first = 0; first < runs.length; first += atOnce) {
    const histories = runs
      .slice(first, first + atOnce)
      .map(async ({ id }) => (await averages.history(id)).at(-1));
    latest.push(...(await Promise.all(histories)));
  }
  return latest;
}

/** So much of a run's parameters fits a line; `show` has all of them. */
const longestParameters = 200;

function cut(text: string): string {
  return text.length > longestParameters ? `${text.slice(0, longestParameters - 1)}…` : text;
}
