import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { CloudAssembly } from '../src/assembly.js';
import { readCloudAssembly } from '../src/cloud-assembly.js';
import { InvalidAssemblyError, Rehearsal, UnsupportedError } from '../src/index.js';
import { writeAssembly, type Assembly, type AssemblySource } from './assembly.js';

function read(source: AssemblySource): CloudAssembly {
  const assembly = writeAssembly(source);
  try {
    return readCloudAssembly(assembly.folder);
  } finally {
    assembly.remove();
  }
}

/** Reads an assembly after a condition was put on one of its resources. */
function readWithCondition(source: AssemblySource, id: string): CloudAssembly {
  const assembly = writeAssembly(source);
  const file = join(assembly.folder, 'Tiny.template.json');
  const template = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly Resources: Readonly<Record<string, object>>;
  };
  const conditional = { ...template.Resources[id], Condition: 'IsProduction' };
  writeFileSync(file, JSON.stringify({ Resources: { ...template.Resources, [id]: conditional } }));
  try {
    return readCloudAssembly(assembly.folder);
  } finally {
    assembly.remove();
  }
}

/** Changes one of an assembly's files. */
function change(
  { folder }: Assembly,
  file: string,
  by: (content: Record<string, object>) => object,
): void {
  const path = join(folder, file);
  const content = JSON.parse(readFileSync(path, 'utf8')) as Record<string, object>;
  writeFileSync(path, JSON.stringify({ ...content, ...by(content) }));
}

const arnOf = (name: string): string => `arn:aws:lambda:us-east-1:123456789012:function:${name}`;
const version = (name: string): object => ({
  Type: 'AWS::Lambda::Version',
  Properties: { FunctionName: { Ref: name } },
});
const trigger = (name: string, dependsOn?: string | string[]): object => ({
  Type: 'Custom::Trigger',
  Properties: {
    ServiceToken: { 'Fn::GetAtt': ['Provider', 'Arn'] },
    HandlerArn: { Ref: name },
  },
  ...(dependsOn !== undefined && { DependsOn: dependsOn }),
});

describe('a cloud assembly', () => {
  it('has the functions whose names begin as those of CDK do', () => {
    const { functions } = read({
      functions: { CustomerReport: { code: '' }, AWSCDKLike: { code: '' } },
    });
    expect(functions.map(({ logicalId }) => logicalId)).toEqual(['CustomerReport', 'AWSCDKLike']);
  });

  it('has no function that only serves custom resources', () => {
    const { functions } = read({
      functions: { Provider: { code: '' }, Work: { code: '' } },
      resources: { Version: version('Work'), Trigger: trigger('Version') },
    });
    expect(functions.map(({ logicalId }) => logicalId)).toEqual(['Work']);
  });

  it('calls triggers after those that they depend on, by way of others too', () => {
    const { triggered } = read({
      functions: {
        Provider: { code: '' },
        First: { code: '' },
        Second: { code: '' },
        Third: { code: '' },
      },
      resources: {
        FirstVersion: version('First'),
        SecondVersion: version('Second'),
        ThirdVersion: version('Third'),
        ThirdTrigger: trigger('ThirdVersion', ['Between']),
        Between: { Type: 'AWS::SNS::Topic', DependsOn: 'SecondTrigger' },
        SecondTrigger: trigger('SecondVersion', 'FirstTrigger'),
        FirstTrigger: trigger('FirstVersion'),
      },
    });
    expect(triggered).toEqual(['First', 'Second', 'Third'].map(arnOf));
  });

  it('puts a definition’s substitutions in', () => {
    const { stateMachines } = read({
      functions: { Work: { code: '' } },
      resources: {
        Machine: {
          Type: 'AWS::StepFunctions::StateMachine',
          Properties: {
            RoleArn: 'role',
            DefinitionString: '{"a":"${work}","b":"${work}","c":"${other}"}',
            DefinitionSubstitutions: {
              work: { 'Fn::GetAtt': ['Work', 'Arn'] },
              other: '$& stays',
            },
          },
        },
      },
    });
    const definition = { a: arnOf('Work'), b: arnOf('Work'), c: '$& stays' };
    expect(stateMachines[0]?.definition).toEqual(definition);
  });

  it('is refused with a custom resource whose work would be left out', () => {
    const resources = { Seed: { Type: 'Custom::SeedData', Properties: { ServiceToken: 'x' } } };
    expect(() => read({ resources })).toThrow(/Seed is a custom resource, Custom::SeedData/);
  });

  const source = {
    functions: { Provider: { code: '' }, Work: { code: '' } },
    machines: { Machine: { StartAt: 'Only', States: { Only: { Type: 'Succeed' } } } },
    resources: {
      Version: version('Work'),
      Trigger: trigger('Version'),
      Cluster: {
        Type: 'AWS::RDS::DBCluster',
        Properties: { EnableHttpEndpoint: true, DatabaseName: 'any' },
      },
      Secret: { Type: 'AWS::SecretsManager::Secret' },
      Attachment: {
        Type: 'AWS::SecretsManager::SecretTargetAttachment',
        Properties: { TargetId: { Ref: 'Cluster' }, SecretId: { Ref: 'Secret' } },
      },
    },
  };

  it.each(['Work', 'Machine', 'Role', 'Trigger', 'Version', 'Cluster', 'Attachment', 'Secret'])(
    'is refused when %s has a condition, which would be passed over',
    (id) => {
      expect(() => readWithCondition(source, id)).toThrow(UnsupportedError);
      expect(() => readWithCondition(source, id)).toThrow(`${id} has the Condition IsProduction`);
    },
  );

  it('may have conditions on what has no part in a rehearsal', () => {
    const metadata = { CDKMetadata: { Type: 'AWS::CDK::Metadata' } };
    const resources = { ...source.resources, ...metadata };
    const { functions } = readWithCondition({ ...source, resources }, 'CDKMetadata');
    expect(functions).toHaveLength(1);
  });

  it('is refused when it has stages, which have assemblies of their own', () => {
    const assembly = writeAssembly({});
    change(assembly, 'manifest.json', ({ artifacts }) => ({
      artifacts: { ...artifacts, 'assembly-Prod': { type: 'cdk:cloud-assembly' } },
    }));
    expect(() => readCloudAssembly(assembly.folder)).toThrow(/assembly-Prod is a stage/);
    assembly.remove();
  });
});

describe('a folder', () => {
  let assembly: Assembly;
  beforeEach(() => {
    assembly = writeAssembly({ functions: { Work: { code: 'exports.handler = async () => 1;' } } });
  });
  afterEach(() => assembly.remove());

  it('may be given relative to this one', async () => {
    const rehearsal = await Rehearsal.start({ assembly: relative(process.cwd(), assembly.folder) });
    const body = '{}';
    const headers = { authorization: 'any' };
    const url = `${rehearsal.endpoint}/2015-03-31/functions/Work/invocations`;
    expect(await (await fetch(url, { method: 'POST', body, headers })).json()).toBe(1);
    await rehearsal.close();
  });

  it.each<[string, RegExp, () => void]>([
    ['that is not there', /got \/.*, which does not exist$/, () => assembly.remove()],
    [
      'of something else',
      /got \/.*, which has no manifest.json$/,
      () => rmSync(join(assembly.folder, 'manifest.json')),
    ],
    [
      'whose manifest is none',
      /manifest.json is no manifest of CDK's$/,
      () => writeFileSync(join(assembly.folder, 'manifest.json'), '{"name":"app"}'),
    ],
    [
      'whose manifest is no JSON',
      /manifest.json is no JSON object$/,
      () => writeFileSync(join(assembly.folder, 'manifest.json'), '<html>'),
    ],
    [
      'without a stack',
      /has no stack$/,
      () => writeFileSync(join(assembly.folder, 'manifest.json'), '{"artifacts":{}}'),
    ],
    [
      'whose template is gone',
      /refers to \/.*Tiny.template.json, which is gone: synthesize again$/,
      () => rmSync(join(assembly.folder, 'Tiny.template.json')),
    ],
    [
      'whose list of assets is gone',
      /refers to \/.*Tiny.assets.json, which is gone/,
      () => rmSync(join(assembly.folder, 'Tiny.assets.json')),
    ],
    [
      'whose bundles are gone',
      /refers to \/.*asset.Work, which is gone/,
      () => rmSync(join(assembly.folder, 'asset.Work'), { recursive: true }),
    ],
  ])('%s is refused in one line', async (_, message, spoil) => {
    spoil();
    const start = Rehearsal.start({ assembly: assembly.folder });
    await expect(start).rejects.toThrow(InvalidAssemblyError);
    await expect(start).rejects.toThrow(message);
    await expect(start).rejects.not.toThrow(/\n/);
  });
});

describe('a stack', () => {
  const cluster = {
    Cluster: {
      Type: 'AWS::RDS::DBCluster',
      Properties: { EnableHttpEndpoint: true, DatabaseName: 'any' },
    },
    Secret: { Type: 'AWS::SecretsManager::Secret' },
    Attachment: {
      Type: 'AWS::SecretsManager::SecretTargetAttachment',
      Properties: { TargetId: { Ref: 'Cluster' }, SecretId: { Ref: 'Secret' } },
    },
  };
  const joined = (...parts: unknown[]): object => ({ 'Fn::Join': ['', parts] });
  const ownArn = (service: string, name: string | object): object =>
    joined(
      'arn:',
      { Ref: 'AWS::Partition' },
      `:${service}:`,
      { Ref: 'AWS::Region' },
      ':',
      { Ref: 'AWS::AccountId' },
      ':',
      name,
    );
  const environment = {
    CLUSTER: ownArn('rds', joined('cluster:', { Ref: 'Cluster' })),
    SECRET: { Ref: 'Attachment' },
    STACK: { Ref: 'AWS::StackName' },
  };
  const readIn = (source: AssemblySource, place: string): CloudAssembly => {
    const assembly = writeAssembly(source);
    change(assembly, 'manifest.json', ({ artifacts }) => {
      const { Tiny } = artifacts as Record<string, object>;
      return { artifacts: { ...artifacts, Tiny: { ...Tiny, environment: place } } };
    });
    try {
      return readCloudAssembly(assembly.folder);
    } finally {
      assembly.remove();
    }
  };

  it.each([
    ['aws://unknown-account/unknown-region', 'arn:aws', 'us-east-1:123456789012'],
    ['aws://210987654321/eu-central-1', 'arn:aws', 'eu-central-1:210987654321'],
    ['aws://210987654321/cn-north-1', 'arn:aws-cn', 'cn-north-1:210987654321'],
    ['aws://unknown-account/us-gov-west-1', 'arn:aws-us-gov', 'us-gov-west-1:123456789012'],
  ])('is deployed to the account and the region that it is for: %s', (place, arn, own) => {
    const functions = { Work: { code: '', environment } };
    const machines = { Machine: { StartAt: 'A', States: { A: { Type: 'Succeed' } } } };
    const read = readIn({ functions, machines, resources: cluster }, place);
    expect(read.region).toBe(own.split(':')[0]);
    expect(read.account).toBe(own.split(':')[1]);
    expect(read.functions[0]).toMatchObject({
      arn: `${arn}:lambda:${own}:function:Work`,
      environment: {
        CLUSTER: `${arn}:rds:${own}:cluster:Cluster`,
        SECRET: `${arn}:secretsmanager:${own}:secret:Secret`,
        STACK: 'Tiny',
      },
    });
    expect(read.stateMachines[0]).toMatchObject({
      arn: `${arn}:states:${own}:stateMachine:Machine`,
      roleArn: `${arn}:iam::${own.split(':')[1]}:role/Role`,
    });
    expect(read.clusters).toEqual([
      {
        logicalId: 'Cluster',
        arn: `${arn}:rds:${own}:cluster:Cluster`,
        secretArn: `${arn}:secretsmanager:${own}:secret:Secret`,
        database: 'any',
        hasDataApi: true,
      },
    ]);
  });

  it('may name its resources', () => {
    const { functions, clusters } = read({
      functions: { Work: { code: '', environment, properties: { FunctionName: 'own-name' } } },
      resources: {
        ...cluster,
        Cluster: {
          ...cluster.Cluster,
          Properties: { ...cluster.Cluster.Properties, DBClusterIdentifier: 'Own-Cluster' },
        },
      },
    });
    const arn = 'arn:aws:rds:us-east-1:123456789012:cluster:own-cluster';
    expect(clusters[0]?.arn).toBe(arn);
    expect(functions[0]).toMatchObject({
      name: 'own-name',
      logicalId: 'Work',
      arn: arnOf('own-name'),
      environment: { CLUSTER: arn },
    });
  });

  it('may have functions that know of clusters elsewhere', () => {
    const { clusters } = read({
      functions: {
        Work: {
          code: '',
          environment: {
            CLUSTER: ownArn('rds', 'cluster:theirs'),
            SECRET: ownArn('secretsmanager', 'secret:theirs-AbCdEf'),
          },
        },
        Other: { code: '', environment: { CLUSTER: ownArn('rds', 'cluster:theirs'), SECRET: 'x' } },
      },
    });
    expect(clusters).toEqual([
      {
        logicalId: 'theirs',
        arn: 'arn:aws:rds:us-east-1:123456789012:cluster:theirs',
        secretArn: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:theirs-AbCdEf',
        database: undefined,
        hasDataApi: true,
      },
    ]);
  });

  it('may refer to what another stack exports', () => {
    const assembly = writeAssembly({
      functions: {
        Work: { code: '', environment: { CLUSTER: { 'Fn::ImportValue': 'Data:Cluster' } } },
      },
    });
    const artifact = (templateFile: string) => ({
      type: 'aws:cloudformation:stack',
      environment: 'aws://unknown-account/eu-west-1',
      properties: { templateFile },
    });
    change(assembly, 'manifest.json', ({ artifacts }) => ({
      artifacts: {
        Tiny: { ...artifact('Tiny.template.json'), dependencies: ['Data'] },
        Data: artifact('Data.template.json'),
        'Tiny.assets': (artifacts as Record<string, unknown>)['Tiny.assets'],
      },
    }));
    writeFileSync(join(assembly.folder, 'Data.assets.json'), '{}');
    writeFileSync(
      join(assembly.folder, 'Data.template.json'),
      JSON.stringify({
        Resources: cluster,
        Outputs: {
          Out: {
            Value: { 'Fn::GetAtt': 'Cluster.DBClusterArn' },
            Export: { Name: 'Data:Cluster' },
          },
        },
      }),
    );
    const { functions, clusters } = readCloudAssembly(assembly.folder);
    assembly.remove();
    expect(clusters).toHaveLength(1);
    expect(functions[0]?.environment.CLUSTER).toBe(clusters[0]?.arn);
  });

  it('may have parameters, with their defaults', () => {
    const assembly = writeAssembly({
      functions: { Work: { code: '', environment: { GIVEN: { Ref: 'Given' } } } },
    });
    const parameters = (Given: object): void =>
      change(assembly, 'Tiny.template.json', () => ({ Parameters: { Given } }));
    parameters({ Type: 'String', Default: 'x' });
    expect(readCloudAssembly(assembly.folder).functions[0]?.environment.GIVEN).toBe('x');
    for (const unknown of [
      { Type: 'String' },
      { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/x' },
    ]) {
      parameters(unknown);
      expect(() => readCloudAssembly(assembly.folder)).toThrow(/needs the parameter Given/);
    }
    assembly.remove();
  });

  it('is refused with another that has functions of the same names', () => {
    const assembly = writeAssembly({ functions: { Work: { code: '' } } });
    change(assembly, 'manifest.json', ({ artifacts }) => ({
      artifacts: { ...artifacts, Again: (artifacts as Record<string, unknown>).Tiny },
    }));
    expect(() => readCloudAssembly(assembly.folder)).toThrow(/two functions are called Work/);
    assembly.remove();
  });

  it('has the layers that are in it, and is refused with others', async () => {
    const assembly = writeAssembly({
      functions: {
        Work: {
          code: "exports.handler = async () => require('from-layer');",
          properties: { Layers: [{ Ref: 'Layer' }] },
        },
        Layered: { code: '' },
      },
      resources: {
        Layer: {
          Type: 'AWS::Lambda::LayerVersion',
          Properties: { Content: { S3Key: 'Layered.zip' } },
        },
      },
    });
    const modules = join(assembly.folder, 'asset.Layered/nodejs/node_modules/from-layer');
    mkdirSync(modules, { recursive: true });
    writeFileSync(join(modules, 'index.js'), "module.exports = 'layered';");
    const rehearsal = await Rehearsal.start({ assembly: assembly.folder });
    const headers = { authorization: 'any' };
    const url = `${rehearsal.endpoint}/2015-03-31/functions/Work/invocations`;
    expect(await (await fetch(url, { method: 'POST', headers })).json()).toBe('layered');
    await rehearsal.close();
    change(assembly, 'Tiny.template.json', ({ Resources }) => ({
      Resources: { ...Resources, Layer: { Type: 'AWS::SNS::Topic' } },
    }));
    expect(() => readCloudAssembly(assembly.folder)).toThrow(
      /Work has the layer Layer, which is not in/,
    );
    assembly.remove();
  });
});
