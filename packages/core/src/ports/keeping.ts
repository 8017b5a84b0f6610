import { RunParameters } from '../run/parameters.js';
import { IterationRange, without } from '../run/range.js';
import { ConflictingValueError } from '../run/run-errors.js';
import type { IterationId, RunId } from '../run/numbers.js';
import { requestFields, type NewRun, type ParsedRunChange } from '../run/request.js';
import type { Run, RunStatus } from '../run/run.js';
import type { ValueColumns } from '../simulation/value.js';
import { refuseFewerRepetitions } from './refusals.js';

// For stores that keep a record as a whole, and find in their own process.

/** The run as it is allocated. */
export function startedRun(id: RunId, asked: NewRun): Run {
  return { ...asked, id, status: 'started', startedAt: new Date(), finishedAt: undefined };
}

/**
 * The run once `RunStore.finish` has recorded how it ended: as it was where it is completed already.
 * @param repetitions how many it had when it ended; as it was where it has been extended since
 */
export function finishedRun(
  run: Run,
  repetitions: number,
  status: Exclude<RunStatus, 'started'>,
): Run {
  if (run.status === 'completed' || run.repetitions !== repetitions) return run;
  return { ...run, status, finishedAt: new Date() };
}

/**
 * The run once `RunStore.reopen` has started it again.
 * @throws InvalidInputError when it has more repetitions than asked for
 */
export function reopenedRun(
  run: Run,
  { accepted, ...change }: ParsedRunChange,
  only?: Pick<Run, 'repetitions'>,
): Run {
  const isMeant = run.status !== 'completed' && run.repetitions === only?.repetitions;
  if (only !== undefined && !isMeant) return run;
  refuseFewerRepetitions(run, change.repetitions);
  const simulation = accepted === undefined ? run.simulation : [...run.simulation, accepted];
  return { ...run, ...change, simulation, status: 'started', finishedAt: undefined };
}

/** JSON has no undefined: the fields of a request that are left out of it. */
const absent = Object.fromEntries(Object.keys(requestFields).map((field) => [field, undefined]));

/** @param json of a run, as `JSON.stringify` has it */
export function runFromJson(json: string): Run {
  const run = JSON.parse(json) as Run & { startedAt: string; finishedAt?: string };
  const parameters = RunParameters.parse(run.parameters);
  return {
    ...absent,
    ...run,
    parameters,
    request: { ...absent, ...run.request, parameters },
    versions: run.versions,
    startedAt: new Date(run.startedAt),
    finishedAt: run.finishedAt === undefined ? undefined : new Date(run.finishedAt),
  };
}

/**
 * How an iteration's numbers differ from those that its store has.
 * @param kept and `offered`: a number for each of the run's measures
 */
export function conflictOf(
  { id, measures }: Pick<Run, 'id' | 'measures'>,
  iterationId: IterationId,
  kept: readonly number[],
  offered: readonly number[],
): ConflictingValueError | undefined {
  const place = kept.findIndex((number, index) => number !== offered[index]);
  if (place < 0) return undefined;
  return new ConflictingValueError(id, iterationId, kept[place]!, offered[place]!, measures[place]);
}

/** @throws ConflictingValueError the one of the lowest iteration, if there is any */
export function refuseConflicts(conflicts: readonly ConflictingValueError[]): void {
  const [lowest] = [...conflicts].sort((a, b) => a.iterationId - b.iterationId);
  if (lowest !== undefined) throw lowest;
}

/**
 * `ValueStore.missing` by a scan, for a store without a shorter way.
 * @param scan of the run's values, from where it is asked for on
 */
export async function missingByScan(
  { repetitions }: Pick<Run, 'repetitions'>,
  within: readonly IterationRange[] | undefined,
  scan: (from: IterationId) => AsyncIterable<ValueColumns>,
): Promise<readonly IterationRange[]> {
  const ranges = (within ?? [IterationRange.whole(repetitions)]).flatMap(
    ({ first, count }) => IterationRange.between(first, Math.min(first + count, repetitions)) ?? [],
  );
  const [first] = ranges;
  const last = ranges.at(-1);
  if (first === undefined || last === undefined) return [];
  const end = last.first + last.count;
  const taken: { first: IterationId; count: number }[] = [];
  for await (const { iterationIds } of scan(first.first)) {
    for (const id of iterationIds) {
      if (id >= end) return without(ranges, taken);
      const before = taken.at(-1);
      if (before !== undefined && before.first + before.count === id) before.count += 1;
      else taken.push({ first: id as IterationId, count: 1 });
    }
  }
  return without(ranges, taken);
}
