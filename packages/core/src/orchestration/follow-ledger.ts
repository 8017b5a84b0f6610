import type { Stores } from '../ports/stores.js';
import { ledgerOf, type Ledger } from '../run/ledger.js';
import { countOf, hullOf, IterationRange } from '../run/range.js';
import type { Run } from '../run/run.js';

/** The most ranges that are looked at apart; beyond, neighbours are looked at together. */
const mostRanges = 10_000;

/**
 * Follows a run that others work on: each step of the iteration is one look at its ledger. A look costs
 * what has come since the one before, however long the run is, and what failures stand. The pace is
 * yours; it never ends by itself.
 * @param run as it was when the work on it began: how many repetitions it has
 * @throws RunNotFoundError
 * @example
 * for await (const ledger of followLedger(stores, plan.run)) {
 *   if (ledger.missing === 0) break;
 *   await clock.sleep(2000, signal);
 * }
 */
export async function* followLedger(
  { values, failures }: Pick<Stores, 'values' | 'failures'>,
  { id, repetitions }: Pick<Run, 'id' | 'repetitions'>,
): AsyncGenerator<Ledger, never> {
  let open: readonly IterationRange[] = [IterationRange.whole(repetitions)];
  for (;;) {
    const gaps = await values.missing(id, open);
    // After the gaps: in the other order a failure that got its value in between would count twice, and hide
    // one that is missing. To record none tells how many stand.
    const failed = await failures.record(id, []);
    const completed = repetitions - countOf(gaps);
    yield ledgerOf({
      requested: repetitions,
      completed,
      // There are others where the run has been extended meanwhile.
      failed: Math.min(failed, repetitions - completed),
    });
    open = coarser(gaps);
  }
}

/** The same iterations in few enough ranges, with some that are not missing between them. */
function coarser(gaps: readonly IterationRange[]): readonly IterationRange[] {
  const together = Math.ceil(gaps.length / mostRanges);
  if (together <= 1) return gaps;
  return Array.from({ length: Math.ceil(gaps.length / together) }, (_, index) =>
    hullOf(gaps.slice(index * together, (index + 1) * together)),
  ).filter((range) => range !== undefined);
}
