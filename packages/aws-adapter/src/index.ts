export { mostAveraged } from './most-averaged.js';
export { openDataApi, type OpenDataApiOptions } from './open-data-api.js';
export { openDeployment, type Deployment, type OpenDeploymentOptions } from './open-deployment.js';
export {
  StepFunctionsOrchestrator,
  type StepFunctionsOrchestratorProps,
} from './step-functions-orchestrator.js';
