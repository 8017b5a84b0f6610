import { compareRuns, type ComparedRuns, type Run, type RunId } from '@stepcompute/core';
import { declareCommand, option } from '../command.js';
import { withStores } from '../databases.js';
import { comparisonTable } from '../experiments.js';
import { formatNumber } from '../format.js';
import {
  databaseOption,
  jsonOption,
  onOption,
  parseRunId,
  runsArgument,
  verboseOption,
} from '../options.js';
import type { Screen } from '../screen.js';
import { showReading, valuesIn } from '../reading.js';
import { formatTable } from '../table.js';

export const compareCommand = declareCommand({
  name: 'compare',
  description: 'compare the means of runs of one simulation, each with each or with a control',
  arguments: { ids: runsArgument },
  options: {
    control: option(
      '--control <run>',
      'the run that all others are compared with; without it, each is compared with each',
      parseRunId,
    ),
    db: databaseOption(),
    on: onOption(),
    json: jsonOption('print a JSON object'),
    verbose: verboseOption,
  },
  help: `
Runs of one seed draw the same random numbers, and are compared iteration by iteration; the variance
ratio is how many times as many iterations runs of their own seeds would need. The intervals of a
measure hold with 95 % all together.

Examples:
  $ stepcompute compare 3 4
  $ stepcompute compare 3 4 5 --control 3 --json`,
  action: ({ ids, control, db, on }, { terminal, interruption }) =>
    withStores({ db, on }, interruption, async (stores) => {
      const runs: Run[] = [];
      for (const id of ids) runs.push(await stores.runs.get(id));
      const compared = await showReading(stores, terminal, valuesIn(runs), (counted) =>
        compareRuns(counted, ids, { control }),
      );
      if (terminal.wantsJson) {
        terminal.print(JSON.stringify(compared));
        return;
      }
      const names = new Map(
        runs.map(({ id, scenario }) => [
          id,
          scenario === undefined ? `run ${id}` : `run ${id}, ${scenario}`,
        ]),
      );
      const { screen } = terminal;
      const tables = [comparisonTable(compared.comparisons, names, screen)];
      tables.push(rankingTable(compared, names, screen));
      terminal.print(tables.join(screen.isTerminal ? '\n\n' : '\n'));
    }),
});

function rankingTable(
  { rankings }: ComparedRuns,
  names: ReadonlyMap<RunId, string>,
  screen: Screen,
): string {
  const measures = Object.entries(rankings);
  const rows = measures.flatMap(([measure, ranked]) =>
    ranked.map(({ run, mean, indistinguishable }, index) => [
      ...(measures.length > 1 ? [measure] : []),
      String(index + 1),
      names.get(run) ?? '',
      formatNumber(mean),
      indistinguishable.map((id) => names.get(id) ?? '').join('; ') || '–',
    ]),
  );
  const head = ['rank', 'run', 'mean', 'not distinguishable from'];
  return formatTable(rows, screen, measures.length > 1 ? ['measure', ...head] : head);
}
