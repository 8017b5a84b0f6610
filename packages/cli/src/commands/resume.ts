import type { RunChange, RunId } from '@stepcompute/core';
import { completeResult, parseRunChange } from '@stepcompute/core/adapters';
import { refuseOtherMeasures } from '../checks.js';
import { declareCommand } from '../command.js';
import { openExistingDatabase, type Place } from '../databases.js';
import { openDeployed } from '../deployments.js';
import { openEngine } from '../engine.js';
import { refuseOtherMeasure } from '../histogram.js';
import {
  analysisOptions,
  changeOptions,
  databaseOption,
  executionOptions,
  goOnOptions,
  histogramOption,
  onOption,
  reportOption,
  runArgument,
  settled,
  verboseOption,
  type ExecutionOptions,
  type GoOnOptions,
} from '../options.js';
import { RunWatch, type AskedOfValues } from '../run-watch.js';
import { openSimulation, recordedSimulation } from '../simulations.js';
import type { Context } from '../context.js';

export const resumeCommand = declareCommand({
  name: 'resume',
  description: 'do what is missing or failed of a run, and average it',
  arguments: { id: runArgument },
  options: {
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
The stored values are kept. The run remembers its simulation, parameters, seed, delay and tolerance;
--delay and --tolerate change the last two. Where the simulation's code is not the run's, or its lowest
stored iteration comes to another value, nothing is done and the exit code is 2. A complete run answers
with its stored average, also when the simulation's file is gone.

Examples:
  $ stepcompute resume 3
  $ stepcompute resume 3 --attempts 5 --tolerate 2
  $ stepcompute resume 3 --generator ./moved/pricing.ts
  $ stepcompute resume 3 --accept-changed-simulation`,
  action: ({ id, delayMs, tolerance, acceptChangedSimulation, db, on, ...options }, context) =>
    resume(id, { delayMs, tolerance, acceptChangedSimulation }, { db, on }, options, context),
});

/** Takes a run, with what is to be changed of it, to its end. */
export async function resume(
  id: RunId,
  change: RunChange,
  { db, on }: Place,
  options: ExecutionOptions & GoOnOptions & AskedOfValues,
  context: Context,
): Promise<void> {
  const { interruption } = context;
  const deployed =
    on && (await interruption.race(openDeployed(on), 'the deployment never answers'));
  const { stores, close } =
    deployed ?? (await interruption.race(openExistingDatabase(db), 'the database never opens'));
  try {
    const neverAnswers = 'the database never answers';
    const run = await interruption.race(stores.runs.get(id), neverAnswers);
    refuseOtherMeasure(run.measures, options.histogram);
    refuseOtherMeasures(options.checks, run.measures);
    const watch = new RunWatch(stores, on?.text ?? db, context, options);
    if (Object.keys(parseRunChange(change)).length === 0) {
      const complete = await interruption.race(completeResult(stores, run), neverAnswers);
      if (complete !== undefined) {
        await watch.answer(complete);
        return;
      }
    }
    if (deployed !== undefined) {
      await watch.toTheEnd(deployed.orchestrator.resume(id, change, watch.runOptions));
      return;
    }
    const { file, checkStored } = options;
    const found = await (file === undefined
      ? recordedSimulation(run, interruption)
      : openSimulation(file, interruption));
    const engine = openEngine(found, stores, options, checkStored);
    try {
      await watch.toTheEnd(engine.orchestrator.resume(id, change, watch.runOptions));
    } finally {
      await engine.close();
      interruption.hasSimulation = false;
    }
  } finally {
    await close();
  }
}
