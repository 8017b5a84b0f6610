import { refuseIncomplete } from '../ports/refusals.js';
import type { Stores } from '../ports/stores.js';
import { PersistenceError } from '../run/run-errors.js';
import type { Run } from '../run/run.js';
import { Tolerance } from '../run/tolerance.js';

/** The result of reading runs. */
export interface Look<T> {
  /** How many values each run had, when it was first read. */
  readonly counts: readonly number[];
  /** Undefined when a later reading had more. */
  readonly answer: (() => T) | undefined;
}

/**
 * Looks at complete runs until all that was read is of one moment: values are only ever added, so it is
 * when the ledgers count as many after the last reading as there were in the first.
 * @throws RunNotFoundError
 * @throws IncompleteRunError when an iteration has no value, unless it failed and its run tolerates as
 *   many failures; also when none has
 */
export async function ofOneMoment<T>(
  { failures }: Pick<Stores, 'failures'>,
  runs: readonly Pick<Run, 'id' | 'tolerance'>[],
  look: () => Promise<Look<T>>,
): Promise<T> {
  for (let before: readonly number[] = []; ;) {
    const { counts, answer } = await look();
    let isOfOneMoment = answer !== undefined;
    for (const [place, { id, tolerance }] of runs.entries()) {
      const ledger = await failures.ledger(id);
      refuseIncomplete(id, ledger, Tolerance.failures(tolerance, ledger.requested));
      const count = counts[place]!;
      if (ledger.completed === count && answer !== undefined) continue;
      // More may have come meanwhile, but not fewer, and not twice none.
      if (ledger.completed < count || count === before[place]) {
        const message = `run ${id} has ${count} values, and its ledger says ${ledger.completed}`;
        const moved = `run ${id} has another number of values each time that it is read`;
        throw new PersistenceError(answer === undefined ? moved : message, { retryable: false });
      }
      isOfOneMoment = false;
    }
    if (isOfOneMoment) return answer!();
    before = counts;
  }
}
