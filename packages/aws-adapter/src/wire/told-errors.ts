import type * as core from '@stepcompute/core';

/** The name of every error of core's taxonomy. */
type ErrorName = {
  [Export in keyof typeof core]: NamedError<(typeof core)[Export]>;
}[keyof typeof core];

/** The name of a class's errors; never for what is no such class, or is the base of them all. */
type NamedError<Class> = Class extends abstract new (...args: never) => infer Instance
  ? Instance extends core.StepComputeError
    ? string extends Instance['name']
      ? never
      : Instance['name']
    : never
  : never;

/**
 * For each error, whether step 2's function throws it to tell how its assignment went. The run fails
 * with it. After any other error the function counts as lost: what is missing of its assignment goes
 * on record as failed.
 */
const tells = {
  // Of step 3.
  AverageOverflowError: false,
  CancelledError: true,
  // Of whoever runs an experiment.
  ChangedDesignError: false,
  ChangedSimulationError: true,
  // Of step 1.
  ConflictingRunError: false,
  ConflictingValueError: true,
  // Of step 1.
  DeletedRunError: false,
  // Of who compares runs.
  IncomparableRunsError: false,
  // Of step 3.
  IncompleteRunError: false,
  InvalidInputError: true,
  // The causes of an IterationFailedError.
  InvalidValueError: false,
  IterationTimeoutError: false,
  IterationFailedError: true,
  PersistenceError: true,
  RunNotFoundError: true,
  // Of whoever runs an experiment.
  ScenariosFailedError: false,
  // Of who deletes.
  StartedRunError: false,
  // Of whoever follows the state machine.
  StepFailedError: false,
  ToleranceExceededError: true,
} satisfies Record<ErrorName, boolean>;

/** The names of the errors that step 2's function tells of itself. */
export const toldErrors: readonly string[] = Object.entries(tells)
  .filter(([, isTold]) => isTold)
  .map(([name]) => name);

/** Those of them that tell of failures which step 2 has put on record before. */
export const recordedErrors: readonly string[] = [
  'IterationFailedError',
  'ToleranceExceededError',
] satisfies ErrorName[];
