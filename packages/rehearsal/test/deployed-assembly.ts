import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface AssemblyParts {
  /** Functions by logical id: the source of `index.js`, and properties beside the usual ones. */
  readonly functions?: Readonly<
    Record<
      string,
      { readonly source: string; readonly properties?: Readonly<Record<string, unknown>> }
    >
  >;
  /** State machines by logical id: their definitions, with intrinsic functions in them if need be. */
  readonly stateMachines?: Readonly<Record<string, object>>;
  readonly resources?: Readonly<Record<string, object>>;
}

/** A cloud assembly as CDK writes one, made by hand. */
export function writeAssembly({
  functions = {},
  stateMachines = {},
  resources = {},
}: AssemblyParts): {
  readonly folder: string;
  readonly remove: () => void;
} {
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-rehearsal-'));
  const all: Record<string, object> = { ...resources };
  const files: Record<string, object> = {};
  for (const [id, { source, properties }] of Object.entries(functions)) {
    mkdirSync(join(folder, `asset.${id}`));
    writeFileSync(join(folder, `asset.${id}`, 'index.js'), source);
    files[id] = { source: { path: `asset.${id}`, packaging: 'zip' } };
    all[id] = {
      Type: 'AWS::Lambda::Function',
      Properties: {
        Code: { S3Bucket: 'assets', S3Key: `${id}.zip` },
        Handler: 'index.handler',
        Runtime: 'nodejs24.x',
        Timeout: 10,
        ...properties,
      },
    };
  }
  for (const [id, definition] of Object.entries(stateMachines)) {
    all[id] = {
      Type: 'AWS::StepFunctions::StateMachine',
      Properties: {
        RoleArn: 'arn:aws:iam::123456789012:role/r',
        DefinitionString: JSON.stringify(definition),
      },
    };
  }
  const write = (name: string, value: object): void =>
    writeFileSync(join(folder, name), JSON.stringify(value));
  write('manifest.json', {
    artifacts: {
      S: { type: 'aws:cloudformation:stack', properties: { templateFile: 'S.template.json' } },
    },
  });
  write('S.template.json', { Resources: all });
  write('S.assets.json', { files });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A task state that calls a function of the assembly the way CDK's LambdaInvoke does. */
export function invoke(functionId: string, rest: object): object {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    Parameters: {
      FunctionName: `arn:aws:lambda:us-east-1:123456789012:function:${functionId}`,
      'Payload.$': '$',
    },
    OutputPath: '$.Payload',
    ...rest,
  };
}

/** The source document's retry. */
export const documentRetry = [
  {
    ErrorEquals: [
      'Lambda.ServiceException',
      'Lambda.AWSLambdaException',
      'Lambda.SdkClientException',
      'Lambda.TooManyRequestsException',
    ],
    IntervalSeconds: 2,
    MaxAttempts: 6,
    BackoffRate: 2,
  },
];
