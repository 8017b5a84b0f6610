import { refuseUnknown } from '../errors/unknown-fields.js';
import type { Stores, Swept } from '../ports/stores.js';
import { RunId } from '../run/numbers.js';

export interface DeleteRunOptions {
  /**
   * True to delete a run that is `started`: whoever is at work on it fails with its next write.
   * @default false
   */
  readonly force?: boolean | undefined;
}

/** How many rows {@link deleteRun} has deleted: those that were left when it was called. */
export type DeletedRun = { readonly runId: RunId } & Readonly<Record<Swept['of'], number>>;

/**
 * Deletes a run for good, with its failures, averages and values, by pages. A call that was killed is
 * repeated, and goes on; repeated after it was done, it deletes what came late.
 * @param id the run's
 * @throws InvalidInputError when `id` is none, or there is no such option
 * @throws StartedRunError when the run is `started`, unless forced; nothing is changed
 * @throws RunNotFoundError when there has never been such a run
 * @throws PersistenceError
 * @example
 * const { values } = await deleteRun(stores, 3);
 */
export async function deleteRun(
  { tombstones }: Pick<Stores, 'tombstones'>,
  id: number,
  options: DeleteRunOptions = {},
): Promise<DeletedRun> {
  const { force = false } = refuseUnknown(options, 'options', { force: true });
  const runId = RunId.parse(id);
  await tombstones.mark(runId, { force });
  const deleted = { runId, failures: 0, averages: 0, values: 0 };
  for await (const { of, count } of tombstones.sweep(runId)) deleted[of] += count;
  return deleted;
}
