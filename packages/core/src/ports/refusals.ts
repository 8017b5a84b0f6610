import { InvalidInputError } from '../errors/invalid-input-error.js';
import type { Ledger } from '../run/ledger.js';
import type { RunId } from '../run/numbers.js';
import { IncompleteRunError } from '../run/run-errors.js';
import type { Run } from '../run/run.js';

// For stores: what all of them refuse, in the same words.

/**
 * A run is never made shorter, since values would be left over.
 * @throws InvalidInputError when the run has more repetitions than asked for
 */
export function refuseFewerRepetitions(
  { id, repetitions }: Pick<Run, 'id' | 'repetitions'>,
  asked: number | undefined,
): void {
  if (asked !== undefined && asked < repetitions) {
    throw new InvalidInputError('repetitions', `at least run ${id}'s ${repetitions}`, asked);
  }
}

/** @throws InvalidInputError when the iteration lies outside the run */
export function refuseOutside(
  { id, repetitions }: Pick<Run, 'id' | 'repetitions'>,
  iterationId: number,
): void {
  if (iterationId >= repetitions) {
    throw new InvalidInputError(
      'iteration id',
      `below run ${id}'s ${repetitions} repetitions`,
      iterationId,
    );
  }
}

/**
 * @param tolerated how many of the run's iterations may fail
 * @throws IncompleteRunError when the run can't be averaged yet
 */
export function refuseIncomplete(id: RunId, ledger: Ledger, tolerated: number): void {
  if (ledger.missing > 0 || ledger.failed > tolerated || ledger.completed === 0) {
    throw new IncompleteRunError(id, ledger, tolerated);
  }
}
