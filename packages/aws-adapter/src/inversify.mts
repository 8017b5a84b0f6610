// The same function under the types that Inversify has for ES modules: its class has private members, so that
// those it has for CommonJS are other ones.
import type { ContainerModule } from 'inversify';
import * as modules from './inversify.js';
import type { StepFunctionsModuleProps } from './inversify.js';

export type { StepFunctionsModuleProps } from './inversify.js';

/**
 * Binds the `Orchestrator` to a state machine on AWS, over the container's `Stores`, which must be those
 * that the state machine's functions write to, and its `Clock` if it has one.
 */
export const stepFunctionsModule: (props: StepFunctionsModuleProps) => ContainerModule =
  modules.stepFunctionsModule as never;
