import type { IterationFailure } from '@stepcompute/core';
import { declareCommand } from '../command.js';
import { withStores } from '../databases.js';
import { formatArray } from '../format.js';
import { databaseOption, jsonOption, onOption, runArgument, verboseOption } from '../options.js';
import type { Screen } from '../screen.js';
import { formatTable } from '../table.js';

export const failuresCommand = declareCommand({
  name: 'failures',
  description: 'list the iterations of a run that failed, and why',
  arguments: { id: runArgument },
  options: {
    db: databaseOption(),
    on: onOption(),
    json: jsonOption('print a JSON array'),
    verbose: verboseOption,
  },
  help: `
Examples:
  $ stepcompute failures 3
  $ stepcompute replay 3 57   # tries iteration 57 alone`,
  action: ({ id, db, on }, { terminal, interruption }) =>
    withStores({ db, on }, interruption, async ({ runs, failures }) => {
      const { seed } = await runs.get(id);
      const batches = failures.read(id);
      await terminal.stream(
        terminal.wantsJson
          ? formatArray(batches, (failure) => ({ runId: id, seed, ...failure }))
          : formatFailures(batches, terminal.screen),
      );
    }),
});

async function* formatFailures(
  batches: AsyncIterable<readonly IterationFailure[]>,
  screen: Screen,
): AsyncGenerator<string, void> {
  let head = ['iteration', 'error', 'attempts', 'message'];
  for await (const batch of batches) {
    const rows = batch.map(({ iterationId, errorName, attempts, message }) => [
      String(iterationId),
      errorName,
      String(attempts),
      message,
    ]);
    yield `${formatTable(rows, screen, head)}\n`;
    if (!screen.isTerminal) head = [];
  }
}
