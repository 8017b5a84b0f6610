import { UnsupportedError } from './service-error.js';

/** A template's resources by logical id. */
export type Resources = Readonly<Record<string, Resource>>;

export interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly DependsOn?: string | readonly string[];
  readonly Condition?: string;
}

/** The part of a template that is read. */
export interface Template {
  readonly Resources?: Resources;
  readonly Parameters?: Readonly<
    Record<string, { readonly Type?: string; readonly Default?: unknown }>
  >;
  readonly Outputs?: Readonly<
    Record<string, { readonly Value?: unknown; readonly Export?: { readonly Name?: unknown } }>
  >;
}

/** Where a stack is deployed. */
export interface StackEnvironment {
  readonly stackName: string;
  readonly account: string;
  readonly region: string;
}

/** Of a stack that may be deployed anywhere. */
export const anywhere = { account: '123456789012', region: 'us-east-1' };

/** @throws UnsupportedError for a resource that is deployed under a condition, which is not evaluated */
export function assertUnconditional(logicalId: string, { Condition }: Resource): void {
  if (Condition === undefined) return;
  throw new UnsupportedError(`${logicalId} has the Condition ${Condition}, which is not rehearsed`);
}

export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

/** The resources that have ARNs here: their service, what comes before the name, and where the name is given. */
const arns: Readonly<Record<string, readonly [service: string, prefix: string, name: string]>> = {
  'AWS::Lambda::Function': ['lambda', 'function:', 'FunctionName'],
  'AWS::Lambda::LayerVersion': ['lambda', 'layer:', 'LayerName'],
  'AWS::StepFunctions::StateMachine': ['states', 'stateMachine:', 'StateMachineName'],
  'AWS::RDS::DBCluster': ['rds', 'cluster:', 'DBClusterIdentifier'],
  'AWS::RDS::DBInstance': ['rds', 'db:', 'DBInstanceIdentifier'],
  'AWS::RDS::DBProxy': ['rds', 'db-proxy:', 'DBProxyName'],
  'AWS::SecretsManager::Secret': ['secretsmanager', 'secret:', 'Name'],
  'AWS::IAM::Role': ['iam', 'role/', 'RoleName'],
  'AWS::Logs::LogGroup': ['logs', 'log-group:', 'LogGroupName'],
};

const arnAttributes = ['Arn', 'DBClusterArn', 'DBInstanceArn', 'DBProxyArn'];

/** The attributes that are host names, and what AWS puts behind the resource's name in them. */
const endpoints: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'AWS::RDS::DBCluster': {
    'Endpoint.Address': 'cluster-rehearsal',
    'ReadEndpoint.Address': 'cluster-ro-rehearsal',
  },
  'AWS::RDS::DBInstance': { 'Endpoint.Address': 'rehearsal' },
  'AWS::RDS::DBProxy': { Endpoint: 'proxy-rehearsal' },
};

/** Those that `Ref` answers with the ARN of; with the name of all others. */
const referredByArn = [
  'AWS::StepFunctions::StateMachine',
  'AWS::SecretsManager::Secret',
  'AWS::Lambda::LayerVersion',
];

/** Evaluates a template's intrinsic functions; what it can't evaluate it refuses. */
export class Intrinsics {
  readonly #resources: Resources;
  readonly #pseudo: Readonly<Record<string, string>>;

  constructor(
    private readonly template: Template,
    private readonly environment: StackEnvironment,
    /** The value of another stack's export. */
    private readonly imported: (name: string) => string | undefined,
  ) {
    this.#resources = template.Resources ?? {};
    const { account, region, stackName } = environment;
    this.#pseudo = {
      'AWS::AccountId': account,
      'AWS::Partition': partitionOf(region),
      'AWS::Region': region,
      'AWS::URLSuffix': region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com',
      'AWS::StackName': stackName,
    };
  }

  /** @param place what the value belongs to, for the error */
  resolve(value: unknown, place: string): unknown {
    if (Array.isArray(value)) return value.map((item) => this.resolve(item, place));
    if (typeof value !== 'object' || value === null) return value;
    const entries: [string, unknown][] = Object.entries(value);
    const [first] = entries;
    if (entries.length === 1 && first !== undefined) {
      const [key, argument] = first;
      if (key === 'Ref' || key.startsWith('Fn::')) return this.#evaluate(key, argument, place);
    }
    return Object.fromEntries(entries.map(([key, item]) => [key, this.resolve(item, place)]));
  }

  /** @throws UnsupportedError unless it comes to a text */
  text(value: unknown, place: string): string {
    const resolved = this.resolve(value, place);
    if (typeof resolved === 'string') return resolved;
    throw new UnsupportedError(`${place} must come to a text`);
  }

  /** The name that a resource has once it is deployed: its own, or else its logical id. */
  nameOf(logicalId: string, { Type, Properties = {} }: Resource): string {
    const [, , property = ''] = arns[Type] ?? [];
    const given = Properties[property];
    if (given === undefined) return logicalId;
    const name = this.text(given, `${logicalId}.${property}`);
    // RDS keeps its identifiers in small letters.
    return Type.startsWith('AWS::RDS::') ? name.toLowerCase() : name;
  }

  /** @returns undefined for a resource of a type whose ARN nothing here needs */
  arnOf(logicalId: string, resource: Resource): string | undefined {
    const [service, prefix] = arns[resource.Type] ?? [];
    if (service === undefined) {
      const arn = resource.Properties?.Arn;
      return typeof arn === 'string' ? arn : undefined;
    }
    const { account, region } = this.environment;
    const end = resource.Type === 'AWS::Logs::LogGroup' ? ':*' : '';
    const place = service === 'iam' ? '' : region;
    const name = `${prefix}${this.nameOf(logicalId, resource)}${end}`;
    return `arn:${partitionOf(region)}:${service}:${place}:${account}:${name}`;
  }

  /** The host names of a database's or a proxy's endpoints; none for other resources. */
  hostsOf(logicalId: string, resource: Resource): readonly string[] {
    return Object.keys(endpoints[resource.Type] ?? {}).map((attribute) =>
      this.#hostOf(logicalId, resource, attribute),
    );
  }

  #hostOf(logicalId: string, resource: Resource, attribute: string): string {
    const { region } = this.environment;
    const end = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
    const name = this.nameOf(logicalId, resource).toLowerCase();
    return `${name}.${endpoints[resource.Type]?.[attribute]}.${region}.rds.${end}`;
  }

  #evaluate(intrinsic: string, argument: unknown, place: string): unknown {
    switch (intrinsic) {
      case 'Ref':
        return this.#ref(String(argument), place);
      case 'Fn::GetAtt':
        return this.#attribute(argument, place);
      case 'Fn::Join': {
        const [separator, parts] = argument as [string, unknown[]];
        return parts.map((part) => this.text(part, place)).join(separator);
      }
      case 'Fn::Select': {
        const [index, list] = argument as [number | string, unknown];
        return (this.resolve(list, place) as unknown[])[Number(index)];
      }
      case 'Fn::Split': {
        const [separator, text] = argument as [string, unknown];
        return this.text(text, place).split(separator);
      }
      case 'Fn::Sub':
        return this.#sub(argument, place);
      case 'Fn::ImportValue': {
        const name = this.text(argument, place);
        const value = this.imported(name);
        if (value !== undefined) return value;
        throw new UnsupportedError(`${place} imports ${name}, which no stack exports`);
      }
      default:
        throw new UnsupportedError(`${place} uses ${intrinsic}, which is not rehearsed`);
    }
  }

  #ref(name: string, place: string): unknown {
    const known = this.#pseudo[name];
    if (known !== undefined) return known;
    const parameter = this.template.Parameters?.[name];
    if (parameter !== undefined) {
      const { Type = 'String', Default } = parameter;
      if (Default !== undefined && !Type.startsWith('AWS::')) return Default;
      throw new UnsupportedError(`${place} needs the parameter ${name}, whose value is not known`);
    }
    const resource = this.#find(name, place);
    if (referredByArn.includes(resource.Type)) return this.arnOf(name, resource) ?? name;
    switch (resource.Type) {
      case 'AWS::SecretsManager::SecretTargetAttachment':
        return this.text(resource.Properties?.SecretId, place);
      case 'AWS::Lambda::Version':
        return `${this.functionOf(name, resource)}:1`;
      case 'AWS::Lambda::Alias':
        return `${this.functionOf(name, resource)}:${this.text(resource.Properties?.Name, place)}`;
      default:
        return this.nameOf(name, resource);
    }
  }

  /** The ARN of the function that a version or an alias is of. */
  functionOf(logicalId: string, { Properties = {} }: Resource): string {
    const { Ref: name } = (Properties.FunctionName ?? {}) as { Ref?: string };
    const resource = name === undefined ? undefined : this.#resources[name];
    const arn = resource && this.arnOf(name ?? '', resource);
    if (arn !== undefined) return arn;
    throw new UnsupportedError(`${logicalId} is a version of a function outside the template`);
  }

  #attribute(argument: unknown, place: string): string {
    const [name = '', ...path] =
      typeof argument === 'string' ? argument.split('.') : (argument as string[]);
    const attribute = path.join('.');
    const resource = this.#find(name, place);
    const arn = this.arnOf(name, resource);
    if (arn !== undefined && arnAttributes.includes(attribute)) return arn;
    if (Object.hasOwn(endpoints[resource.Type] ?? {}, attribute)) {
      return this.#hostOf(name, resource, attribute);
    }
    if (attribute === 'Endpoint.Port') {
      return String(this.resolve(resource.Properties?.Port ?? 5432, place));
    }
    if (attribute === 'MasterUserSecret.SecretArn') return this.masterSecretOf(name, resource);
    throw new UnsupportedError(`${place} needs ${name}.${attribute}, which is not rehearsed`);
  }

  /** The ARN of the secret that RDS keeps itself for a database. */
  masterSecretOf(logicalId: string, resource: Resource): string {
    const { account, region } = this.environment;
    const kind = resource.Type === 'AWS::RDS::DBCluster' ? 'cluster' : 'db';
    const name = `rds!${kind}-${this.nameOf(logicalId, resource)}`;
    return `arn:${partitionOf(region)}:secretsmanager:${region}:${account}:secret:${name}`;
  }

  #sub(argument: unknown, place: string): string {
    const [template, variables] = Array.isArray(argument)
      ? (argument as [string, Record<string, unknown>])
      : [String(argument), {}];
    return template.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
      if (literal !== '') return `\${${name}}`;
      if (name in variables) return this.text(variables[name], place);
      return name.includes('.') ? this.#attribute(name, place) : String(this.#ref(name, place));
    });
  }

  #find(name: string, place: string): Resource {
    const resource = this.#resources[name];
    if (resource !== undefined) {
      assertUnconditional(name, resource);
      return resource;
    }
    throw new UnsupportedError(`${place} refers to ${name}, which is not in the template`);
  }
}
