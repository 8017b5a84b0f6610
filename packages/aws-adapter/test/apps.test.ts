import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { expectedAverage } from '@stepcompute/core/testing';
import { deploy, type Deployment } from './deployment.js';

async function on(app: string, work: (deployment: Deployment) => Promise<void>): Promise<void> {
  const deployment = await deploy({ mode: 'inline', app });
  try {
    await work(deployment);
  } finally {
    await deployment.close();
  }
}

it.each([
  'default-vpc.mjs',
  'own-cluster.mjs',
  'imported-cluster.mjs',
  'own-region.mjs',
  'behind-proxy.mjs',
  'account-of-ten.mjs',
])('a deployment in an account that exists comes to the same bits: %s', (app) =>
  on(app, async ({ orchestrator }) => {
    const { average } = await orchestrator.run({ repetitions: 25, seed: 42 });
    expect(average).toEqual(expectedAverage(42, 25));
  }),
);

it('a run over connections may be longer than one by the Data API', () =>
  on('behind-proxy.mjs', async ({ rehearsal: { endpoint, functionNames } }) => {
    const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
    const lambda = new LambdaClient({ endpoint, region: 'us-east-1', credentials });
    const answerTo = async (repetitions: number): Promise<unknown> => {
      const { Payload } = await lambda.send(
        new InvokeCommand({
          FunctionName: functionNames.find((name) => name.includes('RetrieveRunId')),
          Payload: JSON.stringify({ input: { repetitions, seed: 1 }, blockSize: 1000 }),
        }),
      );
      return JSON.parse(Buffer.from(Payload ?? []).toString());
    };
    expect(await answerTo(225_000_000)).toMatchObject({
      seed: 1,
      blocks: expect.anything() as unknown,
    });
    expect(await answerTo(225_000_001)).toMatchObject({
      errorMessage: expect.stringContaining('must be at most 225000000') as string,
    });
  }));
