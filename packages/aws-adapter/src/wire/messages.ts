import { InvalidInputError, IterationId, Repetitions, RunId } from '@stepcompute/core';
import {
  blockSizeFor,
  blocksOf,
  IterationRange,
  isTraceparent,
  iterationsOf,
  type RunPlan,
} from '@stepcompute/core/adapters';
import {
  changeInputFields,
  changeInputOf,
  requestInputFields,
  requestInputOf,
  type ChangeInput,
  type RequestInput,
} from './request-fields.js';

/** One iteration to be done, as the source document has it. */
export interface Pair {
  readonly runId: RunId;
  readonly iterationId: IterationId;
}

/** Several to be done by one function. */
export interface Block extends IterationRange {
  readonly runId: RunId;
}

/**
 * Step 1 hands this to the Map, and the Pass state to step 3. The list has pairs in inline mode and
 * blocks in distributed mode; it is empty when the run is complete already.
 */
export interface Assignments {
  readonly runId: RunId;
  readonly seed: number;
  /** The run's, for step 3: meanwhile it may go on to its next look. */
  readonly repetitions: number;
  readonly pairs?: readonly Pair[];
  readonly blocks?: readonly Block[];
  /** The request's trace context, which the Map gives each of them; null where nobody traces it, as a path needs. */
  readonly traceparent: string | null;
}

// The lists have to stay below 200 KiB of the 256 that a state may hand on.

/** The most pairs in a list: each costs at most 48 bytes. A deployment's settings may allow fewer. */
export const mostPairs = 4_000;

/** The most blocks in a list: each costs at most 58 bytes. A deployment's settings may allow fewer. */
export const mostBlocks = 3_000;

/**
 * A run to be resumed, with what is to be changed of it. Its parameters can't be: given, as by a request
 * that repeats the run's key, they have to be the run's.
 */
type ResumeInput = { readonly runId: RunId } & ChangeInput & Pick<RequestInput, 'parameters'>;

/** A new run, or one to be resumed. The step itself validates the numbers. */
export type RetrieveRunIdInput = RequestInput | ResumeInput;

/** Asks step 1: the state machine does, or somebody by hand with the input alone. */
export interface RetrieveRunIdEvent {
  readonly input: RetrieveRunIdInput;
  /** The execution's ARN. */
  readonly executionId: string | undefined;
  /** The delay that the run's iterations will have, wherever it is waited for. */
  readonly delayMs: number | undefined;
  /** The least iterations in a block; pairs when it is not given. */
  readonly blockSize: number | undefined;
  /** The request's trace context, beside what is asked for: a run doesn't depend on it. */
  readonly traceparent?: string | undefined;
  /** The most that the deployment's settings allow one execution. */
  readonly most: MostAssigned;
}

/** The most that one execution of a deployment gets done. */
export interface MostAssigned {
  /** Default: {@link mostPairs}. */
  readonly pairs?: number | undefined;
  /** Default: {@link mostBlocks}. */
  readonly blocks?: number | undefined;
  /** The most iterations in a block that one invocation of step 2 gets done. Default: any number. */
  readonly iterationsInBlock?: number | undefined;
}

/** The part that the state machine gives beside the execution's input, which has the trace context in it. */
export type RetrieveRunIdEnvelope = Omit<RetrieveRunIdEvent, 'traceparent'>;

const envelopeFields = Object.keys({
  input: true,
  executionId: true,
  delayMs: true,
  blockSize: true,
  most: true,
} satisfies Record<keyof RetrieveRunIdEnvelope, true>);

/**
 * @throws InvalidInputError unless it is `{repetitions, seed?, parameters?, tolerance?, traceparent?}` or
 *   `{runId, repetitions?, tolerance?, acceptChangedSimulation?, parameters?, traceparent?}`, alone or as the
 *   `input` of `{input, executionId, delayMs?, blockSize?, most?}`
 */
export function parseRetrieveRunIdEvent(event: unknown): RetrieveRunIdEvent {
  const outer = objectOf(event, 'event');
  const isEnvelope = 'executionId' in outer || 'input' in outer;
  if (isEnvelope) refuseOthers(outer, 'event', envelopeFields);
  const { traceparent, ...input } = isEnvelope ? objectOf(outer.input, 'input') : outer;
  return {
    input: parseInput(input),
    ...traced(traceparent),
    executionId: isEnvelope ? (outer.executionId as string) : undefined,
    delayMs: outer.delayMs as number | undefined,
    blockSize: outer.blockSize as number | undefined,
    most: parseMost(outer.most),
  };
}

function parseMost(value: unknown): MostAssigned {
  if (value === undefined) return {};
  const most = objectOf(value, 'most');
  refuseOthers(most, 'most', ['pairs', 'blocks', 'iterationsInBlock']);
  for (const [name, count] of Object.entries(most)) {
    if (!Number.isSafeInteger(count) || Number(count) < 1) {
      throw new InvalidInputError(`most ${name}`, 'an integer of 1 or more', count);
    }
  }
  return most;
}

function parseInput(input: Record<string, unknown>): RetrieveRunIdInput {
  if ('runId' in input) {
    refuseOthers(input, 'input', ['runId', ...changeInputFields, 'parameters']);
    const { runId, parameters, ...change } = input as unknown as ResumeInput;
    return {
      runId: RunId.parse(runId),
      ...changeInputOf(change),
      ...(parameters !== undefined && { parameters }),
    };
  }
  refuseOthers(input, 'input', requestInputFields);
  return requestInputOf(input as unknown as RequestInput);
}

/**
 * @param repetitions those of the run, or of an inline Map those that it still has to do
 * @throws InvalidInputError when they are more than one execution gets done
 */
export function refuseTooMany(
  repetitions: number,
  blockSize: number | undefined,
  most: MostAssigned,
): void {
  if (blockSize === undefined) {
    const { pairs = mostPairs } = most;
    if (repetitions > pairs) {
      const expected = `at most ${pairs} in inline mode (deploy with mode "distributed" for more)`;
      throw new InvalidInputError('repetitions', expected, repetitions);
    }
    return;
  }
  const { blocks = mostBlocks, iterationsInBlock = Infinity } = most;
  if (repetitions > blocks * iterationsInBlock) {
    const expected =
      `at most ${blocks * iterationsInBlock} as deployed, ${blocks} blocks of the ${iterationsInBlock} ` +
      'iterations that one function gets done in its time';
    throw new InvalidInputError('repetitions', expected, repetitions);
  }
}

/**
 * @param most how many step 3's function can average
 * @throws InvalidInputError when there are more
 */
export function refuseTooManyToAverage(repetitions: number, most: number): void {
  if (repetitions > most) {
    throw new InvalidInputError(
      'repetitions',
      `at most ${most} of this simulation on AWS, where a function has 15 minutes to average them`,
      repetitions,
    );
  }
}

/** The plan as a list for the Map. Blocks are handed out whole while anything of them is missing. */
export function assignmentsOf(
  { run, missing }: RunPlan,
  blockSize: number | undefined,
  {
    most: { blocks: most = mostBlocks } = {},
    traceparent = null,
  }: { readonly most?: MostAssigned; readonly traceparent?: string | null | undefined } = {},
): Assignments {
  const { id: runId, seed, repetitions } = run;
  if (blockSize === undefined) {
    const pairs = Array.from(iterationsOf(missing), (iterationId) => ({ runId, iterationId }));
    return { runId, seed, repetitions, pairs, traceparent };
  }
  const size = Math.max(blockSize, blockSizeFor(repetitions, most));
  const blocks = Array.from(blocksOf({ run, missing }, size), (block) => ({ runId, ...block }));
  return { runId, seed, repetitions, blocks, traceparent };
}

/** An assignment as step 2 is given it. */
export interface WriteToDbEvent {
  readonly assignment: Block;
  /** The pair or the block as it was handed out. */
  readonly item: object;
  /** The request's trace context, which the Map puts beside it. */
  readonly traceparent?: string | undefined;
}

/** @throws InvalidInputError unless it is a pair or a block, alone or with `traceparent` */
export function parseWriteToDbEvent(event: unknown): WriteToDbEvent {
  const { traceparent, ...item } = objectOf(event, 'event');
  return { assignment: parseAssignment(item), item, ...traced(traceparent) };
}

/** @throws InvalidInputError unless it is a pair or a block */
export function parseAssignment(event: unknown): Block {
  const item = objectOf(event, 'event');
  const runId = RunId.parse(item.runId);
  if ('iterationId' in item) {
    refuseOthers(item, 'pair', ['runId', 'iterationId']);
    return { runId, first: IterationId.parse(item.iterationId), count: 1 };
  }
  refuseOthers(item, 'block', ['runId', 'first', 'count']);
  return { runId, ...IterationRange.parse(item) };
}

/** Where a Catch of the state machine puts the error beside the assignment, as `{Error, Cause}`. */
export const caughtField = 'error';

/** An assignment whose function ended without its values. */
export interface LostAssignment extends WriteToDbEvent {
  /** As it was caught. */
  readonly error: Error;
}

/** @throws InvalidInputError unless it is a pair or a block with `error: {Error, Cause}` */
export function parseLostAssignment(event: unknown): LostAssignment {
  const { [caughtField]: caught, ...item } = objectOf(event, 'event');
  return { ...parseWriteToDbEvent(item), error: parseError(caught) };
}

/**
 * The error that a Catch has put beside the assignments; undefined when there is none.
 * @throws InvalidInputError unless it is `{Error, Cause}`
 */
export function parseCaught(event: unknown): Error | undefined {
  const { [caughtField]: caught } = event as Record<string, unknown>;
  return caught === undefined ? undefined : parseError(caught);
}

function parseError(caught: unknown): Error {
  const { Error: name, Cause: cause } = objectOf(caught, caughtField);
  if (typeof name !== 'string') {
    throw new InvalidInputError(caughtField, '{Error, Cause}', caught);
  }
  const message = messageOfCause(typeof cause === 'string' ? cause : undefined);
  // Its stack stayed where it was thrown.
  return Object.assign(new Error(message), { name, stack: `${name}: ${message}` });
}

/** The message in a cause: a function's error is a JSON object, a service's is plain text. */
export function messageOfCause(cause: string | undefined): string {
  if (cause === undefined || cause === '') return 'no cause was given';
  try {
    const { errorMessage } = JSON.parse(cause) as { errorMessage?: unknown };
    if (typeof errorMessage === 'string') return errorMessage;
  } catch {
    // Plain text.
  }
  return cause;
}

/** The run that step 3 is to average. */
export interface Processed {
  readonly runId: RunId;
  /** How many repetitions it had when its work was handed out; undefined: it is not known. */
  readonly repetitions?: Repetitions | undefined;
}

/**
 * The run that a list of assignments is of: what the Pass state hands on, or the list alone.
 * @throws InvalidInputError when it names no run, or several
 */
export function parseProcessed(event: unknown): Processed {
  if (Array.isArray(event)) return { runId: runOf(event) };
  const processed = objectOf(event, 'event');
  const runId = RunId.parse(processed.runId);
  const { repetitions } = processed;
  const list = processed.pairs ?? processed.blocks;
  if (!Array.isArray(list)) {
    throw new InvalidInputError('event', 'a list of pairs or blocks, with their run id', event);
  }
  if (list.length > 0 && runOf(list) !== runId) {
    throw new InvalidInputError('run id', `that of the list, ${runOf(list)}`, runId);
  }
  return {
    runId,
    ...(repetitions !== undefined && { repetitions: Repetitions.parse(repetitions) }),
  };
}

function runOf(list: readonly unknown[]): RunId {
  const ids = new Set(list.map((item) => parseAssignment(item).runId));
  const [runId] = ids;
  if (runId === undefined || ids.size > 1) {
    throw new InvalidInputError('list', 'pairs or blocks of one run', `those of ${ids.size} runs`);
  }
  return runId;
}

/** @throws InvalidInputError unless it is a trace context, or none: undefined or null */
function traced(traceparent: unknown): { readonly traceparent?: string } {
  if (traceparent === undefined || traceparent === null) return {};
  if (isTraceparent(traceparent)) return { traceparent };
  const expected = '"00-…", as W3C Trace Context writes it, or left out';
  throw new InvalidInputError('traceparent', expected, traceparent);
}

function objectOf(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidInputError(field, 'an object', value);
  }
  return value as Record<string, unknown>;
}

function refuseOthers(
  value: Record<string, unknown>,
  field: string,
  known: readonly string[],
): void {
  const other = Object.keys(value).find((key) => !known.includes(key));
  if (other !== undefined) {
    throw new InvalidInputError(field, `an object with ${known.join(', ')} alone`, other);
  }
}
