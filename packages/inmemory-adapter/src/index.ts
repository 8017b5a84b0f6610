export {
  InProcessOrchestrator,
  type InProcessOrchestratorProps,
} from './in-process-orchestrator.js';
export {
  InMemoryAverageStore,
  InMemoryDatabase,
  InMemoryFailureStore,
  InMemoryRunStore,
  inMemoryStores,
  InMemoryValueStore,
  type RunRecord,
} from './inmemory-stores.js';
export { RunValues } from './run-values.js';
export { simulate, type SimulateOptions, type SimulationResult } from './simulate.js';
export { SystemClock } from './system-clock.js';
export { VirtualClock } from './virtual-clock.js';
