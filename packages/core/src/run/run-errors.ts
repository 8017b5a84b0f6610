import { errorClass } from '../errors/base.js';
import { describeValue } from '../errors/masking.js';
import { messageOf, reasonOf } from '../errors/thrown.js';
import type { Ledger } from './ledger.js';
import type { IterationId, RunId, Seed } from './numbers.js';

/** No run has this id in this store. */
export class RunNotFoundError extends errorClass('RunNotFoundError', 'RUN_NOT_FOUND') {
  constructor(readonly runId: RunId) {
    super(`run ${runId} does not exist in this store`);
  }
}

/** A run is not deleted while somebody may be at work on it. Nothing was done. */
export class StartedRunError extends errorClass('StartedRunError', 'STARTED_RUN') {
  constructor(readonly runId: RunId) {
    super(
      `run ${runId} is started: somebody is at work on it, or was killed; end or resume it first, ` +
        `or delete it all the same (force)`,
    );
  }
}

/** An idempotency key came back whose run was deleted. Nothing was done: no key is given twice. */
export class DeletedRunError extends errorClass('DeletedRunError', 'DELETED_RUN') {
  constructor(
    readonly runId: RunId,
    readonly idempotencyKey: string,
  ) {
    super(
      `idempotency key ${describeValue(idempotencyKey)} belongs to run ${runId}, which was deleted: use a new key`,
    );
  }
}

/** An idempotency key came back with another input than the one its run was allocated for. */
export class ConflictingRunError extends errorClass('ConflictingRunError', 'CONFLICTING_RUN') {
  constructor(
    readonly runId: RunId,
    readonly idempotencyKey: string,
    readonly field: string,
    kept: unknown,
    offered: unknown,
  ) {
    super(
      `idempotency key ${describeValue(idempotencyKey)} belongs to run ${runId}, whose ${field} is ` +
        `${describeValue(kept)}, not ${describeValue(offered)}: repeat the first input or use a new key`,
    );
  }
}

const mostTold = 3;

/** An experiment's runs were asked for by another design than the one at hand. Nothing was done. */
export class ChangedDesignError extends errorClass('ChangedDesignError', 'CHANGED_DESIGN') {
  /** @param differences each as a sentence without its end */
  constructor(
    readonly experiment: string,
    readonly differences: readonly string[],
  ) {
    const told = differences.slice(0, mostTold).join('; ');
    const more = differences.length - mostTold;
    super(
      `experiment ${describeValue(experiment)} was begun with another design: ${told}` +
        `${more > 0 ? `; and ${more} more` : ''}. Go on with the design as it was, or use a new name or key`,
    );
  }
}

export interface FailedScenario {
  readonly scenario: string;
  readonly error: unknown;
}

/** Some scenarios of an experiment have failed; the others have their results. `cause` is the first one's. */
export class ScenariosFailedError extends errorClass('ScenariosFailedError', 'SCENARIOS_FAILED') {
  /** @param count how many scenarios there are */
  constructor(
    readonly experiment: string,
    readonly failed: readonly FailedScenario[],
    count: number,
  ) {
    const [first] = failed;
    super(
      `${failed.length} of ${count} scenarios of experiment ${describeValue(experiment)} failed; ` +
        `${first?.scenario}: ${messageOf(first?.error)}`,
      { cause: first?.error },
    );
  }
}

/** One iteration produced no value; `cause` says why, and what else is here how to do it again. */
export class IterationFailedError extends errorClass('IterationFailedError', 'ITERATION_FAILED') {
  readonly runId: RunId;
  readonly seed: Seed;

  /** @param attempts how often the generator was called */
  constructor(
    { runId, seed }: { readonly runId: RunId; readonly seed: Seed },
    readonly iterationId: IterationId,
    cause: unknown,
    readonly attempts = 1,
  ) {
    const tries = attempts === 1 ? '' : `, ${attempts} attempts`;
    super(
      `iteration ${iterationId} of run ${runId} failed: ${reasonOf(cause)} (seed ${seed}${tries})`,
      { cause },
    );
    this.runId = runId;
    this.seed = seed;
  }
}

/**
 * The code at hand is not that which the run's record names, or does not generate the values that are
 * stored. Nothing was written.
 */
export class ChangedSimulationError extends errorClass(
  'ChangedSimulationError',
  'CHANGED_SIMULATION',
) {
  /**
   * @param difference what differs, as the end of a sentence
   * @param isAcceptable false when the run can't go on with the one at hand
   */
  constructor(
    readonly runId: RunId,
    readonly difference: string,
    readonly isAcceptable = true,
  ) {
    super(
      `run ${runId} is of another simulation than the one at hand: ${difference}. Go on with the ` +
        `simulation as it was${isAcceptable ? ', begin a new run, or accept the change (acceptChangedSimulation)' : ', or begin a new run'}`,
    );
  }

  /** The error that a message tells of, where the message alone crossed; undefined when it tells of none. */
  static fromMessage(message: string): ChangedSimulationError | undefined {
    const [, id, difference, rest = ''] =
      /^run (\d+) is of another simulation than the one at hand: (.*)\. Go on with the (.*)$/s.exec(
        message,
      ) ?? [];
    if (difference === undefined) return undefined;
    return new ChangedSimulationError(Number(id) as RunId, difference, rest.includes('accept'));
  }
}

/**
 * A generator answered with something else than a finite number for each of its simulation's measures.
 * The cause of an {@link IterationFailedError}.
 */
export class InvalidValueError extends errorClass('InvalidValueError', 'INVALID_VALUE') {
  /**
   * @param expected as a sentence, what is right
   * @param measure the one that is wrong, where one alone is
   */
  constructor(
    readonly received: unknown,
    expected = 'a value must be a finite number',
    readonly measure?: string,
  ) {
    super(`${expected}; the generator returned ${describeValue(received)}`);
  }
}

/** A generator did not settle in time. The cause of an {@link IterationFailedError}. */
export class IterationTimeoutError extends errorClass(
  'IterationTimeoutError',
  'ITERATION_TIMEOUT',
) {
  constructor(readonly timeoutMs: number) {
    super(`the generator did not settle within ${timeoutMs} ms`);
  }
}

const nounOf = (measure: string): string => (measure === 'value' ? 'value' : `value of ${measure}`);

/** A second, different value was offered for an iteration; the first one stays. */
export class ConflictingValueError extends errorClass(
  'ConflictingValueError',
  'CONFLICTING_VALUE',
) {
  constructor(
    readonly runId: RunId,
    readonly iterationId: IterationId,
    readonly kept: number,
    readonly offered: number,
    /** The first that differs. */
    readonly measure = 'value',
  ) {
    super(
      `iteration ${iterationId} of run ${runId} already has the ${nounOf(measure)} ${kept}; ` +
        `the different ${nounOf(measure)} ${offered} was refused`,
    );
  }
}

/** More iterations failed than the run tolerates; `cause` is the lowest one's {@link IterationFailedError}. */
export class ToleranceExceededError extends errorClass(
  'ToleranceExceededError',
  'TOLERANCE_EXCEEDED',
) {
  /**
   * @param failed how many had failed when the run was stopped
   * @param tolerated how many might have
   */
  constructor(
    readonly runId: RunId,
    readonly failed: number,
    readonly tolerated: number,
    options?: ErrorOptions,
  ) {
    const lowest = options?.cause === undefined ? '' : `; the lowest: ${messageOf(options.cause)}`;
    super(
      `run ${runId} tolerates ${tolerated} failures, and ${failed} of its iterations failed${lowest}`,
      options,
    );
  }
}

/** A run was to be averaged while an iteration was missing, more had failed than it tolerates, or none had a value. */
export class IncompleteRunError extends errorClass('IncompleteRunError', 'INCOMPLETE_RUN') {
  /** @param tolerated how many of the run's iterations may fail */
  constructor(
    readonly runId: RunId,
    readonly ledger: Ledger,
    readonly tolerated = 0,
  ) {
    const { requested, completed, failed, missing } = ledger;
    super(
      `run ${runId} has ${completed} of ${requested} values, ${failed} failed and ${missing} are missing: ` +
        (tolerated === 0
          ? `an average is taken over a complete run or not at all`
          : `an average is taken when none is missing and at most ${tolerated} failed`),
    );
  }
}

/** Two runs are of different simulations, or have no iteration in common: a difference would say nothing. */
export class IncomparableRunsError extends errorClass(
  'IncomparableRunsError',
  'INCOMPARABLE_RUNS',
) {
  /** @param difference what differs, as the end of a sentence */
  constructor(
    readonly control: RunId,
    readonly run: RunId,
    readonly difference: string,
  ) {
    super(`runs ${control} and ${run} can't be compared: ${difference}`);
  }
}

/** The values are finite but their sum, or the sum of their squared deviations, is not. */
export class AverageOverflowError extends errorClass('AverageOverflowError', 'AVERAGE_OVERFLOW') {
  constructor(options?: ErrorOptions) {
    super(
      'the values are too large to average: their sum, or the sum of their squared deviations, ' +
        'leaves the range of a double; scale the simulation’s result down',
      options,
    );
  }
}

/** A store could not do its work; `cause` holds the driver's error. */
export class PersistenceError extends errorClass('PersistenceError', 'PERSISTENCE') {
  /** True when the same call may succeed later, unchanged. Every store call is idempotent. */
  readonly retryable: boolean;
  constructor(message: string, options: ErrorOptions & { retryable: boolean }) {
    super(message, options);
    this.retryable = options.retryable;
  }
}

/** A step that runs elsewhere ended without a value or an error of this taxonomy: a time-out, a crash, a refusal. */
export class StepFailedError extends errorClass('StepFailedError', 'STEP_FAILED') {
  /**
   * @param step where it happened, as the orchestrator calls it
   * @param errorName the name under which the orchestrator reports it
   */
  constructor(
    readonly step: string,
    readonly errorName: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`${step} failed with ${errorName}: ${reason}`, options);
  }
}

/**
 * The caller's AbortSignal stopped the work. `ledger` says what is stored, when a run had begun; where its
 * store no longer answered, what was known to be.
 */
export class CancelledError extends errorClass('CancelledError', 'CANCELLED') {
  /** False when the ledger is what was known of a store that no longer answered. */
  readonly isKnown: boolean;

  constructor(
    readonly runId?: RunId,
    readonly ledger?: Ledger,
    { isKnown = true, ...options }: ErrorOptions & { readonly isKnown?: boolean } = {},
  ) {
    const beginning = runId === undefined ? 'a run was allocated' : 'it was gone on with';
    super(
      runId === undefined || ledger === undefined
        ? `${runId === undefined ? '' : `run ${runId} was `}cancelled before ` +
            (isKnown ? beginning : 'its store had answered')
        : `run ${runId} was cancelled: ${isKnown ? '' : 'its store does not answer; as far as is known, '}` +
            `${ledger.completed} of ${ledger.requested} values are stored, ` +
            `${ledger.failed} failed, ${ledger.missing} missing`,
      options,
    );
    this.isKnown = isKnown;
  }
}
