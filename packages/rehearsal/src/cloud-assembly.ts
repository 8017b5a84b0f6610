import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  Intrinsics,
  arnOf,
  assertUnconditional,
  type Resource,
  type Resources,
} from './intrinsics.js';
import { UnsupportedError } from './service-error.js';

/** A Lambda function as its template describes it. */
export interface FunctionDefinition {
  readonly logicalId: string;
  readonly arn: string;
  /** The folder of its bundle. */
  readonly code: string;
  /** As in the template: file and export, `index.handler`. */
  readonly handler: string;
  readonly timeoutMs: number;
  readonly memoryMegabytes: number;
  readonly environment: Readonly<Record<string, string>>;
}

export interface StateMachineResource {
  readonly logicalId: string;
  readonly arn: string;
  readonly roleArn: string;
  readonly definition: unknown;
}

export interface ClusterDefinition {
  readonly logicalId: string;
  readonly arn: string;
  readonly secretArn: string;
  readonly database: string | undefined;
}

/** The rehearsed part of a cloud assembly. */
export interface CloudAssembly {
  readonly functions: readonly FunctionDefinition[];
  readonly stateMachines: readonly StateMachineResource[];
  readonly clusters: readonly ClusterDefinition[];
  /** The functions that a deployment calls, in the template's order. */
  readonly triggered: readonly string[];
}

/** The part of CDK's own files that reading an assembly needs. */
interface Manifest {
  readonly artifacts?: Readonly<
    Record<
      string,
      { readonly type: string; readonly properties?: { readonly templateFile?: string } }
    >
  >;
}

interface AssetManifest {
  readonly files?: Readonly<Record<string, { readonly source: { readonly path?: string } }>>;
}

/**
 * Reads what CDK has synthesized.
 * @param folder the one with `manifest.json`
 * @throws UnsupportedError naming the resource and what of it can't be rehearsed
 */
export function readCloudAssembly(folder: string): CloudAssembly {
  const { artifacts = {} } = readJson(folder, 'manifest.json') as Manifest;
  const stage = Object.entries(artifacts).find(([, { type }]) => type === 'cdk:cloud-assembly');
  if (stage !== undefined) {
    throw new UnsupportedError(`${stage[0]} is a stage: rehearse its own folder of the assembly`);
  }
  const stacks = Object.values(artifacts).filter(({ type }) => type === 'aws:cloudformation:stack');
  const parts = stacks.map(({ properties }) => {
    const templateFile = properties?.templateFile ?? '';
    const { Resources: resources = {} } = readJson(folder, templateFile) as {
      Resources?: Resources;
    };
    const assetsFile = templateFile.replace('.template.json', '.assets.json');
    return new StackReader(folder, resources, readJson(folder, assetsFile) as AssetManifest).read();
  });
  return {
    functions: parts.flatMap(({ functions }) => functions),
    stateMachines: parts.flatMap(({ stateMachines }) => stateMachines),
    clusters: parts.flatMap(({ clusters }) => clusters),
    triggered: parts.flatMap(({ triggered }) => triggered),
  };
}

function readJson(folder: string, file: string): unknown {
  return JSON.parse(readFileSync(join(folder, file), 'utf8'));
}

/** The custom resources that a rehearsal calls, or that have nothing to do in it. */
const customResources = ['Custom::Trigger', 'Custom::VpcRestrictDefaultSG', 'Custom::LogRetention'];

class StackReader {
  readonly #intrinsics: Intrinsics;

  constructor(
    private readonly folder: string,
    private readonly resources: Resources,
    private readonly assets: AssetManifest,
  ) {
    this.#intrinsics = new Intrinsics(resources);
  }

  read(): CloudAssembly {
    const providers = this.#readProviders();
    const triggers = this.#triggersInOrder().map(([id, resource]) => {
      assertUnconditional(id, resource);
      const handler = this.#intrinsics.text(resource.Properties?.HandlerArn, `${id}.HandlerArn`);
      // A trigger names a version, whose number is of no meaning here.
      return handler.replace(/:\d+$/, '');
    });
    return {
      // Those that serve custom resources are never called: of these, triggers alone are rehearsed.
      functions: this.#ofType('AWS::Lambda::Function')
        .filter(([id]) => !providers.includes(id))
        .map(([id, resource]) => this.#readFunction(id, resource)),
      stateMachines: this.#ofType('AWS::StepFunctions::StateMachine').map(([id, resource]) =>
        this.#readStateMachine(id, resource),
      ),
      clusters: this.#ofType('AWS::RDS::DBCluster').map(([id, resource]) =>
        this.#readCluster(id, resource),
      ),
      triggered: triggers,
    };
  }

  /**
   * The functions behind the template's custom resources.
   * @throws UnsupportedError for a custom resource whose work would be left out in silence
   */
  #readProviders(): readonly string[] {
    return Object.entries(this.resources).flatMap(([id, { Type, Properties = {} }]) => {
      if (!Type.startsWith('Custom::') && Type !== 'AWS::CloudFormation::CustomResource') return [];
      if (!customResources.includes(Type)) {
        throw new UnsupportedError(`${id} is a custom resource, ${Type}, which is not rehearsed`);
      }
      const { 'Fn::GetAtt': attribute } = Properties.ServiceToken as { 'Fn::GetAtt'?: string[] };
      return attribute?.slice(0, 1) ?? [];
    });
  }

  /** Each after those that it depends on, directly or by way of other resources. */
  #triggersInOrder(): [string, Resource][] {
    const ordered = new Map<string, Resource>();
    const seen = new Set<string>();
    const visit = (id: string): void => {
      if (seen.has(id)) return;
      seen.add(id);
      const resource = this.resources[id];
      if (resource === undefined) return;
      for (const other of [resource.DependsOn ?? []].flat()) visit(other);
      if (resource.Type === 'Custom::Trigger') ordered.set(id, resource);
    };
    for (const id of Object.keys(this.resources)) visit(id);
    return [...ordered];
  }

  #ofType(type: string): [string, Resource][] {
    return Object.entries(this.resources).filter(([, { Type }]) => Type === type);
  }

  #readFunction(logicalId: string, resource: Resource): FunctionDefinition {
    assertUnconditional(logicalId, resource);
    const { Code, Handler, Runtime, Timeout, MemorySize, Environment } = resource.Properties as {
      readonly Code?: { readonly S3Key?: string };
      readonly Handler?: string;
      readonly Runtime?: string;
      readonly Timeout?: number;
      readonly MemorySize?: number;
      readonly Environment?: { readonly Variables?: Readonly<Record<string, unknown>> };
    };
    if (Runtime?.startsWith('nodejs') !== true || Handler === undefined) {
      throw new UnsupportedError(`${logicalId} runs on ${Runtime}: only Node.js is rehearsed`);
    }
    const hash = Code?.S3Key?.replace(/\.zip$/, '');
    const path = this.assets.files?.[hash ?? '']?.source.path;
    if (path === undefined) {
      throw new UnsupportedError(`${logicalId} has code that is not a folder of the assembly`);
    }
    const variables = Object.entries(Environment?.Variables ?? {}).map(([name, value]) => [
      name,
      this.#intrinsics.text(value, `${logicalId}.Environment.${name}`),
    ]);
    return {
      logicalId,
      arn: arnOf(logicalId, resource) ?? '',
      code: join(this.folder, path),
      handler: Handler,
      timeoutMs: (Timeout ?? 3) * 1000,
      memoryMegabytes: MemorySize ?? 128,
      environment: Object.fromEntries(variables) as Record<string, string>,
    };
  }

  #readStateMachine(logicalId: string, resource: Resource): StateMachineResource {
    assertUnconditional(logicalId, resource);
    const { DefinitionString, DefinitionSubstitutions, StateMachineType, RoleArn } =
      resource.Properties ?? {};
    if (StateMachineType === 'EXPRESS') {
      throw new UnsupportedError(`${logicalId} is an Express state machine`);
    }
    const text = this.#intrinsics.text(DefinitionString, `${logicalId}.DefinitionString`);
    const substitutions = Object.entries(DefinitionSubstitutions ?? {});
    return {
      logicalId,
      arn: arnOf(logicalId, resource) ?? '',
      roleArn: this.#intrinsics.text(RoleArn, `${logicalId}.RoleArn`),
      definition: JSON.parse(
        substitutions.reduce((replaced, [name, value]) => {
          const by = this.#intrinsics.text(value, `${logicalId}.DefinitionSubstitutions.${name}`);
          return replaced.replaceAll(`\${${name}}`, () => by);
        }, text),
      ) as unknown,
    };
  }

  #readCluster(logicalId: string, resource: Resource): ClusterDefinition {
    assertUnconditional(logicalId, resource);
    const { DatabaseName, EnableHttpEndpoint } = resource.Properties ?? {};
    if (EnableHttpEndpoint !== true) {
      throw new UnsupportedError(
        `${logicalId} has no Data API, the one way to it that is rehearsed`,
      );
    }
    const attachment = this.#ofType('AWS::SecretsManager::SecretTargetAttachment').find(
      ([id, { Properties = {} }]) =>
        this.#intrinsics.resolve(Properties.TargetId, `${id}.TargetId`) === logicalId,
    );
    if (attachment === undefined) {
      throw new UnsupportedError(`${logicalId} has no secret attached to it`);
    }
    assertUnconditional(...attachment);
    return {
      logicalId,
      arn: arnOf(logicalId, resource) ?? '',
      secretArn: this.#intrinsics.text(
        attachment[1].Properties?.SecretId,
        `${attachment[0]}.SecretId`,
      ),
      database: typeof DatabaseName === 'string' ? DatabaseName : undefined,
    };
  }
}
