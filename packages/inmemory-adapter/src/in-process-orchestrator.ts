import {
  AggregateAndStoreValue,
  CancelledError,
  isStepComputeError,
  readLedger,
  RetrieveRunId,
  WriteToDb,
  type Clock,
  type Orchestrator,
  type Run,
  type RunOptions,
  type RunRequest,
  type RunResult,
  type Stores,
  type ValueGenerator,
  type WriteToDbSettings,
} from '@stepcompute/core';

export interface InProcessOrchestratorProps extends WriteToDbSettings {
  /** The simulation. */
  readonly generator: ValueGenerator;
  readonly stores: Stores;
  readonly clock: Clock;
}

/** Runs the three steps in this process: iterations side by side under `Promise.all`. */
export class InProcessOrchestrator implements Orchestrator {
  readonly #props: InProcessOrchestratorProps;
  readonly #retrieveRunId: RetrieveRunId;
  readonly #writeToDb: WriteToDb;
  readonly #aggregateAndStoreValue: AggregateAndStoreValue;

  /** @throws InvalidInputError when a setting is out of range */
  constructor(props: InProcessOrchestratorProps) {
    this.#props = props;
    this.#retrieveRunId = new RetrieveRunId(props.stores);
    this.#writeToDb = new WriteToDb(props.generator, props.stores, props.clock, props);
    this.#aggregateAndStoreValue = new AggregateAndStoreValue(props.stores);
  }

  async run(request: RunRequest, options: RunOptions = {}): Promise<RunResult> {
    const { stores, generator } = this.#props;
    if (options.signal?.aborted === true) {
      throw new CancelledError(undefined, undefined, { cause: options.signal.reason });
    }
    const plan = await this.#retrieveRunId.execute({
      ...request,
      generatorName: request.generatorName ?? (generator.name || undefined),
    });
    const { id } = plan.run;
    try {
      await this.#writeToDb.execute(plan, options);
      const average = await this.#aggregateAndStoreValue.execute(id);
      const run = await stores.runs.get(id);
      return { run, ledger: await readLedger(run, stores), average };
    } catch (error) {
      await this.#recordEnd(plan.run, error);
      throw error;
    }
  }

  async #recordEnd(run: Run, error: unknown): Promise<void> {
    const cancelled = isStepComputeError(error) && error.name === 'CancelledError';
    try {
      await this.#props.stores.runs.finish(run.id, cancelled ? 'cancelled' : 'failed');
    } catch {
      // The store is out of reach as well. The run stays `started`, which claims nothing, and the
      // error that led here says more than this one.
    }
  }
}
