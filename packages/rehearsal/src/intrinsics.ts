import { UnsupportedError } from './service-error.js';

/** A template's resources by logical id. */
export type Resources = Readonly<Record<string, Resource>>;

export interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly DependsOn?: string | readonly string[];
  readonly Condition?: string;
}

/** @throws UnsupportedError for a resource that is deployed under a condition, which is not evaluated */
export function assertUnconditional(logicalId: string, { Condition }: Resource): void {
  if (Condition === undefined) return;
  throw new UnsupportedError(`${logicalId} has the Condition ${Condition}, which is not rehearsed`);
}

const account = '123456789012';
export const region = 'us-east-1';

/** The pseudo parameters of a deployment at home. */
const pseudo: Readonly<Record<string, string>> = {
  'AWS::AccountId': account,
  'AWS::Partition': 'aws',
  'AWS::Region': region,
  'AWS::URLSuffix': 'amazonaws.com',
  'AWS::StackName': 'rehearsal',
};

/** The answers of `Ref` and `Fn::GetAtt` for the resources that functions and state machines refer to. */
export function arnOf(logicalId: string, { Type, Properties = {} }: Resource): string | undefined {
  switch (Type) {
    case 'AWS::Lambda::Function':
      return `arn:aws:lambda:${region}:${account}:function:${logicalId}`;
    case 'AWS::StepFunctions::StateMachine':
      return `arn:aws:states:${region}:${account}:stateMachine:${logicalId}`;
    case 'AWS::RDS::DBCluster':
      return `arn:aws:rds:${region}:${account}:cluster:${logicalId}`;
    case 'AWS::SecretsManager::Secret':
      return `arn:aws:secretsmanager:${region}:${account}:secret:${logicalId}`;
    case 'AWS::IAM::Role':
      return `arn:aws:iam::${account}:role/${logicalId}`;
    case 'AWS::Logs::LogGroup':
      return `arn:aws:logs:${region}:${account}:log-group:${logicalId}:*`;
    default:
      return typeof Properties.Arn === 'string' ? Properties.Arn : undefined;
  }
}

/** Evaluates a template's intrinsic functions; what it can't evaluate it refuses. */
export class Intrinsics {
  constructor(private readonly resources: Resources) {}

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
      default:
        throw new UnsupportedError(`${place} uses ${intrinsic}, which is not rehearsed`);
    }
  }

  #ref(name: string, place: string): string {
    const known = pseudo[name];
    if (known !== undefined) return known;
    const resource = this.#find(name, place);
    switch (resource.Type) {
      // These are referred to by their ARNs, the others by their names.
      case 'AWS::StepFunctions::StateMachine':
      case 'AWS::SecretsManager::Secret':
        return arnOf(name, resource) ?? name;
      case 'AWS::SecretsManager::SecretTargetAttachment':
        return this.text(resource.Properties?.SecretId, place);
      case 'AWS::Lambda::Version':
      case 'AWS::Lambda::Alias':
        return `${this.#ref(this.#functionOf(resource, place), place)}:1`;
      case 'AWS::Lambda::Function':
        return arnOf(name, resource) ?? name;
      default:
        return name;
    }
  }

  #functionOf({ Properties = {} }: Resource, place: string): string {
    const { Ref: name } = Properties.FunctionName as { Ref?: string };
    if (name !== undefined) return name;
    throw new UnsupportedError(`${place} refers to a version of a function outside the template`);
  }

  #attribute(argument: unknown, place: string): string {
    const [name, attribute] =
      typeof argument === 'string' ? argument.split('.') : (argument as string[]);
    const resource = this.#find(name ?? '', place);
    const arn = arnOf(name ?? '', resource);
    if (arn !== undefined && (attribute === 'Arn' || attribute === 'DBClusterArn')) return arn;
    throw new UnsupportedError(`${place} needs ${name}.${attribute}, which is not rehearsed`);
  }

  #sub(argument: unknown, place: string): string {
    const [template, variables] = Array.isArray(argument)
      ? (argument as [string, Record<string, unknown>])
      : [String(argument), {}];
    return template.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
      if (literal !== '') return `\${${name}}`;
      if (name in variables) return this.text(variables[name], place);
      return name.includes('.') ? this.#attribute(name, place) : this.#ref(name, place);
    });
  }

  #find(name: string, place: string): Resource {
    const resource = this.resources[name];
    if (resource !== undefined) {
      assertUnconditional(name, resource);
      return resource;
    }
    throw new UnsupportedError(`${place} refers to ${name}, which is not in the template`);
  }
}
