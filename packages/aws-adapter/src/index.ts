export { openDataApi, type OpenDataApiOptions } from './open-data-api.js';
export {
  StepFunctionsOrchestrator,
  type StepFunctionsOrchestratorProps,
} from './step-functions-orchestrator.js';
