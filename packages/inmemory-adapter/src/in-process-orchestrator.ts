import {
  AggregateAndStoreValue,
  CancelledError,
  isStepComputeError,
  RetrieveRunId,
  WriteToDb,
  type Clock,
  type Orchestrator,
  type Run,
  type RunChange,
  type RunOptions,
  type RunPlan,
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
  readonly #stores: Stores;
  readonly #retrieveRunId: RetrieveRunId;
  readonly #writeToDb: WriteToDb;
  readonly #aggregateAndStoreValue: AggregateAndStoreValue;

  /** @throws InvalidInputError when the generator is no function or a setting is out of range */
  constructor(props: InProcessOrchestratorProps) {
    this.#stores = props.stores;
    this.#writeToDb = new WriteToDb(props.generator, props.stores, props.clock, props);
    this.#retrieveRunId = new RetrieveRunId(props.stores, props.generator.name || undefined);
    this.#aggregateAndStoreValue = new AggregateAndStoreValue(props.stores);
  }

  async run(request: RunRequest, options: RunOptions = {}): Promise<RunResult> {
    refuseIfAborted(options);
    return this.#toTheEnd(await this.#retrieveRunId.execute(request), options);
  }

  async resume(id: number, change: RunChange = {}, options: RunOptions = {}): Promise<RunResult> {
    refuseIfAborted(options);
    return this.#toTheEnd(await this.#retrieveRunId.resume(id, change), options);
  }

  async #toTheEnd(plan: RunPlan, options: RunOptions): Promise<RunResult> {
    const { runs, failures } = this.#stores;
    const { id } = plan.run;
    try {
      await this.#writeToDb.execute(plan, options);
      const average = await this.#aggregateAndStoreValue.execute(id);
      return { run: await runs.get(id), ledger: await failures.ledger(id), average };
    } catch (error) {
      await this.#recordEnd(plan.run, error);
      throw error;
    }
  }

  async #recordEnd(run: Run, error: unknown): Promise<void> {
    try {
      await this.#stores.runs.finish(run, isCancellation(error) ? 'cancelled' : 'failed');
    } catch {
      // The store is out of reach as well. The run stays `started`, which claims nothing, and the
      // error that led here says more than this one.
    }
  }
}

function refuseIfAborted({ signal }: RunOptions): void {
  if (signal?.aborted === true) {
    throw new CancelledError(undefined, undefined, { cause: signal.reason });
  }
}

/** A signal aborted with an error of the taxonomy reports a failure from outside; any other is a wish to stop. */
function isCancellation(error: unknown): boolean {
  if (!isStepComputeError(error) || error.name !== 'CancelledError') return false;
  return !isStepComputeError(error.cause) || isCancellation(error.cause);
}
