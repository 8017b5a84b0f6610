import { Orchestrator, uniformInteger, ValueGenerator } from '@stepcompute/core';
import { expectedAverage } from '@stepcompute/core/testing';
import { inProcessModule } from '@stepcompute/inmemory-adapter/inversify';
import { Container } from 'inversify';
import { sqlStoresModule } from '../src/inversify.js';
import { openPglite } from '../src/pglite.js';

it('puts the in-process orchestrator on SQL by one module', async () => {
  const dataSource = await openPglite();
  const container = new Container();
  container.loadSync(sqlStoresModule(dataSource), inProcessModule());
  container.bind<ValueGenerator>(ValueGenerator).toConstantValue(uniformInteger);
  const { average } = await container
    .get<Orchestrator>(Orchestrator)
    .run({ repetitions: 100, seed: 42 });
  expect(average).toEqual(expectedAverage(42, 100));
  await dataSource.destroy();
});
