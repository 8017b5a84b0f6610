import type { Clock } from '../clock.js';
import { InvalidInputError } from '../errors.js';
import type { RunOptions } from '../orchestrator.js';
import type { RunPlan } from '../range.js';
import { Retries, type RetryPolicy } from '../retry-policy.js';
import { Milliseconds, parseInteger, Repetitions } from '../run.js';
import type { Stores } from '../stores.js';
import type { ValueGenerator } from '../value.js';
import { PlanExecution, type ExecutionSettings } from './plan-execution.js';

/** The source document's stated aim: a thousand iterations in parallel. */
const defaultConcurrency = 1000;

/** How step 2 goes about its iterations. */
export interface WriteToDbSettings {
  /**
   * The most iterations in flight at a time, generating or waiting. They overlap while they wait;
   * computation itself stays on one thread.
   * @default 1000
   */
  readonly concurrency?: number | undefined;
  /**
   * The longest that one call of an asynchronous generator may take, in milliseconds; the delay does
   * not count.
   * @default none
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Whether an iteration that failed is tried again.
   * @default one attempt
   */
  readonly retry?: RetryPolicy | undefined;
}

export const WriteToDbSettings = {
  /** @throws InvalidInputError when a setting is out of range */
  check: (settings: WriteToDbSettings): void => {
    parse(settings);
  },
} as const;

/** The settings with their defaults filled in. */
function parse({
  concurrency = defaultConcurrency,
  timeoutMs,
  retry,
}: WriteToDbSettings): ExecutionSettings {
  return {
    concurrency: parseInteger(concurrency, 'concurrency', 1, Repetitions.maximum),
    timeoutMs: timeoutMs === undefined ? undefined : Milliseconds.parse(timeoutMs, 'timeout', 1),
    retries: new Retries(retry),
  };
}

/** Step 2: for each missing iteration, generates its value, waits the run's delay, and stores it. */
export class WriteToDb {
  readonly #settings: ExecutionSettings;

  /** @throws InvalidInputError when the generator is no function or a setting is out of range */
  constructor(
    private readonly generator: ValueGenerator,
    private readonly stores: Pick<Stores, 'values' | 'failures'>,
    private readonly clock: Clock,
    settings: WriteToDbSettings = {},
  ) {
    if (typeof generator !== 'function') {
      throw new InvalidInputError('generator', 'a function (context) => number', generator);
    }
    this.#settings = parse(settings);
  }

  /**
   * Returns when every iteration of the plan has its value stored durably, or its failure on record
   * where the run tolerates it. The first failure beyond that, counted over the whole run, stops new
   * work and aborts what is in flight; what was completed until then is stored. A generator that
   * ignores its signal is abandoned: whatever it answers later has no effect.
   * @throws IterationFailedError for the lowest iteration that failed, when the run tolerates none
   * @throws ToleranceExceededError when it tolerates some
   * @throws CancelledError when the signal was aborted before the plan was done
   * @throws ConflictingValueError, PersistenceError from the store
   */
  async execute(plan: RunPlan, options: RunOptions = {}): Promise<void> {
    const { generator, stores, clock } = this;
    await new PlanExecution(plan, generator, stores, clock, this.#settings, options).toTheEnd();
  }
}
