import {
  deleteRun,
  RunNotFoundError,
  StartedRunError,
  type DeletedRun,
  type Run,
  type RunId,
  type Stores,
} from '@stepcompute/core';
import { declareCommand, flag, leftOut } from '../command.js';
import { canAsk, confirm } from '../confirm.js';
import { withStores } from '../databases.js';
import { refuseNotOne, ReportedError, UsageError } from '../errors.js';
import { allOfExperiment } from '../experiments.js';
import { formatCount } from '../format.js';
import {
  databaseOption,
  experimentOption,
  jsonOption,
  onOption,
  runsArgument,
  verboseOption,
} from '../options.js';

export const deleteCommand = declareCommand({
  name: 'delete',
  description: 'delete runs, or the runs of an experiment, for good, with all of their values',
  arguments: { ids: leftOut(runsArgument) },
  options: {
    experiment: experimentOption('the experiment whose runs are deleted, all of this name'),
    yes: flag('-y, --yes', 'ask nothing; needed where there is no terminal to ask on'),
    force: flag(
      '--force',
      'also a run that is started: whoever is at work on it fails with its next write',
    ),
    db: databaseOption(),
    on: onOption(),
    json: jsonOption('print a JSON object'),
    verbose: verboseOption,
  },
  help: `
A deleted run's id is never given again, nor is its idempotency key. A delete that was
interrupted is repeated: it goes on where it was.

Examples:
  $ stepcompute delete 3
  $ stepcompute delete 3 4 5 --yes
  $ stepcompute delete --experiment strikes`,
  async action({ ids: given, experiment, yes, force, db, on }, { terminal, interruption }) {
    // None is given as an empty list.
    refuseNotOne(given?.length === 0 ? undefined : given, experiment);
    if (!yes && !canAsk()) {
      throw new UsageError('delete asks on a terminal: elsewhere, give --yes');
    }
    const deleted: DeletedRun[] = [];
    let current: RunId | undefined;
    try {
      await withStores({ db, on }, interruption, async (stores) => {
        const ids =
          experiment === undefined
            ? [...new Set(given)]
            : (await allOfExperiment(stores, experiment)).map(({ id }) => id);
        const runs = await runsOf(ids, stores);
        const started = runs.find(({ status }) => status === 'started');
        if (started !== undefined && !force) throw new StartedRunError(started.id);
        if (!yes && runs.length > 0 && !(await confirm(questionOf(runs)))) {
          terminal.note('Nothing was deleted.');
          return;
        }
        for (const id of ids) {
          current = id;
          const gone = await deleteRun(stores, id, { force });
          current = undefined;
          deleted.push(gone);
          const isLiving = runs.some((run) => run.id === id);
          if (!terminal.wantsJson) terminal.print(textOf(gone, isLiving));
        }
      });
    } catch (error) {
      // It may have been interrupted, or the database is out of reach.
      const note = `Run ${current} may be deleted in part: the same command goes on.`;
      throw new ReportedError(error, { deleted }, current === undefined ? [] : [note]);
    }
    if (terminal.wantsJson) terminal.print(JSON.stringify({ deleted }));
  },
});

/**
 * Those of the runs that were not deleted before.
 * @throws RunNotFoundError when there has never been one of them
 */
async function runsOf(ids: readonly RunId[], { runs, tombstones }: Stores): Promise<Run[]> {
  const found: Run[] = [];
  for (const id of ids) {
    try {
      found.push(await runs.get(id));
    } catch (error) {
      if (!(error instanceof RunNotFoundError) || !(await tombstones.has(id))) throw error;
    }
  }
  return found;
}

/** So many runs are named. */
const mostNamed = 10;

function questionOf(runs: readonly Run[]): string {
  const [first] = runs;
  if (first !== undefined && runs.length === 1) {
    const { id, generatorName, status, repetitions } = first;
    const size = counted(repetitions, 'repetition');
    return `Delete run ${id} for good (${generatorName}, ${status}, ${size})?`;
  }
  const ids = runs.slice(0, mostNamed).map(({ id }) => id);
  const others = runs.length - ids.length;
  return `Delete ${runs.length} runs for good: ${ids.join(', ')}${others > 0 ? ` and ${others} more` : ''}?`;
}

function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function textOf({ runId, failures, averages, values }: DeletedRun, isLiving: boolean): string {
  const counts = (
    [
      [values, 'value'],
      [failures, 'failure'],
      [averages, 'average'],
    ] as const
  )
    .filter(([count]) => count > 0)
    .map(([count, noun]) => counted(count, noun));
  const what = counts.length === 0 ? 'nothing' : counts.join(', ');
  return isLiving
    ? `Deleted run ${runId}, with ${counts.length === 0 ? 'no values' : what}.`
    : `Run ${runId} was deleted before: ${what} of it was left.`;
}
