import { inMemoryStoresModule, inProcessModule } from '@stepcompute/inmemory-adapter/inversify';
import { Container } from 'inversify';
import { LatencyBudget } from './latency-budget.js';
import { latencyBudgetModule } from './latency-budget-module.js';

/** The composition root without a database: what is stored ends with the process. */
async function main(): Promise<void> {
  const container = new Container();
  await container.load(inMemoryStoresModule(), inProcessModule(), latencyBudgetModule());
  const budget = container.get(LatencyBudget);
  for (const budgetMs of [300, 400]) console.log(await budget.check('1.4.2', budgetMs));
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
