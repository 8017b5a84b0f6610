import './service-models.js';
import {
  CloudFormationClient,
  DescribeStacksCommand,
  ListStacksCommand,
} from '@aws-sdk/client-cloudformation';
import { synthesize, unbundled, type TestAssembly } from '../../../testing/assembly.js';
import { Deployment } from '../src/deployment.js';

describe('CloudFormation', () => {
  let assembly: TestAssembly;
  let deployment: Deployment;
  let client: CloudFormationClient;
  beforeAll(async () => {
    assembly = synthesize({ ...unbundled, mode: 'inline', stackName: 'Named' });
    deployment = new Deployment({ assembly: assembly.folder });
    await deployment.open();
    client = new CloudFormationClient({
      endpoint: deployment.environment.AWS_ENDPOINT_URL_CLOUDFORMATION!,
      region: deployment.environment.AWS_REGION!,
      credentials: { accessKeyId: 'rehearsal', secretAccessKey: 'rehearsal' },
    });
  });
  afterAll(async () => {
    client.destroy();
    await deployment.close();
    assembly.remove();
  });

  it('describes a stack of the assembly, by its name or its ARN, with the outputs of its template', async () => {
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: 'Named' }));
    expect(Stacks).toMatchObject([{ StackName: 'Named', StackStatus: 'CREATE_COMPLETE' }]);
    const [{ StackId, Outputs = [] } = {}] = Stacks;
    const outputs: unknown = Object.fromEntries(
      Outputs.map((each) => [each.OutputKey, each.OutputValue]),
    );
    expect(outputs).toMatchObject({
      StateMachineArn: deployment.assembly.stateMachines[0]!.arn,
      ClusterArn: deployment.assembly.clusters[0]!.arn,
      DelayMilliseconds: '600000',
    });
    const byArn = await client.send(new DescribeStacksCommand({ StackName: StackId }));
    expect(byArn.Stacks).toEqual(Stacks);
  });

  it('knows no other stack, and no other operation', async () => {
    await expect(
      client.send(new DescribeStacksCommand({ StackName: 'Elsewhere & <co>' })),
    ).rejects.toMatchObject({
      name: 'ValidationError',
      message: 'Stack with id Elsewhere & <co> does not exist',
    });
    await expect(client.send(new DescribeStacksCommand({}))).rejects.toThrow('not rehearsed');
    await expect(client.send(new ListStacksCommand({}))).rejects.toThrow('not rehearsed');
  });
});
