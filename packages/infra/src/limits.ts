import {
  mostBlocks,
  mostPairs,
  refuseTooMany,
  type MostAssigned,
} from '@stepcompute/aws-adapter/wire';
import { Duration } from 'aws-cdk-lib';
import { facts } from './facts.js';

/**
 * `inline`: the source document's Map, a pair at a time, up to 2,854 repetitions, or 2,219 with the delay
 * in a state. `distributed`: a Map of child executions over blocks of iterations, for any number.
 */
export type Mode = 'inline' | 'distributed';

/** The settings of a deployment that bound each other. Those left out get defaults that fit the rest. */
export interface LimitedSettings {
  /** How iterations get to their functions: see {@link Mode}. Default: `inline`. */
  readonly mode?: Mode | undefined;
  /** How long each iteration is delayed. Default: the source document's 10 minutes. */
  readonly delay?: Duration | undefined;
  /**
   * Where the delay is waited for: in the function, which costs for as long, or in a state of the
   * state machine, once for each pair or block.
   * @default 'function' inline, 'state' distributed
   */
  readonly delayIn?: 'function' | 'state' | undefined;
  /**
   * The most pairs or blocks worked on at a time.
   * @default 40 inline, where AWS allows no more, 1,000 distributed; at most `accountConcurrency`
   */
  readonly concurrency?: number | undefined;
  /**
   * How many functions the account lets this deployment have at work at a time: the Map starts no more
   * than that. A new account has 10 in all, an older one 1,000 a region. Nothing is reserved.
   * @default unknown; invocations that are throttled wait until a function is free
   */
  readonly accountConcurrency?: number | undefined;
  /**
   * How long one iteration computes, at this memory, to the best of your knowledge: block size and
   * time-out follow from it.
   * @default unknown, which is taken for nearly nothing
   */
  readonly iterationDuration?: Duration | undefined;
  /**
   * The least iterations in a block, in distributed mode. Large runs have larger blocks.
   * @default what computes for a minute by `iterationDuration`, from 1 to 100,000; else 1,000
   */
  readonly blockSize?: number | undefined;
  /** How an iteration whose generator failed is tried again, within its function. Default: one attempt. */
  readonly retry?: IterationRetry | undefined;
  /** The longest that one call of an asynchronous generator may take. Default: as long as its function. */
  readonly iterationTimeout?: Duration | undefined;
  /**
   * The longest that one invocation of step 2 may take, at most 15 minutes.
   * @default 15 minutes where `iterationDuration` is stated, else 3 minutes beside the delay that the function waits, at least 5
   */
  readonly writeTimeout?: Duration | undefined;
  /** The longest that an execution may take. Default: 7 days. */
  readonly timeout?: Duration | undefined;
}

/** When an iteration that failed is tried again. */
export interface IterationRetry {
  /** The most calls of the generator for one iteration. */
  readonly attempts: number;
  /** The longest wait before the second attempt; then it doubles. Default: 100 ms. */
  readonly backoff?: Duration | undefined;
  /** The doubling stops there. Default: 30 s. */
  readonly maximumBackoff?: Duration | undefined;
  /** The names of the errors to try again after. Default: any. */
  readonly errors?: readonly string[] | undefined;
}

/** The settings with nothing left out, and what follows from them for one execution. */
export interface Limits {
  readonly mode: Mode;
  readonly delay: Duration;
  readonly delayIn: 'function' | 'state';
  readonly concurrency: number;
  readonly blockSize: number;
  readonly writeTimeout: Duration;
  readonly timeout: Duration;
  /** The most pairs of an inline execution. */
  readonly mostPairs: number;
  /** The most blocks of a distributed execution. */
  readonly mostBlocks: number;
  /** The most iterations that step 2's function gets done in one invocation. */
  readonly largestBlock: number;
}

/**
 * Of the history's events, those that an execution is planned with. The rest is for invocations that are
 * retried, lost or throttled: see {@link throttledEvents}.
 */
export const plannedEvents = 20_000;

/** History events of the states around the Map, the last event among them. */
const eventsAround = 21;

/** How many iterations a function has in flight at a time: step 2's default. */
export const iterationsAtATime = 1_000;

/** For a cold start, a database that wakes up, and the statements. */
const startSeconds = 180;

/** The shortest time-out of step 2, and its time for work of unknown length. */
const briefSeconds = 300;

/** A block of this length is lost at no great cost, and its start costs little beside it. */
const blockSeconds = 60;

/**
 * How an invocation waits that is still throttled after the source document's retry: up to a minute, then
 * up to twice as long each time, at random, so that those which wait together do not come back together.
 * It ends with the execution. Since the waits grow, so do few events come of even a day of them.
 */
export const throttleWaits = {
  firstSeconds: 60,
  backoffRate: 2,
  longestSeconds: 3 * 60 * 60,
  attempts: facts.stepFunctions.retrierAttempts,
};

/** History events that a pair adds in an inline Map, without a retry. */
export function eventsPerPair(waitsInState: boolean): number {
  // Iteration and task, each begun and ended; scheduled, started, succeeded; a Wait entered and left.
  return waitsInState ? 9 : 7;
}

/**
 * History events that are to be expected of one place of an inline Map whose pair is throttled for so
 * long: those of the document's seven attempts, of the change to another state, and of each attempt after
 * a wait, which is drawn evenly and so lasts half as long as it might.
 */
export function throttledEvents(seconds: number): number {
  const { firstSeconds, backoffRate, longestSeconds } = throttleWaits;
  let attempts = 0;
  let wait = firstSeconds;
  for (let waited = 0; waited < seconds; waited += wait / 2, attempts += 1) {
    if (attempts > 0) wait = Math.min(wait * backoffRate, longestSeconds);
  }
  return 7 * 3 + 2 + attempts * 3;
}

/**
 * Fills in what was left out, and refuses what does not fit together.
 * @throws RangeError naming the setting, with what was given and what would be right
 */
export function limitsOf(settings: LimitedSettings): Limits {
  const { mode = 'inline', delay = Duration.minutes(10) } = settings;
  const { delayIn = mode === 'inline' ? 'function' : 'state' } = settings;
  const delaySeconds = delay.toSeconds({ integral: false });
  const delayInFunction = delayIn === 'function' ? delaySeconds : 0;
  const iterationSeconds = settings.iterationDuration?.toSeconds({ integral: false }) ?? 0;
  const timeout = settings.timeout ?? Duration.days(7);
  const timeoutSeconds = timeout.toSeconds({ integral: false });
  const longest = facts.lambda.invocationSeconds;

  refuseUnless(
    timeoutSeconds <= facts.stepFunctions.executionSeconds,
    `timeout must be at most ${facts.stepFunctions.executionSeconds / 86_400} days; got ${timeout.toHumanString()}`,
  );
  refuseUnless(
    delaySeconds < timeoutSeconds,
    `a delay of ${delay.toHumanString()} does not fit an execution, which may take ` +
      `${timeout.toHumanString()} in all: give it a longer timeout`,
  );
  refuseUnless(
    delayInFunction + startSeconds <= longest,
    `a delay of ${delay.toHumanString()} does not fit a Lambda function, which may take ` +
      `${minutes(longest)} in all: use delayIn: 'state'`,
  );
  refuseUnless(
    delayInFunction + iterationSeconds + startSeconds <= longest,
    `iterationDuration must be at most ${seconds(longest - startSeconds - delayInFunction)} beside its delay, ` +
      `since a Lambda function may take ${minutes(longest)} in all; got ${seconds(iterationSeconds)}`,
  );

  const concurrency = concurrencyOf(mode, settings);
  const busy = (block: number): number =>
    block * iterationSeconds + Math.ceil(block / iterationsAtATime) * delayInFunction;
  const blockSize =
    settings.blockSize ?? defaultBlockSize(iterationSeconds, longest - startSeconds, busy);
  refuseUnless(
    Number.isSafeInteger(blockSize) && blockSize >= 1,
    `blockSize must be an integer of 1 or more; got ${blockSize}`,
  );
  refuseUnless(
    mode === 'distributed' || settings.blockSize === undefined,
    `blockSize must come with mode: 'distributed', since inline each function has one pair; got ${blockSize}`,
  );
  const assigned = mode === 'inline' ? 1 : blockSize;
  const needed = busy(assigned) + startSeconds;
  const most = largestBlockWithin(longest - startSeconds, iterationSeconds, delayInFunction);
  refuseUnless(
    needed <= longest,
    `blockSize must be at most ${most}, which a Lambda function gets done in its ${minutes(longest)}; got ${blockSize}`,
  );
  // Where iterations compute, blocks that grow with the run need all the time that there is.
  const trying = tryingSeconds(settings);
  const unstated =
    iterationSeconds > 0
      ? longest
      : Math.min(longest, Math.max(briefSeconds, Math.ceil(needed + trying)));
  const writeTimeout = settings.writeTimeout ?? Duration.seconds(unstated);
  const writeSeconds = writeTimeout.toSeconds({ integral: false });
  refuseUnless(
    writeSeconds <= longest,
    `writeTimeout must be at most ${minutes(longest)}, as long as a Lambda function may take; ` +
      `got ${writeTimeout.toHumanString()}`,
  );
  refuseUnless(
    busy(assigned) < writeSeconds,
    `writeTimeout must be more than the ${seconds(busy(assigned))} that ` +
      `${mode === 'inline' ? 'a pair' : `a block of ${blockSize}`} takes in the function; ` +
      `got ${writeTimeout.toHumanString()}`,
  );
  refuseUnless(
    delayInFunction + trying < writeSeconds,
    `retry and iterationTimeout must leave an iteration that fails each time to end within writeTimeout, ` +
      `${writeTimeout.toHumanString()}; it may take ${seconds(delayInFunction + trying)}`,
  );
  return {
    mode,
    delay,
    delayIn,
    concurrency,
    blockSize,
    writeTimeout,
    timeout,
    ...mostOf(
      { mode, delayIn },
      { concurrency, assigned, timeoutSeconds, delaySeconds, iterationSeconds },
    ),
    // Blocks that grow with the run are held to what was asked for, where it has no slack for a start.
    largestBlock: Math.max(
      assigned,
      largestBlockWithin(writeSeconds - startSeconds, iterationSeconds, delayInFunction),
    ),
  };
}

/** How long an iteration may take that fails at each of its attempts, as far as that is known. */
function tryingSeconds({ retry, iterationTimeout, iterationDuration }: LimitedSettings): number {
  const each = (iterationTimeout ?? iterationDuration)?.toSeconds({ integral: false }) ?? 0;
  const { attempts = 1, backoff = Duration.millis(100) } = retry ?? {};
  const { maximumBackoff = Duration.seconds(30) } = retry ?? {};
  // Step 2's own settings refuse it.
  if (!Number.isSafeInteger(attempts) || attempts < 1) return 0;
  const longest = maximumBackoff.toSeconds({ integral: false });
  let wait = backoff.toSeconds({ integral: false });
  let waited = 0;
  let left = attempts - 1;
  for (; left > 0 && wait > 0 && wait < longest; left -= 1, wait *= 2) waited += wait;
  return attempts * each + waited + Math.max(0, left) * Math.min(wait, longest);
}

/** The limits that step 1 holds a run to. */
export function mostAssigned({
  mode,
  mostPairs: pairs,
  mostBlocks: blocks,
  largestBlock,
}: Limits): MostAssigned {
  if (mode === 'inline') return { pairs };
  const isBounded = largestBlock < Number.MAX_SAFE_INTEGER;
  return { blocks, ...(isBounded && { iterationsInBlock: largestBlock }) };
}

/**
 * For who is to start a run, and can know beforehand that step 1 refuses it.
 * @param settings those of the deployment; what is left out is as {@link StepCompute} has it
 * @throws InvalidInputError when the repetitions are more than one execution gets done
 * @throws RangeError when the settings do not fit together
 */
export function refuseRepetitions(settings: LimitedSettings, repetitions: number): void {
  const limits = limitsOf(settings);
  const blockSize = limits.mode === 'inline' ? undefined : limits.blockSize;
  refuseTooMany(repetitions, blockSize, mostAssigned(limits));
}

/**
 * How many repetitions one execution gets done at most.
 * @param settings those of the deployment, as {@link refuseRepetitions} has them
 * @throws RangeError when the settings do not fit together
 */
export function mostRepetitions(settings: LimitedSettings): number {
  const { mode, mostPairs, mostBlocks, largestBlock } = limitsOf(settings);
  return mode === 'inline' ? mostPairs : mostBlocks * largestBlock;
}

function concurrencyOf(mode: Mode, { concurrency, accountConcurrency }: LimitedSettings): number {
  const most =
    mode === 'inline'
      ? facts.stepFunctions.inlineConcurrency
      : facts.stepFunctions.childConcurrency;
  if (accountConcurrency !== undefined) {
    refuseUnless(
      Number.isSafeInteger(accountConcurrency) && accountConcurrency >= 1,
      `accountConcurrency must be an integer of 1 or more; got ${accountConcurrency}`,
    );
  }
  const unstated = mode === 'inline' ? most : 1000;
  const given = concurrency ?? Math.min(unstated, accountConcurrency ?? unstated);
  refuseUnless(
    Number.isSafeInteger(given) && given >= 1 && given <= most,
    `concurrency must be an integer from 1 to ${most}, AWS’s own limit in ${mode} mode; got ${given}`,
  );
  refuseUnless(
    accountConcurrency === undefined || given <= accountConcurrency,
    `concurrency must be at most accountConcurrency, which is ${accountConcurrency}; got ${given}`,
  );
  return given;
}

function defaultBlockSize(
  iterationSeconds: number,
  mostSeconds: number,
  busy: (block: number) => number,
): number {
  if (iterationSeconds === 0) return iterationsAtATime;
  const size = Math.min(100_000, Math.max(1, Math.floor(blockSeconds / iterationSeconds)));
  // A delay in the function is waited for once for a thousand iterations.
  return busy(size) <= mostSeconds ? size : Math.min(size, iterationsAtATime);
}

/** The most iterations that are done in so many seconds. */
function largestBlockWithin(
  mostSeconds: number,
  iterationSeconds: number,
  delayInFunction: number,
): number {
  const perRound = iterationsAtATime * iterationSeconds + delayInFunction;
  if (perRound === 0) return Number.MAX_SAFE_INTEGER;
  const rounds = Math.max(0, Math.floor(mostSeconds / perRound));
  const rest = mostSeconds - rounds * perRound - delayInFunction;
  if (rest < 0) return rounds * iterationsAtATime;
  const more = iterationSeconds === 0 ? 0 : Math.floor(rest / iterationSeconds);
  return rounds * iterationsAtATime + Math.min(more, iterationsAtATime);
}

/** How much an execution gets done within its payloads, its history and its time. */
function mostOf(
  { mode, delayIn }: Pick<Limits, 'mode' | 'delayIn'>,
  {
    concurrency,
    assigned,
    timeoutSeconds,
    delaySeconds,
    iterationSeconds,
  }: {
    readonly concurrency: number;
    readonly assigned: number;
    readonly timeoutSeconds: number;
    readonly delaySeconds: number;
    readonly iterationSeconds: number;
  },
): Pick<Limits, 'mostPairs' | 'mostBlocks'> {
  const rounds = delayIn === 'function' ? Math.ceil(assigned / iterationsAtATime) : 1;
  const assignmentSeconds = rounds * delaySeconds + assigned * iterationSeconds;
  const inTime =
    assignmentSeconds === 0
      ? Infinity
      : concurrency * Math.max(1, Math.floor(timeoutSeconds / assignmentSeconds));
  const waitsInState = delayIn === 'state' && delaySeconds > 0;
  const inHistory = Math.floor((plannedEvents - eventsAround) / eventsPerPair(waitsInState));
  return {
    mostPairs: mode === 'inline' ? Math.min(inHistory, inTime, mostPairs) : 0,
    mostBlocks: mode === 'inline' ? 0 : Math.min(inTime, mostBlocks),
  };
}

function refuseUnless(holds: boolean, message: string): void {
  if (!holds) throw new RangeError(message);
}

function seconds(count: number): string {
  return `${Number(count.toFixed(3))} seconds`;
}

function minutes(count: number): string {
  return `${count / 60} minutes`;
}
