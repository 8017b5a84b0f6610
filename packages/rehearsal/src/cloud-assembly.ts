import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type {
  CloudAssembly,
  ClusterDefinition,
  DatabaseHost,
  FunctionDefinition,
  Secret,
} from './assembly.js';
import { anywhere, type StackEnvironment, type Template } from './intrinsics.js';
import { InvalidAssemblyError, UnsupportedError } from './service-error.js';
import { StackReader } from './stack-reader.js';

/** The part of CDK's own files that reading an assembly needs. */
interface Artifact {
  readonly type: string;
  /** `aws://account/region`. */
  readonly environment?: string;
  readonly dependencies?: readonly string[];
  readonly properties?: { readonly templateFile?: string; readonly stackName?: string };
}

interface AssetManifest {
  readonly files?: Readonly<Record<string, { readonly source: { readonly path?: string } }>>;
}

/**
 * Reads what CDK has synthesized.
 * @param folder the one with `manifest.json`
 * @throws InvalidAssemblyError when it is no such folder, or a file of it is gone
 * @throws UnsupportedError naming the resource and what of it can't be rehearsed
 */
export function readCloudAssembly(folder: string): CloudAssembly {
  const root = resolve(folder);
  const { artifacts } = readManifest(root);
  const stage = Object.entries(artifacts).find(([, { type }]) => type === 'cdk:cloud-assembly');
  if (stage !== undefined) {
    throw new UnsupportedError(`${stage[0]} is a stage: rehearse its own folder of the assembly`);
  }
  const password = randomUUID();
  const environments: StackEnvironment[] = [];
  const readers: StackReader[] = [];
  const imported = (name: string): string | undefined =>
    readers.map((reader) => reader.exported(name)).find((value) => value !== undefined);
  for (const [id, artifact] of stacksInOrder(artifacts)) {
    const environment = environmentOf(id, artifact);
    const file = artifact.properties?.templateFile ?? '';
    const template = readJson(root, file) as Template;
    const assets = readJson(root, file.replace('.template.json', '.assets.json')) as AssetManifest;
    const assetOf = (hash: string): string | undefined => {
      const path = assets.files?.[hash]?.source.path;
      return path === undefined ? undefined : existing(root, path);
    };
    environments.push(environment);
    readers.push(new StackReader(template, environment, password, assetOf, imported));
  }
  if (environments[0] === undefined) {
    throw new InvalidAssemblyError(`the assembly ${root} has no stack`);
  }
  const parts = readers.map((reader) => reader.read());
  const functions = parts.flatMap((part) => part.functions);
  const clusters = parts.flatMap((part) => part.clusters);
  const { account, region } = environments[0];
  const databaseHosts = parts.flatMap((part) => part.databaseHosts);
  const secrets = parts.flatMap((part) => part.secrets);
  const assembly = {
    account,
    region,
    password,
    stacks: parts.map(({ stack }) => stack),
    functions,
    databaseHosts: [...databaseHosts, ...importedHosts(functions, databaseHosts)],
    secrets: [...secrets, ...importedSecrets(functions, secrets, password)],
    stateMachines: parts.flatMap(({ stateMachines }) => stateMachines),
    clusters: [...clusters, ...importedClusters(functions, clusters)],
    triggered: parts.flatMap(({ triggered }) => triggered),
  };
  assertDistinct('functions', functions);
  assertDistinct('state machines', assembly.stateMachines);
  return assembly;
}

function readManifest(root: string): { readonly artifacts: Readonly<Record<string, Artifact>> } {
  if (!existsSync(join(root, 'manifest.json'))) {
    const missing = existsSync(root) ? 'has no manifest.json' : 'does not exist';
    throw new InvalidAssemblyError(
      `assembly must be the folder that cdk synth has written to; got ${root}, which ${missing}`,
    );
  }
  const { artifacts } = readJson(root, 'manifest.json') as { artifacts?: unknown };
  if (typeof artifacts !== 'object' || artifacts === null) {
    throw new InvalidAssemblyError(`${join(root, 'manifest.json')} is no manifest of CDK's`);
  }
  return { artifacts: artifacts as Readonly<Record<string, Artifact>> };
}

/** @throws InvalidAssemblyError unless the file is there, and a JSON object */
function readJson(root: string, file: string): object {
  const path = existing(root, file);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // Said below.
  }
  if (typeof value === 'object' && value !== null) return value;
  throw new InvalidAssemblyError(`${path} is no JSON object`);
}

/** @throws InvalidAssemblyError when an assembly lacks a file that it refers to */
function existing(root: string, file: string): string {
  const path = resolve(root, file);
  if (existsSync(path)) return path;
  throw new InvalidAssemblyError(`the assembly refers to ${path}, which is gone: synthesize again`);
}

/** Each after those that it depends on. */
function stacksInOrder(artifacts: Readonly<Record<string, Artifact>>): [string, Artifact][] {
  const ordered = new Map<string, Artifact>();
  const seen = new Set<string>();
  const visit = (id: string): void => {
    const artifact = artifacts[id];
    if (artifact === undefined || seen.has(id)) return;
    seen.add(id);
    for (const other of artifact.dependencies ?? []) visit(other);
    if (artifact.type === 'aws:cloudformation:stack') ordered.set(id, artifact);
  };
  for (const id of Object.keys(artifacts)) visit(id);
  return [...ordered];
}

function environmentOf(id: string, { environment = '', properties }: Artifact): StackEnvironment {
  const [, account, region] = /^aws:\/\/([^/]+)\/(.+)$/.exec(environment) ?? [];
  const known = (value: string | undefined, otherwise: string): string =>
    value === undefined || value.startsWith('unknown-') ? otherwise : value;
  return {
    stackName: properties?.stackName ?? id,
    account: known(account, anywhere.account),
    region: known(region, anywhere.region),
  };
}

const clusterArn = /^arn:aws[\w-]*:rds:[\w-]+:\d{12}:cluster:([\w-]+)$/;
const secretArn = /^arn:aws[\w-]*:secretsmanager:[\w-]+:\d{12}:secret:\S+$/;

/** The clusters outside the templates, as functions are told of them: an ARN, and a secret's beside it. */
function importedClusters(
  functions: readonly FunctionDefinition[],
  known: readonly ClusterDefinition[],
): readonly ClusterDefinition[] {
  const found = new Map<string, ClusterDefinition>();
  for (const { environment } of functions) {
    const values = Object.values(environment);
    const secrets = values.filter((value) => secretArn.test(value));
    const free = secrets.find((arn) => known.every((cluster) => cluster.secretArn !== arn));
    for (const arn of values) {
      const [, identifier] = clusterArn.exec(arn) ?? [];
      if (identifier === undefined || known.some((cluster) => cluster.arn === arn)) continue;
      const secret = free ?? secrets[0];
      if (secret === undefined || found.has(arn)) continue;
      found.set(arn, {
        logicalId: identifier,
        arn,
        secretArn: secret,
        database: undefined,
        hasDataApi: true,
      });
    }
  }
  return [...found.values()];
}

const rdsHost = /^[\w-]+(?:\.[\w-]+)*\.rds\.amazonaws\.com(?:\.cn)?$/;

/** Hosts of RDS outside the templates, as functions are told of them. Each has a database of its own. */
function importedHosts(
  functions: readonly FunctionDefinition[],
  known: readonly DatabaseHost[],
): readonly DatabaseHost[] {
  return toldOf(functions, rdsHost)
    .filter((host) => known.every((one) => one.host !== host))
    .map((host) => ({ host, database: host }));
}

/** Secrets outside the templates, as functions are told of them: taken for a database's login. */
function importedSecrets(
  functions: readonly FunctionDefinition[],
  known: readonly Secret[],
  password: string,
): readonly Secret[] {
  return toldOf(functions, secretArn)
    .filter((arn) => known.every((one) => one.arn !== arn))
    .map((arn) => ({ arn, text: JSON.stringify({ username: 'postgres', password }) }));
}

function toldOf(functions: readonly FunctionDefinition[], what: RegExp): readonly string[] {
  const values = functions.flatMap(({ environment }) => Object.values(environment));
  return [...new Set(values)].filter((value) => what.test(value));
}

/** Clients of a rehearsal call functions and state machines by their names alone. */
function assertDistinct(
  kind: string,
  resources: readonly { readonly name: string; readonly logicalId: string }[],
): void {
  for (const field of ['name', 'logicalId'] as const) {
    const names = resources.map((resource) => resource[field]);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice === undefined) continue;
    throw new UnsupportedError(`two ${kind} are called ${twice}: rehearse their stacks apart`);
  }
}
