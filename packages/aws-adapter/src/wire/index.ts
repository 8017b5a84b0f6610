// The functions, the constructs that deploy them and whoever calls them agree on these names and shapes.
export { variables, type DatabaseNames, type Environment, type Variables } from './environment.js';
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
  refuseTooMany,
  refuseTooManyToAverage,
  type Assignments,
  type Block,
  type LostAssignment,
  type MostAssigned,
  type Pair,
  type RetrieveRunIdEvent,
  type RetrieveRunIdInput,
} from './messages.js';
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
