import { InProcessOrchestrator, VirtualClock } from '@stepcompute/inmemory-adapter';
import { contractSimulations, testOrchestrator, testStores } from '@stepcompute/core/testing';
import type { Stores } from '@stepcompute/core';
import type { DataSource } from 'typeorm';
import { openPglite } from '../src/pglite.js';
import { openPostgres } from '../src/postgres.js';
import { typeOrmStores } from '../src/typeorm-stores.js';
import {
  createDatabase,
  describeOnPostgres,
  type TestDatabase,
} from '../../../testing/postgres/databases.js';

function testBoth(name: string, stores: () => Stores): void {
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
}

describe('PGlite', () => {
  let dataSource: DataSource;
  beforeAll(async () => {
    dataSource = await openPglite();
  });
  afterAll(() => dataSource.destroy());

  testBoth('PGlite', () => typeOrmStores(dataSource));
});

describeOnPostgres('PostgreSQL', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  beforeAll(async () => {
    database = await createDatabase();
    dataSource = await openPostgres({ url: database.url });
  });
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  testBoth('PostgreSQL', () => typeOrmStores(dataSource));
});
