export type {
  DatabaseNetwork,
  IStepComputeDatabase,
  PostgresDatabaseProps,
} from './database-access.js';
export { StepComputeDatabase, type StepComputeDatabaseProps } from './database.js';
export type { SimulationSource } from './function-code.js';
export {
  mostRepetitions,
  refuseRepetitions,
  type IterationRetry,
  type LimitedSettings,
  type Mode,
} from './limits.js';
export type { FunctionNetwork, NetworkProps } from './network.js';
export { accountSizes, runSeconds, type RunLengthProps } from './run-length.js';
export { StepComputeStack, type StepComputeStackProps } from './stack.js';
export { StepComputeStateMachine, type StepComputeStateMachineProps } from './state-machine.js';
export { StepCompute, type StepComputeProps } from './step-compute.js';
export {
  defaultMegabytes,
  StepComputeFunction,
  type StepComputeFunctionProps,
} from './step-compute-function.js';
