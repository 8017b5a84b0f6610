import { InvalidInputError } from '../errors/invalid-input-error.js';
import { Execution, type ExecutionSettings } from '../execution/execution.js';
import { Retries, type RetryPolicy } from '../execution/retries.js';
import type { Executor, RunOptions } from '../ports/orchestrator.js';
import type { Stores } from '../ports/stores.js';
import { Milliseconds, parseInteger, Repetitions } from '../run/numbers.js';
import type { RunPlan } from '../run/plan.js';
import type { ValueGenerator } from '../simulation/generator.js';
import type { Clock } from '../time/clock.js';
import { SystemClock } from '../time/system-clock.js';

/** The source document's stated aim: a thousand iterations in parallel. */
const defaultConcurrency = 1000;

/** How step 2 goes about its iterations. */
export interface WriteToDbSettings {
  /**
   * The most iterations in flight at a time, generating or waiting. They overlap while they wait;
   * computation itself stays on one thread. Default: 1,000.
   */
  readonly concurrency?: number | undefined;
  /**
   * The longest that one call of an asynchronous generator may take, in milliseconds; the delay does
   * not count. Default: none.
   */
  readonly timeoutMs?: number | undefined;
  /** When an iteration that failed is tried again. Default: never. */
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
}: WriteToDbSettings): Omit<ExecutionSettings, 'clock'> {
  return {
    concurrency: parseInteger(concurrency, 'concurrency', 1, Repetitions.maximum),
    timeoutMs: timeoutMs === undefined ? undefined : Milliseconds.parse(timeoutMs, 'timeout', 1),
    retries: new Retries(retry),
  };
}

/** Step 2: for each missing iteration, generates its value, waits the run's delay, and stores it. */
export class WriteToDb implements Executor {
  readonly #settings: ExecutionSettings;

  /** @throws InvalidInputError when the generator is no function or a setting is out of range */
  constructor(
    private readonly generator: ValueGenerator,
    private readonly stores: Pick<Stores, 'values' | 'failures'>,
    clock: Clock = new SystemClock(),
    settings: WriteToDbSettings = {},
  ) {
    if (typeof generator !== 'function') {
      throw new InvalidInputError('generator', 'a function (context) => number', generator);
    }
    this.#settings = { ...parse(settings), clock };
  }

  /**
   * The first failure beyond those that the run tolerates, counted over the whole run, stops new work
   * and aborts what is in flight; values completed by then are kept. A generator that ignores its
   * signal is abandoned: a late answer has no effect.
   * @throws as {@link Executor.execute} says
   */
  async execute(plan: RunPlan, options: RunOptions = {}): Promise<void> {
    await new Execution(plan, this.generator, this.stores, this.#settings, options).toTheEnd();
  }
}
