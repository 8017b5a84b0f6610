import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { schemaState } from '@stepcompute/sql-store';
import {
  createLastingDatabase,
  deploy,
  type Deployment,
  type DeploymentProps,
  type LastingDatabase,
} from './deployment.js';

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
    expect((await stores.runs.list(10)).map(({ id }) => id)).toEqual([run.id, run.id - 1]);
  });
});
