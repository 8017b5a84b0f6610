import type { AddressInfo } from 'node:net';
import { inProcessModule } from '@stepcompute/inmemory-adapter/inversify';
import { sqlStoresModule } from '@stepcompute/sql-store/inversify';
import { openPostgres } from '@stepcompute/sql-store/postgres';
import { Container } from 'inversify';
import { LatencyBudget } from './latency-budget.js';
import { latencyBudgetModule } from './latency-budget-module.js';
import { latencyServer } from './latency-server.js';

/** The composition root in production: the same modules as in a test, but for the stores. */
async function main(): Promise<void> {
  const { DATABASE_URL: url, PORT: port = '3000' } = process.env;
  if (url === undefined || url === '') {
    console.error(
      'DATABASE_URL is not set. Set it to postgres://user:password@host:5432/database, or try ' +
        '`npm run demo -w examples/in-a-service`, which needs no database.',
    );
    process.exitCode = 2;
    return;
  }
  const dataSource = await openPostgres({ url });
  const container = new Container();
  await container.load(sqlStoresModule(dataSource), inProcessModule(), latencyBudgetModule());

  const server = latencyServer(container.get(LatencyBudget));
  server.listen(Number(port), () => {
    const address = server.address() as AddressInfo;
    console.log(`listening on http://localhost:${address.port}/checkout-latency`);
  });
  const stop = (): void => {
    server.close(() => void dataSource.destroy());
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
