import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCloudAssembly, type CloudAssembly } from '../src/cloud-assembly.js';
import { UnsupportedError } from '../src/index.js';
import { writeAssembly, type AssemblySource } from './assembly.js';

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
    const file = join(assembly.folder, 'manifest.json');
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as { artifacts: object };
    const artifacts = { ...manifest.artifacts, 'assembly-Prod': { type: 'cdk:cloud-assembly' } };
    writeFileSync(file, JSON.stringify({ ...manifest, artifacts }));
    expect(() => readCloudAssembly(assembly.folder)).toThrow(/assembly-Prod is a stage/);
    assembly.remove();
  });
});
