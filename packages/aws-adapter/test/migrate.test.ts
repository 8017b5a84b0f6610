import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { RunId } from '@stepcompute/core';
import { expectedAverage } from '@stepcompute/core/testing';
import { schemaState } from '@stepcompute/sql-store';
import {
  createLastingDatabase,
  deploy,
  type Deployment,
  type DeploymentProps,
  type LastingDatabase,
} from './deployment.js';
import { makeNextVersion } from './next-version.js';

let database: LastingDatabase;
beforeAll(async () => {
  database = await createLastingDatabase();
});
afterAll(() => database.drop());

async function deployed(
  props: Partial<DeploymentProps>,
  work: (deployment: Deployment) => Promise<void>,
): Promise<void> {
  const deployment = await deploy({ mode: 'inline', database, ...props });
  try {
    await work(deployment);
  } finally {
    await deployment.close();
  }
}

async function migrate({ rehearsal: { endpoint, functionNames } }: Deployment): Promise<unknown> {
  const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
  const lambda = new LambdaClient({ endpoint, region: 'us-east-1', credentials });
  const FunctionName = functionNames.find((name) => name.startsWith('Migrate'));
  const { Payload } = await lambda.send(new InvokeCommand({ FunctionName, Payload: '{}' }));
  return JSON.parse(Buffer.from(Payload ?? []).toString());
}

it('a schema that the code before could not follow is migrated to where that is asked for alone', async () => {
  const refusal = expect.stringMatching(
    /^code that works on this database now can’t after the migration: deploy with --breaking-schema [^\n]*$/,
  ) as string;
  await deployed({}, async (deployment) => {
    const { dataSource, orchestrator } = deployment;
    await orchestrator.run({ repetitions: 3, seed: 42 });
    await dataSource.undoLastMigration();
    const migrations = (): Promise<unknown> =>
      dataSource.query('SELECT name FROM stepcompute_migration ORDER BY 1');
    const before = await migrations();
    expect(await migrate(deployment)).toMatchObject({
      errorType: 'PersistenceError',
      errorMessage: refusal,
    });
    expect(await migrations()).toEqual(before);
    expect(await schemaState(dataSource)).toBe('older');
  });
  // Whoever deploys is told why.
  await expect(deployed({}, () => Promise.resolve())).rejects.toThrow(
    'deploy with --breaking-schema',
  );
  await deployed({ breakingSchema: true }, async ({ dataSource, orchestrator, stores }) => {
    expect(await schemaState(dataSource)).toBe('current');
    const { run } = await orchestrator.run({ repetitions: 3, seed: 42 });
    expect((await stores.runs.list({ limit: 10 })).map(({ id }) => id)).toEqual([
      run.id,
      run.id - 1,
    ]);
  });
});

it('the next version and the way back keep the data, and the runs go on', async () => {
  const next = makeNextVersion();
  const lasting = await createLastingDatabase();
  const migrations = async ({ dataSource }: Deployment): Promise<number> =>
    (await dataSource.query<unknown[]>('SELECT name FROM stepcompute_migration')).length;
  const average = expectedAverage(42, 9);
  try {
    let id = RunId.parse(1);
    let before = 0;
    await deployed({ database: lasting }, async (deployment) => {
      ({ id } = (await deployment.orchestrator.run({ repetitions: 3, seed: 42 })).run);
      before = await migrations(deployment);
    });
    await deployed({ database: lasting, app: next.app }, async (deployment) => {
      expect(await migrations(deployment)).toBe(before + 1);
      await deployment.orchestrator.resume(id, { repetitions: 6 });
    });
    // As CloudFormation does when an update fails: the former functions, and the former Migrate is called again.
    await deployed({ database: lasting }, async (deployment) => {
      expect(await migrations(deployment)).toBe(before + 1);
      const extended = await deployment.orchestrator.resume(id, { repetitions: 9 });
      expect(extended.average).toEqual(average);
      expect((await deployment.orchestrator.run({ repetitions: 9, seed: 42 })).average).toEqual(
        average,
      );
    });
  } finally {
    await lasting.drop();
    next.remove();
  }
});
