export {
  type CloudAssembly,
  type ClusterDefinition,
  type DatabaseHost,
  type FunctionDefinition,
  type Secret,
  type StackDescription,
  type StateMachineResource,
} from './assembly.js';
export { readCloudAssembly } from './cloud-assembly.js';
export { dollarsOf, type Costs } from './costs.js';
export { type DatabaseServer } from './deployment.js';
export { type FaultProps } from './faults.js';
export { Rehearsal } from './rehearsal.js';
export { type RehearsalProps } from './rehearsal-props.js';
export { InvalidAssemblyError, ServiceError, UnsupportedError } from './service-error.js';
