import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import './service-models.js';

interface FunctionSource {
  /** The bundle's content. */
  readonly code: string;
  /** The bundle's file. Default: `index.js`. */
  readonly file?: string;
  /** Default: `index.handler`. */
  readonly handler?: string;
  /** Default: 600, so that none is over on a machine that is busy. */
  readonly timeoutSeconds?: number;
  readonly memoryMegabytes?: number;
  readonly environment?: Readonly<Record<string, unknown>>;
  /** Further properties of the template's resource. */
  readonly properties?: object;
}

export interface AssemblySource {
  readonly functions?: Readonly<Record<string, FunctionSource>>;
  /** Definitions, in which `${Work.Arn}` is the ARN of the function Work. */
  readonly machines?: Readonly<Record<string, object>>;
  /** Further resources of the template. */
  readonly resources?: Readonly<Record<string, object>>;
}

export interface Assembly {
  readonly folder: string;
  remove(): void;
}

/** Writes what CDK would have synthesized: manifest, template, assets and bundles. */
export function writeAssembly(source: AssemblySource): Assembly {
  const folder = mkdtempSync(join(tmpdir(), 'rehearsal-'));
  const functions = Object.entries(source.functions ?? {});
  const write = (file: string, content: object): void =>
    writeFileSync(join(folder, file), JSON.stringify(content));
  for (const [name, { code, file = 'index.js' }] of functions) {
    mkdirSync(join(folder, `asset.${name}`));
    writeFileSync(join(folder, `asset.${name}`, file), code);
  }
  write('manifest.json', {
    version: '48.0.0',
    artifacts: {
      'Tiny.assets': { type: 'cdk:asset-manifest', properties: { file: 'Tiny.assets.json' } },
      Tiny: {
        type: 'aws:cloudformation:stack',
        properties: { templateFile: 'Tiny.template.json' },
      },
    },
  });
  write('Tiny.assets.json', {
    files: Object.fromEntries(
      functions.map(([name]) => [
        name,
        { source: { path: `asset.${name}`, packaging: 'zip' }, destinations: {} },
      ]),
    ),
  });
  write('Tiny.template.json', {
    Resources: {
      Role: { Type: 'AWS::IAM::Role' },
      ...Object.fromEntries(
        functions.map(([name, source]) => [name, functionResource(name, source)]),
      ),
      ...Object.fromEntries(
        Object.entries(source.machines ?? {}).map(([name, definition]) => [
          name,
          machineResource(definition),
        ]),
      ),
      ...source.resources,
    },
  });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function functionResource(name: string, source: FunctionSource): object {
  const { handler = 'index.handler', timeoutSeconds = 600, memoryMegabytes, environment } = source;
  return {
    Type: 'AWS::Lambda::Function',
    Properties: {
      Code: { S3Bucket: { 'Fn::Sub': 'cdk-assets-${AWS::AccountId}' }, S3Key: `${name}.zip` },
      Handler: handler,
      Runtime: 'nodejs22.x',
      Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
      Timeout: timeoutSeconds,
      ...(memoryMegabytes !== undefined && { MemorySize: memoryMegabytes }),
      ...(environment && { Environment: { Variables: environment } }),
      ...source.properties,
    },
  };
}

function machineResource(definition: object): object {
  return {
    Type: 'AWS::StepFunctions::StateMachine',
    Properties: {
      RoleArn: { 'Fn::GetAtt': ['Role', 'Arn'] },
      DefinitionString: { 'Fn::Sub': JSON.stringify(definition) },
    },
  };
}

/** The document's four errors, as CDK writes their retrier. */
export const documentRetry = {
  ErrorEquals: [
    'Lambda.ServiceException',
    'Lambda.AWSLambdaException',
    'Lambda.SdkClientException',
    'Lambda.TooManyRequestsException',
  ],
  IntervalSeconds: 2,
  MaxAttempts: 6,
  BackoffRate: 2,
};

/** A task that invokes a function as CDK has it, and answers with what the function does. */
export function invoke(name: string, fields: object = {}): Record<string, unknown> {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    Parameters: { FunctionName: `\${${name}.Arn}`, 'Payload.$': '$' },
    OutputPath: '$.Payload',
    Retry: [documentRetry],
    ...fields,
  };
}
