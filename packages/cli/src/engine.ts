import { fileURLToPath } from 'node:url';
import { InProcessOrchestrator, type Orchestrator, type Stores } from '@stepcompute/core';
import { WorkerThreads } from '@stepcompute/worker-threads';
import type { ExecutionOptions } from './options.js';
import type { SimulationFile } from './simulations.js';

/** Executes runs in this process, on its main thread or on others. */
export interface Engine {
  readonly orchestrator: Orchestrator;
  readonly close: () => Promise<void>;
}

/** @param checkStored as the orchestrator has it */
export function openEngine(
  { simulation, module, exportName }: SimulationFile,
  stores: Stores,
  { concurrency, workers, timeoutMs, attempts, backoffMs, retryOn }: ExecutionOptions,
  checkStored = true,
): Engine {
  const settings = {
    stores,
    concurrency,
    retry: { attempts, backoffMs, errors: retryOn },
    checkStored,
  };
  if (workers === undefined) {
    return {
      orchestrator: new InProcessOrchestrator({ ...settings, generator: simulation, timeoutMs }),
      close: () => Promise.resolve(),
    };
  }
  const isFile = exportName === 'default';
  const threads = new WorkerThreads({
    module,
    exportName,
    workers,
    timeoutMs,
    ...(isFile && {
      loader: fileURLToPath(import.meta.resolve('@stepcompute/simulation-file')),
      simulationVersion: simulation.fingerprint,
    }),
  });
  const generator = simulation.with({ generate: threads.generate });
  return {
    orchestrator: new InProcessOrchestrator({ ...settings, generator }),
    close: () => threads.close(),
  };
}
