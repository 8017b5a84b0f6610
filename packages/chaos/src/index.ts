export {
  ChaosSchedule,
  type Fault,
  type SimulationFault,
  type StoreFault,
} from './chaos-schedule.js';
export { type ChaosHooks, type ChaosParts, type ChaosSubject } from './chaos-subject.js';
export { endure, type ChaosOutcome } from './endure.js';
export { interceptedStores } from './intercepted-stores.js';
export {
  examine,
  examineLedger,
  oracle,
  oracleValue,
  oracleVersions,
  type AskedRun,
  type Check,
  type Finding,
  type OracleParameters,
} from './oracle.js';
export { plantedBugs, type PlantedBug } from './planted-bugs.js';
export { testChaos, type ChaosSuiteOptions } from './test-chaos.js';
