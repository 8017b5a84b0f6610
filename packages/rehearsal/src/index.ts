export { type Account } from './account.js';
export {
  readCloudAssembly,
  type CloudAssembly,
  type ClusterDefinition,
  type FunctionDefinition,
  type StateMachineResource,
} from './cloud-assembly.js';
export { type FaultProps } from './faults.js';
export { Rehearsal, type RehearsalProps } from './rehearsal.js';
export { ServiceError, UnsupportedError } from './service-error.js';
