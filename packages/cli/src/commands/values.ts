import { InvalidInputError, type IterationValue, type Run, type Stores } from '@stepcompute/core';
import { areSameMeasures, singleMeasure } from '@stepcompute/core/adapters';
import { declareCommand, flag, leftOut, oneOf, option, withDefault } from '../command.js';
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
import { OutputFile } from '../output-file.js';
import { showReading, valuesIn } from '../reading.js';
import { parquetOf } from '../parquet.js';
import type { Terminal } from '../terminal.js';
import { csvOf, jsonLinesOf } from '../value-formats.js';
import { plainColumns, tidyColumns, valuesOf } from '../value-table.js';

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
        'csv: a line for each iteration, with its number and its values; json: an array; jsonl and parquet: a tidy table, an object of JSON a line or a Parquet file',
        'format',
        ['csv', 'json', 'jsonl', 'parquet'],
      ),
      'csv',
    ),
    header: flag(
      '--header',
      'begin the csv with a line of column names: iteration, and the measures',
    ),
    tidy: flag(
      '--tidy',
      'csv as a tidy table, with a line of column names: run, scenario, iteration, the parameters and the measures',
    ),
    out: option(
      '--out <file>',
      'the file to write, in place of standard output: as a whole, or not at all',
      (text) => text,
    ),
    force: flag('--force', 'replace the file of --out if there is one'),
    db: databaseOption(),
    on: onOption(),
    verbose: verboseOption,
  },
  help: `
Examples:
  $ stepcompute values 1 > values.csv
  $ stepcompute values 1 --format json
  $ stepcompute values --experiment strikes --header
  $ stepcompute values --experiment strikes --format parquet --out values.parquet`,
  async action(given, { terminal, interruption }) {
    const { id, experiment, format, out, force } = given;
    refuseNotOne(id, experiment);
    refuseContradiction(given);
    const file = out === undefined ? undefined : new OutputFile('--out', out, force);
    if (file === undefined && format === 'parquet' && terminal.screen.isTerminal) {
      const expected = 'sent to a file, as with --out values.parquet or > values.parquet';
      throw new InvalidInputError('--format parquet', expected, 'a terminal');
    }
    await withStores(given, interruption, async (stores) => {
      const runs =
        id === undefined
          ? (await runsOfExperiment(stores, experiment!)).runs
          : [await stores.runs.get(id)];
      warnOfUnfinished(runs, terminal);
      if (file === undefined) {
        await terminal.stream(contentOf(stores, runs, given));
        return;
      }
      await showReading(stores, terminal, valuesIn(runs), (counted) =>
        file.write(contentOf(counted, runs, given), interruption.signal),
      );
    });
  },
});

/** Says that there may be more values to come. */
function warnOfUnfinished(runs: readonly Run[], terminal: Terminal): void {
  const unfinished = runs.filter(({ status }) => status !== 'completed');
  const [first] = unfinished;
  if (first === undefined) return;
  const subject =
    runs.length === 1
      ? `run ${first.id} is ${first.status}`
      : `${unfinished.length} of ${runs.length} runs are not completed`;
  terminal.warn(`${subject}: these are the values that are stored by now`);
}

interface AskedFormat {
  readonly experiment: string | undefined;
  readonly format: 'csv' | 'json' | 'jsonl' | 'parquet';
  readonly header: boolean;
  readonly tidy: boolean;
}

/** @throws InvalidInputError when an option is given that nothing would read */
function refuseContradiction({
  format,
  header,
  tidy,
  out,
  force,
}: AskedFormat & { readonly out: string | undefined; readonly force: boolean }): void {
  const other = tidy ? '--tidy' : format;
  if (header && other !== 'csv') {
    throw new InvalidInputError(
      '--header',
      `left out with ${other}, which names all it has`,
      header,
    );
  }
  if (tidy && format === 'json') {
    throw new InvalidInputError('--tidy', 'beside csv, or left out with jsonl', format);
  }
  if (force && out === undefined) {
    throw new InvalidInputError('--force', 'left out, unless beside --out', force);
  }
}

function contentOf(
  stores: Pick<Stores, 'values'>,
  runs: readonly Run[],
  { experiment, format, header, tidy }: AskedFormat,
): AsyncIterable<string | Uint8Array> {
  const isNamed = experiment !== undefined;
  const rows = valuesOf(stores, runs);
  switch (format) {
    case 'csv':
      return tidy
        ? csvOf(tidyColumns(runs), rows, true)
        : csvOf(plainColumns(runs, isNamed), rows, header);
    case 'json':
      return formatArray(elementsOf(stores, runs, isNamed), (element) => element);
    case 'jsonl':
      return jsonLinesOf(tidyColumns(runs), rows);
    case 'parquet':
      return parquetOf(tidyColumns(runs), rows, runs);
  }
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
