import { join } from 'node:path';
import { parseSimulation } from '@stepcompute/core/adapters';
import { contractSimulations, testOrchestrator } from '@stepcompute/core/testing';
import { inMemoryStores, InProcessOrchestrator, VirtualClock } from '@stepcompute/inmemory-adapter';
// By its name: a thread is started from the built file.
import { WorkerThreads } from '@stepcompute/worker-threads';

const opened: WorkerThreads[] = [];
afterEach(async () => {
  for (const threads of opened.splice(0)) await threads.close();
});

testOrchestrator(
  { describe, it },
  {
    name: 'in process, in worker threads',
    open: (simulation) => {
      const module = join(__dirname, 'simulations/contract.mjs');
      const threads = new WorkerThreads({ module, exportName: simulation, workers: 2 });
      opened.push(threads);
      const stores = inMemoryStores();
      const { generate } = threads;
      const generator = parseSimulation(contractSimulations[simulation]).with({ generate });
      const clock = new VirtualClock();
      return { stores, orchestrator: new InProcessOrchestrator({ generator, stores, clock }) };
    },
  },
);
