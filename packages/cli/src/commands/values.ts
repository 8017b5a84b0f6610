import { InvalidInputError, type IterationValue, type Run, type Stores } from '@stepcompute/core';
import { areSameMeasures, singleMeasure } from '@stepcompute/core/adapters';
import { declareCommand, flag, leftOut, oneOf, withDefault } from '../command.js';
import { withStores } from '../databases.js';
import { refuseNotOne } from '../errors.js';
import { runsOfExperiment } from '../experiments.js';
import { formatArray } from '../format.js';
import {
  databaseOption,
  experimentOption,
  onOption,
  runArgument,
  verboseOption,
} from '../options.js';

export const valuesCommand = declareCommand({
  name: 'values',
  description: 'print the values of a run, or of an experiment, in iteration order',
  arguments: { id: leftOut(runArgument) },
  options: {
    experiment: experimentOption(
      'the experiment whose values are printed, in place of a run’s: each after its scenario’s name',
    ),
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
  $ stepcompute values 1 --format json
  $ stepcompute values --experiment strikes --header`,
  action: ({ id, experiment, format, header, db, on }, { terminal, interruption }) => {
    refuseNotOne(id, experiment);
    if (header && format === 'json') {
      throw new InvalidInputError('--header', 'left out with json, which names all it has', header);
    }
    return withStores({ db, on }, interruption, async (stores) => {
      const runs =
        id === undefined
          ? (await runsOfExperiment(stores, experiment!)).runs
          : [await stores.runs.get(id)];
      const isNamed = id === undefined;
      await terminal.stream(
        format === 'csv'
          ? formatCsv(stores, runs, isNamed, header)
          : formatArray(elementsOf(stores, runs, isNamed), (element) => element),
      );
    });
  },
});

/** @param isNamed true to begin each line with the scenario's name */
async function* formatCsv(
  { values: store }: Pick<Stores, 'values'>,
  runs: readonly Run[],
  isNamed: boolean,
  hasHeader: boolean,
): AsyncGenerator<string, void> {
  const [{ measures }] = runs as [Run];
  if (hasHeader) yield `${isNamed ? 'scenario,' : ''}iteration,${measures.join(',')}\n`;
  for (const { id: runId, scenario = '' } of runs) {
    const beginning = isNamed ? `${csvText(scenario)},` : '';
    for await (const { iterationIds, values, more = [] } of store.scan(runId)) {
      const lines = Array.from(iterationIds, (id, index) => {
        const first = `${beginning}${id},${values[index]}`;
        return more.length === 0
          ? `${first}\n`
          : `${first},${more.map((column) => column[index]).join(',')}\n`;
      });
      yield lines.join('');
    }
  }
}

/** As RFC 4180 has it. */
function csvText(text: string): string {
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

async function* elementsOf(
  { values }: Pick<Stores, 'values'>,
  runs: readonly Run[],
  isNamed: boolean,
): AsyncGenerator<readonly object[], void> {
  for (const { id, scenario, measures } of runs) {
    for await (const batch of values.read(id)) {
      const elements = batch.map((value) => elementOf(value, measures));
      yield isNamed ? elements.map((element) => ({ scenario, ...element })) : elements;
    }
  }
}

/** All measures by their names, where the simulation has named them. */
function elementOf({ more = [], ...row }: IterationValue, measures: readonly string[]): object {
  if (areSameMeasures(measures, singleMeasure)) return row;
  const numbers = [row.value, ...more];
  const named = measures.map((name, index) => [name, numbers[index]] as const);
  return { ...row, measures: Object.fromEntries(named) };
}
