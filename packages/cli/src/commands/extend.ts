import { declareCommand, required } from '../command.js';
import {
  analysisOptions,
  changeOptions,
  databaseOption,
  executionOptions,
  goOnOptions,
  histogramOption,
  onOption,
  repetitionsOption,
  reportOption,
  runArgument,
  settled,
  verboseOption,
} from '../options.js';
import { resume } from './resume.js';

export const extendCommand = declareCommand({
  name: 'extend',
  description: 'give a run more repetitions, and average all of them',
  arguments: { id: runArgument },
  options: {
    repetitions: required(
      repetitionsOption('--to <count>', 'how many repetitions the run has from now on'),
    ),
    ...changeOptions,
    ...goOnOptions,
    ...executionOptions,
    db: databaseOption(),
    on: onOption(['checkStored', ...settled]),
    histogram: histogramOption,
    ...analysisOptions,
    json: reportOption,
    verbose: verboseOption,
  },
  help: `
The run's values are kept, its seed goes on, and its old average stays in its history.

Example:
  $ stepcompute extend 3 --to 1000000`,
  action: ({ id, db, on, repetitions, delayMs, tolerance, ...options }, context) => {
    const { acceptChangedSimulation, ...others } = options;
    const change = { repetitions, delayMs, tolerance, acceptChangedSimulation };
    return resume(id, change, { db, on }, others, context);
  },
});
