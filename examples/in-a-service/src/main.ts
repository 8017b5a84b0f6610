import type { AddressInfo } from 'node:net';
import { inProcessModule } from '@stepcompute/inmemory-adapter/inversify';
import { sqlStoresModule } from '@stepcompute/sql-store/inversify';
import { openPostgres } from '@stepcompute/sql-store/postgres';
import { Container } from 'inversify';
import pg from 'pg';
import { LatencyBudget } from './latency-budget.js';
import { latencyBudgetModule } from './latency-budget-module.js';
import { latencyServer } from './latency-server.js';
import { logRuns, type Logger } from './log-runs.js';

const logger: Logger = {
  info: (fields, message) => console.log(JSON.stringify({ level: 'info', message, ...fields })),
  warn: (fields, message) => console.warn(JSON.stringify({ level: 'warn', message, ...fields })),
};

/** The composition root in production: the same modules as in a test, but for the stores. */
async function main(): Promise<void> {
  const { DATABASE_URL: url, SIMULATION_SCHEMA: schema, PORT: port = '3000' } = process.env;
  if (url === undefined || url === '') {
    console.error(
      'DATABASE_URL is not set. Set it to postgres://user:password@host:5432/database, or try ' +
        '`npm run demo -w examples/in-a-service`, which needs no database.',
    );
    process.exitCode = 2;
    return;
  }
  // The service's own pool, for whatever else it keeps, and a schema for the simulations beside its tables.
  const pool = new pg.Pool({ connectionString: url, query_timeout: 20_000, keepAlive: true });
  pool.on('error', (error) => console.error(error.message));
  const dataSource = await openPostgres({ pool, schema });
  const container = new Container();
  await container.load(
    sqlStoresModule(dataSource),
    inProcessModule({ observer: logRuns(logger) }),
    latencyBudgetModule(),
  );

  const server = latencyServer(container.get(LatencyBudget));
  server.listen(Number(port), () => {
    const address = server.address() as AddressInfo;
    console.log(`listening on http://localhost:${address.port}/checkout-latency`);
  });
  const stop = (): void => {
    server.close(() => void dataSource.destroy().then(() => pool.end()));
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
