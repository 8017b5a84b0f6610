import { Orchestrator, ValueGenerator, type AnySimulation } from '@stepcompute/core';
import { ContainerModule } from 'inversify';
import { checkoutLatency } from './checkout-latency.js';
import { LatencyBudget } from './latency-budget.js';

/** Binds the service and its simulation. The stores and the orchestrator come from the adapters' modules. */
export function latencyBudgetModule(): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind<AnySimulation>(ValueGenerator).toConstantValue(checkoutLatency);
    bind(LatencyBudget)
      .toResolvedValue(
        (orchestrator: Orchestrator) => new LatencyBudget(orchestrator),
        [Orchestrator],
      )
      .inSingletonScope();
  });
}
