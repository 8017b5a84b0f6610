import { InvalidInputError, Milliseconds, type Orchestrator } from '@stepcompute/core';

/** True when a release's checkout keeps to its latency budget. */
export interface LatencyVerdict {
  readonly release: string;
  readonly budgetMs: number;
  /** `undecided` when the budget lies within the mean's 95 % interval. */
  readonly verdict: 'within' | 'over' | 'undecided';
  readonly meanMs: number;
  readonly intervalMs: readonly [number, number];
  /** Of the mean, the wait for carriers' quotes. */
  readonly quotesMs: number;
  /** The run that the verdict rests on. */
  readonly runId: number;
}

const repetitions = 2000;

/** The service: it knows the orchestrator's interface, and neither where it runs nor what it stores to. */
export class LatencyBudget {
  constructor(private readonly orchestrator: Orchestrator) {}

  /**
   * Judges the mean latency of a release's checkout. A release is simulated once for its parameters:
   * asking again, also from another process on the same database, answers from the same run.
   * @param parameters the simulation's, checked by it
   * @param signal stops the simulation when nobody waits for the answer any more
   * @throws InvalidInputError unless `release` has 1 to 100 characters and `budgetMs` is at least 1
   */
  async check(
    release: string,
    budgetMs: number,
    parameters: Readonly<Record<string, number>> = {},
    signal?: AbortSignal,
  ): Promise<LatencyVerdict> {
    if (release.length < 1 || release.length > 100) {
      throw new InvalidInputError('release', 'a text of 1 to 100 characters', release);
    }
    Milliseconds.parse(budgetMs, 'budgetMs', 1);
    const idempotencyKey = `checkout-latency/${release}/${JSON.stringify(parameters)}`;
    const { run, average, averages } = await this.orchestrator.run(
      { repetitions, parameters, idempotencyKey },
      { signal },
    );
    const [lower, upper] = average.confidenceInterval ?? [-Infinity, Infinity];
    return {
      release,
      budgetMs,
      verdict: upper <= budgetMs ? 'within' : lower > budgetMs ? 'over' : 'undecided',
      meanMs: average.mean,
      intervalMs: [lower, upper],
      quotesMs: averages.quotes?.mean ?? NaN,
      runId: run.id,
    };
  }
}
