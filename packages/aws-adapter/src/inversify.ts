import 'reflect-metadata';
import {
  AverageStore,
  Clock,
  FailureStore,
  Orchestrator,
  RunStore,
  ValueStore,
} from '@stepcompute/core';
import { ContainerModule } from 'inversify';
import {
  StepFunctionsOrchestrator,
  type StepFunctionsOrchestratorProps,
} from './step-functions-orchestrator.js';

/** What of the orchestrator's properties the container does not hold. */
export type StepFunctionsModuleProps = Omit<StepFunctionsOrchestratorProps, 'stores' | 'clock'>;

/**
 * Binds the {@link Orchestrator} to a state machine on AWS, over the stores and the {@link Clock} that
 * the container has: the stores must be those that the state machine's functions write to.
 */
export function stepFunctionsModule(props: StepFunctionsModuleProps): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(Orchestrator)
      .toResolvedValue(
        (
          clock: Clock,
          runs: RunStore,
          values: ValueStore,
          failures: FailureStore,
          averages: AverageStore,
        ) =>
          new StepFunctionsOrchestrator({
            ...props,
            clock,
            stores: { runs, values, failures, averages },
          }),
        [Clock, RunStore, ValueStore, FailureStore, AverageStore],
      )
      .inSingletonScope();
  });
}
