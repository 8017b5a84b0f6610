import type { RunId } from './numbers.js';
import type { NewRun } from './request.js';

/** Every status that a run can have. */
export const runStatuses = ['started', 'completed', 'failed', 'cancelled'] as const;

/**
 * `started` until the run is known to have ended: a process that was killed leaves its runs so.
 * `completed` is final unless the run is resumed; `failed` and `cancelled` may still become `completed`.
 */
export type RunStatus = (typeof runStatuses)[number];

/** One request for N repetitions, as its store recorded it. */
export interface Run extends NewRun {
  readonly id: RunId;
  readonly status: RunStatus;
  readonly startedAt: Date;
  /** When the run last ended, in whichever way. */
  readonly finishedAt: Date | undefined;
}

export const identityFields = ['runId', 'seed', 'parameters'] as const;

/**
 * Everything that an iteration's value depends on beside its own id and the simulation's code. It
 * travels whole to whoever generates, who compares the code with what the run's record accepts.
 */
export type RunIdentity = Readonly<
  Pick<Run & { readonly runId: RunId }, (typeof identityFields)[number]>
>;

export const RunIdentity = {
  of: ({ id, ...run }: Run): RunIdentity => RunIdentity.pick({ runId: id, ...run }),
  /** The identity in something that has more fields. */
  pick: (identity: RunIdentity): RunIdentity =>
    Object.fromEntries(identityFields.map((field) => [field, identity[field]])) as never,
  /** True when two iterations with the same id have the same value, from the same code. */
  equal: (a: RunIdentity, b: RunIdentity): boolean =>
    // A run's iterations share one object of parameters, so the texts are hardly ever compared.
    identityFields.every((field) => a[field] === b[field] || sameText(a[field], b[field])),
} as const;

function sameText(a: unknown, b: unknown): boolean {
  return typeof a === 'object' && JSON.stringify(a) === JSON.stringify(b);
}
