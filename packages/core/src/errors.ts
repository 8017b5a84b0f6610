import type { IterationId } from './range.js';
import type { Ledger, RunId } from './run.js';

/** Survives two copies of this package in one process, where `instanceof` does not. */
const brand = Symbol.for('@stepcompute/core/StepComputeError');

/**
 * Every error that StepCompute raises on purpose. Compare `name` or `code`, never `instanceof`:
 * both are stable, and `name` is what crosses a Lambda or a state machine.
 */
export abstract class StepComputeError extends Error {
  declare readonly name: string;
  /** Stable, machine-readable, in capitals. */
  abstract readonly code: string;

  static {
    Object.defineProperty(this.prototype, brand, { value: true });
  }
}

/** Whether `error` is one of this taxonomy, from whichever copy of the package. */
export function isStepComputeError(error: unknown): error is StepComputeError {
  return looked(() => typeof error === 'object' && error !== null && brand in error, false);
}

/** The name lives on the prototype so that stack traces show it, and explicitly so that minifiers can't change it. */
function setName(constructor: { prototype: object }, name: string): void {
  Object.defineProperty(constructor.prototype, 'name', {
    value: name,
    writable: true,
    configurable: true,
  });
}

/** A value from outside is not what its place demands; nothing was done. */
export class InvalidInputError extends StepComputeError {
  declare readonly name: 'InvalidInputError';
  readonly code = 'INVALID_INPUT';
  static {
    setName(this, 'InvalidInputError');
  }

  /**
   * @param field what was wrong, as its giver knows it: `repetitions`, `seed`, …
   * @param expected what would have been right, to follow "must be"
   * @param received the value given
   */
  constructor(
    readonly field: string,
    readonly expected: string,
    readonly received: unknown,
    options?: ErrorOptions,
  ) {
    super(`${field} must be ${expected}; got ${describeValue(received)}`, options);
  }
}

/** No run has this id in this store. */
export class RunNotFoundError extends StepComputeError {
  declare readonly name: 'RunNotFoundError';
  readonly code = 'RUN_NOT_FOUND';
  static {
    setName(this, 'RunNotFoundError');
  }

  constructor(readonly runId: RunId) {
    super(`run ${runId} does not exist in this store`);
  }
}

/** An idempotency key came back with another input than the one its run was allocated for. */
export class ConflictingRunError extends StepComputeError {
  declare readonly name: 'ConflictingRunError';
  readonly code = 'CONFLICTING_RUN';
  static {
    setName(this, 'ConflictingRunError');
  }

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

/** One iteration produced no value; `cause` says why. */
export class IterationFailedError extends StepComputeError {
  declare readonly name: 'IterationFailedError';
  readonly code = 'ITERATION_FAILED';
  static {
    setName(this, 'IterationFailedError');
  }

  constructor(
    readonly runId: RunId,
    readonly iterationId: IterationId,
    cause: unknown,
  ) {
    super(`iteration ${iterationId} of run ${runId} failed: ${messageOf(cause)}`, { cause });
  }
}

/** A generator answered with something that is not a finite number. The cause of an {@link IterationFailedError}. */
export class InvalidValueError extends StepComputeError {
  declare readonly name: 'InvalidValueError';
  readonly code = 'INVALID_VALUE';
  static {
    setName(this, 'InvalidValueError');
  }

  constructor(readonly received: unknown) {
    super(`a value must be a finite number; the generator returned ${describeValue(received)}`);
  }
}

/** A generator did not settle in time. The cause of an {@link IterationFailedError}. */
export class IterationTimeoutError extends StepComputeError {
  declare readonly name: 'IterationTimeoutError';
  readonly code = 'ITERATION_TIMEOUT';
  static {
    setName(this, 'IterationTimeoutError');
  }

  constructor(readonly timeoutMs: number) {
    super(`the generator did not settle within ${timeoutMs} ms`);
  }
}

/** A second, different value was offered for an iteration; the first one stays. */
export class ConflictingValueError extends StepComputeError {
  declare readonly name: 'ConflictingValueError';
  readonly code = 'CONFLICTING_VALUE';
  static {
    setName(this, 'ConflictingValueError');
  }

  constructor(
    readonly runId: RunId,
    readonly iterationId: IterationId,
    readonly kept: number,
    readonly offered: number,
  ) {
    super(
      `iteration ${iterationId} of run ${runId} already has the value ${kept}; ` +
        `the different value ${offered} was refused`,
    );
  }
}

/** More iterations failed than the run tolerates; `cause` is the lowest one's {@link IterationFailedError}. */
export class ToleranceExceededError extends StepComputeError {
  declare readonly name: 'ToleranceExceededError';
  readonly code = 'TOLERANCE_EXCEEDED';
  static {
    setName(this, 'ToleranceExceededError');
  }

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
export class IncompleteRunError extends StepComputeError {
  declare readonly name: 'IncompleteRunError';
  readonly code = 'INCOMPLETE_RUN';
  static {
    setName(this, 'IncompleteRunError');
  }

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

/** The values are finite but their sum, or the sum of their squared deviations, is not. */
export class AverageOverflowError extends StepComputeError {
  declare readonly name: 'AverageOverflowError';
  readonly code = 'AVERAGE_OVERFLOW';
  static {
    setName(this, 'AverageOverflowError');
  }

  constructor(options?: ErrorOptions) {
    super(
      'the values are too large to average: their sum, or the sum of their squared deviations, ' +
        'leaves the range of a double; scale the simulation’s result down',
      options,
    );
  }
}

/** A store could not do its work; `cause` holds the driver's error. */
export class PersistenceError extends StepComputeError {
  declare readonly name: 'PersistenceError';
  readonly code = 'PERSISTENCE';
  /** Whether the same call may succeed later, unchanged. Every store call is idempotent. */
  readonly retryable: boolean;
  static {
    setName(this, 'PersistenceError');
  }

  constructor(message: string, options: ErrorOptions & { retryable: boolean }) {
    super(message, options);
    this.retryable = options.retryable;
  }
}

/** A step that runs elsewhere ended without a value or an error of this taxonomy: a time-out, a crash, a refusal. */
export class StepFailedError extends StepComputeError {
  declare readonly name: 'StepFailedError';
  readonly code = 'STEP_FAILED';
  static {
    setName(this, 'StepFailedError');
  }

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

/** The caller's AbortSignal stopped the work. `ledger` says what is stored, when a run had begun. */
export class CancelledError extends StepComputeError {
  declare readonly name: 'CancelledError';
  readonly code = 'CANCELLED';
  static {
    setName(this, 'CancelledError');
  }

  constructor(
    readonly runId?: RunId,
    readonly ledger?: Ledger,
    options?: ErrorOptions,
  ) {
    super(
      runId === undefined || ledger === undefined
        ? 'cancelled before a run was allocated'
        : `run ${runId} was cancelled: ${ledger.completed} of ${ledger.requested} values are stored, ` +
            `${ledger.failed} failed, ${ledger.missing} missing`,
      options,
    );
  }
}

/** Whether `thrown` is an error, also of another realm: under Jest, Node's own errors are no `instanceof Error`. */
export function isError(thrown: unknown): thrown is Error {
  return looked(() => {
    if (thrown instanceof Error) return true;
    if (typeof thrown !== 'object' || thrown === null) return false;
    const { name, message } = thrown as { name?: unknown; message?: unknown };
    return typeof name === 'string' && typeof message === 'string';
  }, false);
}

/** The name of whatever was thrown; `Error` when it has none. */
export function nameOf(thrown: unknown): string {
  return looked(() => {
    const name: unknown = isError(thrown) ? thrown.name : undefined;
    return typeof name === 'string' && name !== '' ? name : 'Error';
  }, 'Error');
}

/** The message of whatever was thrown, which need not be an Error. */
export function messageOf(thrown: unknown): string {
  return looked(() => {
    const message: unknown = isError(thrown) ? thrown.message : undefined;
    return typeof message === 'string' ? message : describeValue(thrown);
  }, 'an object that may not be looked at');
}

/** What a look comes to; `otherwise` when what is looked at throws, as a proxy or a getter may. */
function looked<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

const longestDescription = 80;

/** The text without what a URL in it may hold of a password. */
export function withoutSecrets(text: string): string {
  return text
    .replaceAll(/:\/\/[^@\s]*@/g, '://…@')
    .replaceAll(/(password|passwd|pwd|secret)=[^&\s"']*/gi, '$1=…');
}

/** A short, unambiguous rendering for error messages: strings quoted and cut, objects by kind. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(cut(withoutSecrets(value)));
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'bigint':
      return `${value}n`;
    case 'object':
      return value === null
        ? 'null'
        : looked(() => Array.isArray(value), false)
          ? 'an array'
          : 'an object';
    case 'function':
    case 'symbol':
      return `a ${typeof value}`;
    default:
      return String(value);
  }
}

function cut(text: string): string {
  return text.length > longestDescription ? `${text.slice(0, longestDescription)}…` : text;
}
