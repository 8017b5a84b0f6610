import type {
  CloudAssembly,
  ClusterDefinition,
  FunctionDefinition,
  Secret,
  StackDescription,
  StateMachineResource,
} from './assembly.js';
import {
  Intrinsics,
  assertUnconditional,
  partitionOf,
  type Resource,
  type Resources,
  type StackEnvironment,
  type Template,
} from './intrinsics.js';
import { UnsupportedError } from './service-error.js';

/** The custom resources that a rehearsal calls, or that have nothing to do in it. */
const customResources = ['Custom::Trigger', 'Custom::VpcRestrictDefaultSG', 'Custom::LogRetention'];

/** Reads one stack of an assembly. */
export class StackReader {
  readonly #resources: Resources;
  readonly #intrinsics: Intrinsics;

  constructor(
    private readonly template: Template,
    private readonly environment: StackEnvironment,
    /** Of the databases' logins. */
    private readonly password: string,
    /** The folder of an asset, by its hash. */
    private readonly assetOf: (hash: string) => string | undefined,
    imported: (name: string) => string | undefined,
  ) {
    this.#resources = template.Resources ?? {};
    this.#intrinsics = new Intrinsics(template, environment, imported);
  }

  /** The value of an export of this stack, for another one that imports it. */
  exported(name: string): string | undefined {
    const entry = Object.entries(this.template.Outputs ?? {}).find(
      ([id, { Export }]) =>
        Export?.Name !== undefined && this.#intrinsics.text(Export.Name, `${id}.Export`) === name,
    );
    if (entry === undefined) return undefined;
    const [id, { Value }] = entry;
    return this.#intrinsics.text(Value, `${id}.Value`);
  }

  read(): Omit<CloudAssembly, 'account' | 'region' | 'password' | 'stacks'> & {
    readonly stack: StackDescription;
  } {
    const providers = this.#readProviders();
    const triggers = this.#triggersInOrder().map(([id, resource]) => {
      assertUnconditional(id, resource);
      const handler = this.#intrinsics.text(resource.Properties?.HandlerArn, `${id}.HandlerArn`);
      // A trigger names a version, whose number is of no meaning here.
      return handler.replace(/:\d+$/, '');
    });
    return {
      stack: this.#describe(),
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
      databaseHosts: this.#databases().flatMap(([id, resource]) =>
        this.#intrinsics
          .hostsOf(id, resource)
          .map((host) => ({ host, database: this.#databaseBehind(id, resource) })),
      ),
      secrets: [
        ...this.#ofType('AWS::SecretsManager::Secret').flatMap(([id, resource]) =>
          this.#readSecret(id, resource),
        ),
        ...this.#databases().flatMap(([id, resource]) => this.#readMasterSecret(id, resource)),
      ],
      triggered: triggers,
    };
  }

  /** An output that depends on something which is not rehearsed is left out. */
  #describe(): StackDescription {
    const { stackName: name, region, account } = this.environment;
    const outputs = Object.entries(this.template.Outputs ?? {}).flatMap(
      ([id, { Value }]): [string, string][] => {
        try {
          return [[id, this.#intrinsics.text(Value, `${id}.Value`)]];
        } catch (error) {
          if (error instanceof UnsupportedError) return [];
          throw error;
        }
      },
    );
    const place = `arn:${partitionOf(region)}:cloudformation:${region}:${account}`;
    return { name, id: `${place}:stack/${name}/rehearsal`, outputs: Object.fromEntries(outputs) };
  }

  #databases(): [string, Resource][] {
    return ['AWS::RDS::DBCluster', 'AWS::RDS::DBInstance', 'AWS::RDS::DBProxy'].flatMap((type) =>
      this.#ofType(type),
    );
  }

  /** The cluster of an instance, or what a proxy is before; a database itself otherwise. */
  #databaseBehind(logicalId: string, { Type, Properties = {} }: Resource): string {
    const group = this.#ofType('AWS::RDS::DBProxyTargetGroup').find(
      ([id, { Properties: given = {} }]) =>
        Type === 'AWS::RDS::DBProxy' &&
        this.#intrinsics.resolve(given.DBProxyName, id) ===
          this.#intrinsics.nameOf(logicalId, { Type, Properties }),
    );
    const { DBClusterIdentifiers = [], DBInstanceIdentifiers = [] } = (group?.[1].Properties ??
      {}) as Readonly<Record<string, unknown[]>>;
    const own = Type === 'AWS::RDS::DBInstance' ? Properties.DBClusterIdentifier : undefined;
    const [behind] = [own, ...DBClusterIdentifiers, ...DBInstanceIdentifiers].filter(
      (identifier) => identifier !== undefined,
    );
    const name = behind === undefined ? undefined : this.#intrinsics.resolve(behind, logicalId);
    const [found] = this.#databases().filter(
      ([id, resource]) => this.#intrinsics.nameOf(id, resource) === name,
    );
    return found === undefined ? logicalId : this.#databaseBehind(...found);
  }

  /** @returns nothing for one whose text is made outside the template */
  #readSecret(logicalId: string, resource: Resource): readonly Secret[] {
    const arn = this.#intrinsics.arnOf(logicalId, resource) ?? '';
    const { SecretString, GenerateSecretString } = resource.Properties ?? {};
    if (SecretString !== undefined) {
      return [{ arn, text: this.#intrinsics.text(SecretString, `${logicalId}.SecretString`) }];
    }
    const { SecretStringTemplate, GenerateStringKey } = (GenerateSecretString ?? {}) as {
      readonly SecretStringTemplate?: unknown;
      readonly GenerateStringKey?: string;
    };
    if (SecretStringTemplate === undefined || GenerateStringKey === undefined) {
      return [{ arn, text: this.password }];
    }
    const template = this.#intrinsics.text(
      SecretStringTemplate,
      `${logicalId}.SecretStringTemplate`,
    );
    const login = JSON.parse(template) as object;
    const text = { ...login, [GenerateStringKey]: this.password, ...this.#attachedTo(arn) };
    return [{ arn, text: JSON.stringify(text) }];
  }

  /** The members that a secret has of the database that it is attached to. */
  #attachedTo(secretArn: string): object {
    const attachment = this.#ofType('AWS::SecretsManager::SecretTargetAttachment').find(
      ([id, { Properties = {} }]) =>
        this.#intrinsics.resolve(Properties.SecretId, id) === secretArn,
    );
    const target = this.#intrinsics.resolve(attachment?.[1].Properties?.TargetId, 'TargetId');
    const [database] = this.#databases().filter(
      ([id, resource]) => this.#intrinsics.nameOf(id, resource) === target,
    );
    if (database === undefined) return {};
    const { DatabaseName, DBName, Port = 5432 } = database[1].Properties ?? {};
    const [host] = this.#intrinsics.hostsOf(...database);
    const [dbname, port] = this.#intrinsics.resolve(
      [DatabaseName ?? DBName, Port],
      database[0],
    ) as [unknown, unknown];
    return { engine: 'postgres', host, port: Number(port), dbname };
  }

  #readMasterSecret(logicalId: string, resource: Resource): readonly Secret[] {
    const { ManageMasterUserPassword, MasterUsername = 'postgres' } = resource.Properties ?? {};
    if (ManageMasterUserPassword !== true) return [];
    const username = this.#intrinsics.text(MasterUsername, `${logicalId}.MasterUsername`);
    const text = JSON.stringify({ username, password: this.password });
    return [{ arn: this.#intrinsics.masterSecretOf(logicalId, resource), text }];
  }

  /**
   * The functions behind the template's custom resources.
   * @throws UnsupportedError for a custom resource whose work would be left out in silence
   */
  #readProviders(): readonly string[] {
    return Object.entries(this.#resources).flatMap(([id, { Type, Properties = {} }]) => {
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
      const resource = this.#resources[id];
      if (resource === undefined) return;
      for (const other of [resource.DependsOn ?? []].flat()) visit(other);
      if (resource.Type === 'Custom::Trigger') ordered.set(id, resource);
    };
    for (const id of Object.keys(this.#resources)) visit(id);
    return [...ordered];
  }

  #ofType(type: string): [string, Resource][] {
    return Object.entries(this.#resources).filter(([, { Type }]) => Type === type);
  }

  #readFunction(logicalId: string, resource: Resource): FunctionDefinition {
    assertUnconditional(logicalId, resource);
    const { Code, Handler, Runtime, Timeout, MemorySize, Environment, Layers } =
      resource.Properties as {
        readonly Code?: object;
        readonly Handler?: string;
        readonly Runtime?: string;
        readonly Timeout?: number;
        readonly MemorySize?: number;
        readonly Environment?: { readonly Variables?: Readonly<Record<string, unknown>> };
        readonly Layers?: readonly unknown[];
      };
    if (Runtime?.startsWith('nodejs') !== true || Handler === undefined) {
      throw new UnsupportedError(`${logicalId} runs on ${Runtime}: only Node.js is rehearsed`);
    }
    const variables = Object.entries(Environment?.Variables ?? {}).map(([name, value]) => [
      name,
      this.#intrinsics.text(value, `${logicalId}.Environment.${name}`),
    ]);
    const arn = this.#intrinsics.arnOf(logicalId, resource) ?? '';
    return {
      logicalId,
      name: this.#intrinsics.nameOf(logicalId, resource),
      arn,
      code: this.#folderOf(logicalId, Code),
      layers: (Layers ?? []).map((layer) => this.#readLayer(logicalId, layer)),
      qualifiers: this.#qualifiersOf(arn),
      handler: Handler,
      timeoutMs: (Timeout ?? 3) * 1000,
      memoryMegabytes: MemorySize ?? 128,
      environment: Object.fromEntries(variables) as Record<string, string>,
    };
  }

  /** @throws UnsupportedError unless the code is an asset of the assembly */
  #folderOf(logicalId: string, code: object = {}): string {
    const { S3Key } = code as { readonly S3Key?: unknown };
    const hash = typeof S3Key === 'string' ? S3Key.replace(/\.zip$/, '') : '';
    const folder = this.assetOf(hash);
    if (folder !== undefined) return folder;
    throw new UnsupportedError(`${logicalId} has code that is not a folder of the assembly`);
  }

  /** @throws UnsupportedError for a layer whose content is not in the assembly */
  #readLayer(logicalId: string, layer: unknown): string {
    const arn = this.#intrinsics.text(layer, `${logicalId}.Layers`);
    const found = this.#ofType('AWS::Lambda::LayerVersion').find(
      ([id, resource]) => this.#intrinsics.arnOf(id, resource) === arn,
    );
    if (found === undefined) {
      throw new UnsupportedError(`${logicalId} has the layer ${arn}, which is not in the template`);
    }
    return this.#folderOf(found[0], found[1].Properties?.Content as object | undefined);
  }

  #qualifiersOf(functionArn: string): readonly string[] {
    const types = ['AWS::Lambda::Version', 'AWS::Lambda::Alias'];
    const qualifiers = Object.entries(this.#resources)
      .filter(([, { Type }]) => types.includes(Type))
      .map(([id]) => this.#intrinsics.text({ Ref: id }, id))
      .filter((arn) => arn.startsWith(`${functionArn}:`))
      .map((arn) => arn.slice(functionArn.length + 1));
    return [...new Set(qualifiers)];
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
      name: this.#intrinsics.nameOf(logicalId, resource),
      arn: this.#intrinsics.arnOf(logicalId, resource) ?? '',
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
    const name = this.#intrinsics.nameOf(logicalId, resource);
    const attachment = this.#ofType('AWS::SecretsManager::SecretTargetAttachment').find(
      ([id, { Properties = {} }]) =>
        this.#intrinsics.resolve(Properties.TargetId, `${id}.TargetId`) === name,
    );
    const [managed] = this.#readMasterSecret(logicalId, resource);
    if (attachment === undefined && managed === undefined) {
      throw new UnsupportedError(`${logicalId} has no secret attached to it`);
    }
    if (attachment !== undefined) assertUnconditional(...attachment);
    return {
      logicalId,
      arn: this.#intrinsics.arnOf(logicalId, resource) ?? '',
      secretArn:
        managed?.arn ??
        this.#intrinsics.text(attachment?.[1].Properties?.SecretId, `${attachment?.[0]}.SecretId`),
      database:
        DatabaseName === undefined
          ? undefined
          : this.#intrinsics.text(DatabaseName, `${logicalId}.DatabaseName`),
      hasDataApi: EnableHttpEndpoint === true,
    };
  }
}
