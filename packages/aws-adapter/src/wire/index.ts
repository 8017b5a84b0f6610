// The functions, the constructs that deploy them and whoever calls them agree on these names and shapes.
export {
  variables,
  type DataApiAddress,
  type DatabaseAddress,
  type Environment,
  type GivenAddress,
  type PostgresAddress,
  type Variables,
} from './environment.js';
export { handlerModule, handlerNames, simulationModule, type HandlerName } from './handlers.js';
export {
  assignmentsOf,
  caughtField,
  messageOfCause,
  mostBlocks,
  mostPairs,
  parseAssignment,
  parseCaught,
  parseLostAssignment,
  parseProcessed,
  parseRetrieveRunIdEvent,
  parseWriteToDbEvent,
  refuseTooMany,
  refuseTooManyToAverage,
  type Assignments,
  type Block,
  type LostAssignment,
  type MostAssigned,
  type Pair,
  type RetrieveRunIdEnvelope,
  type RetrieveRunIdEvent,
  type RetrieveRunIdInput,
  type WriteToDbEvent,
} from './messages.js';
export { outputs, type DeploymentAddress } from './outputs.js';
export {
  changeFields,
  changeInputOf,
  deployedFields,
  requestFields,
  requestInputOf,
  requestOf,
  type BesideInput,
  type ChangeInput,
  type Deployed,
  type FieldsBy,
  type RequestInput,
} from './request-fields.js';
export { recordedErrors, toldErrors } from './told-errors.js';
