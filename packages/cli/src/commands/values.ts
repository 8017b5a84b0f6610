import { InvalidInputError, type IterationValue } from '@stepcompute/core';
import { areSameMeasures, singleMeasure, type ValueColumns } from '@stepcompute/core/adapters';
import { declareCommand, flag, oneOf, withDefault } from '../command.js';
import { withStores } from '../databases.js';
import { formatArray } from '../format.js';
import { databaseOption, onOption, runArgument, verboseOption } from '../options.js';

export const valuesCommand = declareCommand({
  name: 'values',
  description: 'print a run’s values in iteration order',
  arguments: { id: runArgument },
  options: {
    format: withDefault(
      oneOf(
        '--format <format>',
        'csv: a line for each iteration, with its number and its values; json: an array',
        'format',
        ['csv', 'json'],
      ),
      'csv',
    ),
    header: flag(
      '--header',
      'begin the csv with a line of column names: iteration, and the measures',
    ),
    db: databaseOption(),
    on: onOption(),
    verbose: verboseOption,
  },
  help: `
Examples:
  $ stepcompute values 1 > values.csv
  $ stepcompute values 1 --format json`,
  action: ({ id, format, header, db, on }, { terminal, interruption }) => {
    if (header && format === 'json') {
      throw new InvalidInputError('--header', 'left out with json, which names all it has', header);
    }
    return withStores({ db, on }, interruption, async (stores) => {
      const { measures } = await stores.runs.get(id);
      await terminal.stream(
        format === 'csv'
          ? formatCsv(stores.values.scan(id), header ? measures : undefined)
          : formatArray(stores.values.read(id), (value) => elementOf(value, measures)),
      );
    });
  },
});

async function* formatCsv(
  scan: AsyncIterable<ValueColumns>,
  header: readonly string[] | undefined,
): AsyncGenerator<string, void> {
  if (header !== undefined) yield `iteration,${header.join(',')}\n`;
  for await (const { iterationIds, values, more = [] } of scan) {
    const lines = Array.from(iterationIds, (id, index) => {
      const first = `${id},${values[index]}`;
      return more.length === 0
        ? `${first}\n`
        : `${first},${more.map((column) => column[index]).join(',')}\n`;
    });
    yield lines.join('');
  }
}

/** All measures by their names, where the simulation has named them. */
function elementOf({ more = [], ...row }: IterationValue, measures: readonly string[]): object {
  if (areSameMeasures(measures, singleMeasure)) return row;
  const numbers = [row.value, ...more];
  const named = measures.map((name, index) => [name, numbers[index]] as const);
  return { ...row, measures: Object.fromEntries(named) };
}
