import {
  IterationFailedError,
  StepFailedError,
  Tolerance,
  ToleranceExceededError,
  type IterationFailure,
  type Run,
  type Stores,
} from '@stepcompute/core';
import { toldErrors } from './wire/index.js';

/**
 * Why a run's Map has failed, as its ledger has it: the error that one of the functions told, the
 * lowest failure that stands, or that more failed than are tolerated.
 * @param caught what the Map says, which names no function's error
 */
export async function whyFailed(
  stores: Pick<Stores, 'failures'>,
  run: Run,
  caught: Error,
): Promise<Error> {
  let lowest: IterationFailure | undefined;
  for await (const failures of stores.failures.read(run.id)) {
    lowest ??= failures[0];
    const told = failures.find(({ errorName }) => toldErrors.includes(errorName));
    if (told !== undefined) return asThrown(told);
  }
  const { failed, requested } = await stores.failures.ledger(run.id);
  const tolerated = Tolerance.failures(run.tolerance, requested);
  if (lowest !== undefined && failed > tolerated) return failureOf(run, lowest, failed, tolerated);
  return new StepFailedError(
    `the Map of run ${run.id} (seed ${run.seed})`,
    caught.name,
    `${caught.message}; no failed iteration says why, but the Map Run has the execution that failed`,
  );
}

/** The run's failure, of which the lowest iteration that failed is the reason. */
export function failureOf(
  { id: runId, seed }: Run,
  lowest: IterationFailure,
  failed: number,
  tolerated: number,
): IterationFailedError | ToleranceExceededError {
  const { iterationId, attempts } = lowest;
  const cause = new IterationFailedError({ runId, seed }, iterationId, asThrown(lowest), attempts);
  return tolerated === 0 ? cause : new ToleranceExceededError(runId, failed, tolerated, { cause });
}

/** The error as it was, but for its stack: that stayed where it was thrown, but for its first line. */
function asThrown({ errorName: name, message }: IterationFailure): Error {
  return Object.assign(new Error(message), { name, stack: `${name}: ${message}` });
}
