// The functions, the constructs that deploy them and whoever calls them agree on these names and shapes.
export { variables, type DatabaseNames, type Variables } from './environment.js';
export { handlerModule, handlerNames, simulationModule, type HandlerName } from './handlers.js';
export {
  assignmentsOf,
  caughtField,
  mostPairs,
  parseAssignment,
  parseLostAssignment,
  parseProcessed,
  parseRetrieveRunIdEvent,
  refuseTooManyPairs,
  type Assignments,
  type Block,
  type LostAssignment,
  type Pair,
  type RetrieveRunIdEvent,
  type RetrieveRunIdInput,
} from './messages.js';
export {
  changeInputOf,
  deployedFields,
  requestInputOf,
  requestOf,
  type BesideInput,
  type ChangeInput,
  type Deployed,
  type RequestInput,
} from './request-fields.js';
export { toldErrors } from './told-errors.js';
