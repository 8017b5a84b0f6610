import { InProcessOrchestrator, type Orchestrator, type Stores } from '@stepcompute/core';
import { WorkerThreads } from '@stepcompute/worker-threads';
import type { NamedGenerator } from './generators.js';
import type { ExecutionOptions } from './options.js';

/** Executes runs in this process, on its main thread or on others. */
export interface Engine {
  readonly orchestrator: Orchestrator;
  readonly close: () => Promise<void>;
}

export function openEngine(
  { generate, module, exportName }: NamedGenerator,
  stores: Stores,
  { concurrency, workers, timeoutMs, attempts, backoffMs, retryOn }: ExecutionOptions,
): Engine {
  const settings = {
    stores,
    concurrency,
    retry: { attempts, backoffMs, errors: retryOn },
  };
  if (workers === undefined) {
    return {
      orchestrator: new InProcessOrchestrator({
        ...settings,
        generator: generate,
        timeoutMs,
      }),
      close: () => Promise.resolve(),
    };
  }
  const threads = new WorkerThreads({ module, exportName, workers, timeoutMs });
  return {
    orchestrator: new InProcessOrchestrator({ ...settings, generator: threads.generate }),
    close: () => threads.close(),
  };
}
