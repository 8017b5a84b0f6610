import type { RunChange, RunId } from '@stepcompute/core';
import { completeResult, parseRunChange } from '@stepcompute/core/adapters';
import { declareCommand } from '../command.js';
import { openExistingDatabase } from '../databases.js';
import { openEngine } from '../engine.js';
import { recordedGenerator } from '../generators.js';
import {
  changeOptions,
  databaseOption,
  executionOptions,
  reportOption,
  runArgument,
  verboseOption,
  type ExecutionOptions,
} from '../options.js';
import { RunWatch } from '../run-watch.js';
import type { Context } from '../context.js';

export const resumeCommand = declareCommand({
  name: 'resume',
  description: 'do what is missing or failed of a run, and average it',
  arguments: { id: runArgument },
  options: {
    ...changeOptions,
    ...executionOptions,
    db: databaseOption(),
    json: reportOption,
    verbose: verboseOption,
  },
  help: `
The stored values are kept. The run remembers its generator, seed, delay and tolerance; --delay and
--tolerate change them. A complete run answers with its stored average, also when the generator's
file is gone.

Examples:
  $ stepcompute resume 3
  $ stepcompute resume 3 --attempts 5 --tolerate 2`,
  action: ({ id, delayMs, tolerance, db, ...options }, context) =>
    resume(id, { delayMs, tolerance }, db, options, context),
});

/** Takes a run, with what is to be changed of it, to its end. */
export async function resume(
  id: RunId,
  change: RunChange,
  db: string,
  options: ExecutionOptions,
  context: Context,
): Promise<void> {
  const { interruption } = context;
  const { stores, close } = await interruption.race(
    openExistingDatabase(db),
    'the database never opens',
  );
  try {
    const watch = new RunWatch(stores, db, context);
    const neverAnswers = 'the database never answers';
    const run = await interruption.race(stores.runs.get(id), neverAnswers);
    if (Object.keys(parseRunChange(change)).length === 0) {
      const complete = await interruption.race(completeResult(stores, run), neverAnswers);
      if (complete !== undefined) {
        await watch.answer(complete);
        return;
      }
    }
    const generator = await interruption.race(
      recordedGenerator(run.generatorName),
      'the generator’s module never finishes loading',
    );
    const engine = openEngine(generator, stores, options);
    try {
      await watch.toTheEnd(engine.orchestrator.resume(id, change, watch.runOptions));
    } finally {
      await engine.close();
    }
  } finally {
    await close();
  }
}
