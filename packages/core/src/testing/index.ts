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
export { ChaosSchedule, type Fault, type StoreFault } from './chaos-schedule.js';
export { testChaos, type ChaosSuiteOptions } from './chaos-suite.js';
export { endure, type ChaosOutcome, type ChaosParts, type ChaosSubject } from './chaos.js';
export { type ChaosHooks } from './faulty-stores.js';
export { examine, examineLedger, oracleValue, type Check, type Finding } from './oracle.js';
export { plantedBugs, type PlantedBug } from './planted-bugs.js';
