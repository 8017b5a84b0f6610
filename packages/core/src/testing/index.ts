export type { TestRunner } from './assertions.js';
export {
  testOrchestrator,
  type OpenOrchestrator,
  type OrchestratorSubject,
} from './orchestrator-contract.js';
export {
  contractSimulations,
  expectedAverage,
  expectedValues,
  failingIterations,
  type ContractSimulation,
} from './simulations.js';
export { testStores, type StoresSubject } from './stores-contract.js';
