import type { IterationValue } from '@stepcompute/core';
import { declareCommand, flag, option, withDefault } from '../command.js';
import { withStores } from '../databases.js';
import { formatArray } from '../format.js';
import { databaseOption, parseEither, runArgument, verboseOption } from '../options.js';

export const valuesCommand = declareCommand({
  name: 'values',
  description: 'print a run’s values in iteration order',
  arguments: { id: runArgument },
  options: {
    format: withDefault(
      option(
        '--format <format>',
        'csv: a line iteration,value for each value; json: an array',
        (text) => parseEither(text, 'format', ['csv', 'json']),
      ),
      'csv',
    ),
    header: flag('--header', 'begin the csv with a line of column names'),
    db: databaseOption(),
    verbose: verboseOption,
  },
  help: `
Examples:
  $ stepcompute values 1 > values.csv
  $ stepcompute values 1 --format json`,
  action: ({ id, format, header, db }, { terminal, interruption }) =>
    withStores(db, interruption, async (stores) => {
      await stores.runs.get(id);
      const batches = stores.values.read(id);
      await terminal.stream(
        format === 'csv' ? formatCsv(batches, header) : formatArray(batches, (value) => value),
      );
    }),
});

async function* formatCsv(
  batches: AsyncIterable<readonly IterationValue[]>,
  header: boolean,
): AsyncGenerator<string, void> {
  if (header) yield 'iteration,value\n';
  for await (const batch of batches) {
    yield batch.map(({ iterationId, value }) => `${iterationId},${value}\n`).join('');
  }
}
