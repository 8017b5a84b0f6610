import 'reflect-metadata';
import { Clock, Orchestrator, Stores } from '@stepcompute/core';
import { ContainerModule } from 'inversify';
import {
  StepFunctionsOrchestrator,
  type StepFunctionsOrchestratorProps,
} from './step-functions-orchestrator.js';

/** The orchestrator's properties that the container does not hold. */
export type StepFunctionsModuleProps = Omit<StepFunctionsOrchestratorProps, 'stores' | 'clock'>;

/**
 * Binds the {@link Orchestrator} to a state machine on AWS, over the container's stores, which must be
 * those that the state machine's functions write to, and its {@link Clock} if it has one.
 */
export function stepFunctionsModule(props: StepFunctionsModuleProps): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(Orchestrator)
      .toResolvedValue(
        (clock: Clock | undefined, stores: Stores) =>
          new StepFunctionsOrchestrator({ ...props, clock, stores }),
        [{ serviceIdentifier: Clock, optional: true }, Stores],
      )
      .inSingletonScope();
  });
}
