import { testChaos } from '@stepcompute/chaos';
import { InProcessOrchestrator, VirtualClock } from '@stepcompute/inmemory-adapter';
import { contractSimulations, testOrchestrator, testStores } from '@stepcompute/core/testing';
import type { Stores } from '@stepcompute/core';
import type { DataSource } from 'typeorm';
import { openPglite } from '../src/pglite.js';
import { openPostgres } from '../src/postgres.js';
import { typeOrmStores } from '../src/typeorm-stores.js';
import { times } from '../../../testing/exhaustive.js';
import {
  createDatabase,
  describeOnPostgres,
  type TestDatabase,
} from '../../../testing/postgres/databases.js';
import { describeOnPgBouncer, PgBouncer } from '../../../testing/postgres/pgbouncer.js';

function testAll(name: string, stores: () => Stores, restart?: () => Promise<void>): void {
  testStores({ describe, it }, { name, stores });
  testOrchestrator(
    { describe, it },
    {
      name: `in process, ${name}`,
      open: (simulation) => ({
        stores: stores(),
        orchestrator: new InProcessOrchestrator({
          generator: contractSimulations[simulation],
          stores: stores(),
          clock: new VirtualClock(),
        }),
      }),
    },
  );
  testChaos(
    { describe, it },
    {
      name,
      open: stores,
      orchestrator: (parts) => new InProcessOrchestrator(parts),
      clock: () => new VirtualClock(),
      hooks: { restart },
    },
    { schedules: times(5, 20) },
  );
}

describe('PGlite', () => {
  let dataSource: DataSource;
  beforeAll(async () => {
    dataSource = await openPglite();
  });
  afterAll(() => dataSource.destroy());

  testAll('PGlite', () => typeOrmStores(dataSource));
});

/** @param way where the stores' statements go: to the database, or through what stands before it */
function testOnServer(name: string, way: (database: TestDatabase) => Promise<Way>): void {
  let database: TestDatabase;
  let dataSource: DataSource;
  let administration: DataSource;
  let remove: Way['remove'];
  beforeAll(async () => {
    database = await createDatabase();
    const reached = await way(database);
    ({ remove } = reached);
    dataSource = await openPostgres({ url: reached.url });
    administration = await openPostgres({ url: database.url, poolSize: 1 });
  });
  afterAll(async () => {
    await Promise.all([dataSource.destroy(), administration.destroy()]);
    await remove();
    await database.drop();
  });

  // As near to a restart as a server comes that other tests use at the same time.
  const cutConnections = async (): Promise<void> => {
    await administration.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
  };
  testAll(name, () => typeOrmStores(dataSource), cutConnections);
}

interface Way {
  readonly url: string;
  readonly remove: () => Promise<void>;
}

describeOnPostgres('PostgreSQL', () => {
  testOnServer('PostgreSQL', ({ url }) =>
    Promise.resolve({ url, remove: () => Promise.resolve() }),
  );
});

describeOnPgBouncer('PostgreSQL through PgBouncer', () => {
  testOnServer('PgBouncer', async (database) => {
    const pooler = await PgBouncer.before(database);
    return { url: pooler.url, remove: () => pooler.remove() };
  });
});
