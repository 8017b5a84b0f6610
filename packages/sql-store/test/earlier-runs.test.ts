import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  InProcessOrchestrator,
  RunId,
  uniformInteger,
  type AnySimulation,
  type IterationContext,
  type Stores,
} from '@stepcompute/core';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import type { DataSource } from 'typeorm';
import { migrateSchema, schemaState } from '../src/migrate-schema.js';
import { migrations } from '../src/migrations.js';
import { openPglite } from '../src/pglite.js';
import { openPostgres } from '../src/postgres.js';
import { typeOrmStores } from '../src/typeorm-stores.js';
import { createDatabase, describeOnPostgres } from '../../../testing/postgres/databases.js';

const fixture = readFileSync(join(__dirname, 'fixtures/runs-of-0.1.sql'), 'utf8');
const uniform = ({ random }: IterationContext): number => random.uniform();

/** Takes the schema back to the one of the fixture, fills it, and brings it up to date. */
async function fill(dataSource: DataSource): Promise<void> {
  // That of the fixture had two.
  for (let had = migrations.length; had > 2; had -= 1) await dataSource.undoLastMigration();
  await dataSource.query('DELETE FROM stepcompute_migration');
  const withoutComments = fixture.replaceAll(/^--.*\n/gm, '');
  for (const statement of withoutComments.split(/;\n/)) {
    if (statement.trim() !== '') await dataSource.query(statement);
  }
  expect(await schemaState(dataSource)).toBe('older');
  await migrateSchema(dataSource);
}

/** The average of a run that was never interrupted. */
async function expected(
  generator: AnySimulation,
  request: { repetitions: number; seed: number },
): Promise<number> {
  const stores = inMemoryStores();
  return (await new InProcessOrchestrator({ generator, stores }).run(request)).average.mean;
}

function testEarlierRuns(open: () => Promise<DataSource>): void {
  let dataSource: DataSource;
  let stores: Stores;
  beforeEach(async () => {
    dataSource = await open();
    await fill(dataSource);
    stores = typeOrmStores(dataSource);
  });
  afterEach(() => dataSource.destroy());

  const orchestrator = (generator: AnySimulation, simulationVersion?: string) =>
    new InProcessOrchestrator({ generator, stores, simulationVersion });
  const id = RunId.parse;

  it('are as they were, and say that nothing is known of their code', async () => {
    const runs = await stores.runs.list({ limit: 10 });
    expect(runs.map(({ id, status }) => [id, status])).toEqual([
      [6, 'started'],
      [5, 'completed'],
      [4, 'completed'],
      [3, 'completed'],
      [2, 'failed'],
      [1, 'completed'],
    ]);
    expect(runs[5]).toMatchObject({
      repetitions: 20,
      seed: 42,
      parameters: {},
      simulation: [{}],
      measures: ['value'],
      versions: undefined,
      request: { repetitions: 20, seed: 42, tolerance: '0', parameters: {} },
    });
    const [average] = await stores.averages.history(id(1));
    expect(average).toMatchObject({
      count: 20,
      mean: 395.9,
      standardDeviation: 276.89840432149384,
    });
    expect(await stores.failures.ledger(id(4))).toEqual({
      requested: 30,
      completed: 29,
      failed: 1,
      missing: 0,
    });
    expect((await stores.averages.history(id(3))).map(({ count }) => count)).toEqual([10, 15]);
  });

  it.each([[undefined], ['1']])(
    'can be resumed by what they were made with, version %s',
    async (version) => {
      const { run, average } = await orchestrator(uniform, version).resume(2);
      expect(run.status).toBe('completed');
      expect(average.mean).toBe(await expected(uniform, { repetitions: 12, seed: 43 }));
      const extended = await orchestrator(uniformInteger).resume(3, { repetitions: 40 });
      expect(extended.average.mean).toBe(
        await expected(uniformInteger, { repetitions: 40, seed: 5 }),
      );
    },
  );

  it('can’t be resumed by anything else, unless it is accepted', async () => {
    const shifted = (context: IterationContext): number => 100 + uniform(context);
    await expect(orchestrator(shifted).resume(2)).rejects.toMatchObject({
      name: 'ChangedSimulationError',
    });
    const { ledger } = await orchestrator(shifted).resume(2, { acceptChangedSimulation: true });
    expect(ledger).toMatchObject({ completed: 12, changed: 5 });
  });

  it('are found by their keys', async () => {
    const request = { repetitions: 10, seed: 9, idempotencyKey: 'nightly' };
    const { run, average } = await orchestrator(uniformInteger).run(request);
    expect(run.id).toBe(5);
    expect([average]).toEqual(await stores.averages.history(id(5)));
    await expect(orchestrator(uniformInteger).run({ ...request, seed: 10 })).rejects.toMatchObject({
      name: 'ConflictingRunError',
      field: 'seed',
    });
  });

  it('are taken to their end when they were stopped just before it', async () => {
    const [saved] = await stores.averages.history(id(6));
    const { run, average } = await orchestrator(uniformInteger).resume(6);
    expect(run.status).toBe('completed');
    expect(average.mean).toBe(saved?.mean);
    expect(await stores.averages.history(id(6))).toHaveLength(1);
  });
}

describe('runs of an earlier version on PGlite', () => {
  testEarlierRuns(() => openPglite());
});

describeOnPostgres('runs of an earlier version on PostgreSQL', () => {
  testEarlierRuns(async () => {
    const database = await createDatabase();
    const dataSource = await openPostgres({ url: database.url });
    const destroy = dataSource.destroy.bind(dataSource);
    dataSource.destroy = async () => {
      await destroy();
      await database.drop();
    };
    return dataSource;
  });
});
