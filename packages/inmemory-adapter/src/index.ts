// The orchestrator and the clock that simulate runs on, for who imports them with the stores.
export {
  InProcessOrchestrator,
  SystemClock,
  type InProcessOrchestratorProps,
} from '@stepcompute/core';
export {
  InMemoryAverageStore,
  InMemoryDatabase,
  InMemoryFailureStore,
  InMemoryRunStore,
  InMemoryTombstoneStore,
  inMemoryStores,
  InMemoryValueStore,
  type RunRecord,
} from './inmemory-stores.js';
export { RunValues } from './run-values.js';
export {
  partialResultOf,
  simulate,
  type PartialResult,
  type SimulateOptions,
  type SimulationResult,
} from './simulate.js';
export { VirtualClock, type VirtualClockProps } from './virtual-clock.js';
