import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Token } from 'aws-cdk-lib';
import {
  RuntimeFamily,
  type Architecture,
  type ILayerVersion,
  type Runtime,
} from 'aws-cdk-lib/aws-lambda';
import { facts } from './facts.js';
import type { SimulationSource } from './function-code.js';
import { listOf, number, objectOf, text, withName, withMember, type Kinds } from './kinds.js';
import { refusal } from './refusal.js';

/** The user's, of the functions that have the simulation. */
interface FunctionProps {
  readonly generator?: SimulationSource | undefined;
  readonly memorySize?: number | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly layers?: readonly ILayerVersion[] | undefined;
}

/** The code is built for it. */
const leastNode = 20;

/** Of the user's properties that concern functions. */
export const functionKinds: Kinds<FunctionProps> &
  Kinds<{ architecture: Architecture; runtime: Runtime }> = {
  generator: objectOf<SimulationSource>({
    entry: text,
    files: listOf(text),
    external: listOf(text),
  }),
  memorySize: number,
  // A value may be a secret: it is not told.
  environment: (property, value) => {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isObject)
      throw refusal(property, 'an object of texts', Array.isArray(value) ? 'a list' : typeof value);
  },
  layers: listOf(
    withName(
      'layerVersionArn',
      /^arn:[\w-]+:lambda:[^:]*:[^:]*:layer:[^:]+:\d+$/,
      'LayerVersions, whose ARNs end with :layer:NAME:VERSION',
    ),
  ),
  architecture: withMember('dockerPlatform', 'Architecture.ARM_64 or Architecture.X86_64'),
  runtime: (property, value) => {
    const { family, name } = value as Partial<Runtime>;
    const version = Number(/^nodejs(\d+)/.exec(name ?? '')?.[1]);
    if (family === RuntimeFamily.NODEJS && version >= leastNode) return;
    throw refusal(property, `a Runtime of Node.js ${leastNode} or later`, name ?? value);
  },
};

const { leastMegabytes, mostMegabytes, mostLayers, environmentBytes, reservedVariables } =
  facts.lambda;

/** @throws RangeError in one line, where Lambda would refuse when it is deployed, or take it for something else */
export function refuseWrongFunctionProps(props: FunctionProps): void {
  const { generator, memorySize = leastMegabytes, environment = {}, layers = [] } = props;
  if (generator !== undefined && typeof generator.entry !== 'string') {
    throw refusal('generator', '{ entry }, with the path of a module', generator);
  }
  if (generator !== undefined && !existsSync(generator.entry)) {
    throw refusal('generator entry', 'the path of a file that is there', resolve(generator.entry));
  }
  const isMemory =
    Number.isInteger(memorySize) && memorySize >= leastMegabytes && memorySize <= mostMegabytes;
  if (!Token.isUnresolved(memorySize) && !isMemory) {
    const range = `an integer from ${leastMegabytes} to ${mostMegabytes}, in MiB`;
    throw refusal('memorySize', range, memorySize);
  }
  if (layers.length > mostLayers) {
    throw refusal('layers', `at most ${mostLayers}`, layers.length);
  }
  let bytes = 0;
  for (const [name, value] of Object.entries(environment)) {
    refuseWrongVariable(name, value);
    if (!Token.isUnresolved(value)) bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  if (bytes > environmentBytes) {
    throw refusal('environment', `of at most ${environmentBytes} bytes, names and values`, bytes);
  }
}

function refuseWrongVariable(name: string, value: unknown): void {
  // Source: CreateFunction, Environment, Lambda API Reference.
  if (!/^[a-zA-Z]\w+$/.test(name) || reservedVariables.includes(name)) {
    throw refusal('environment', 'of names that Lambda takes', name);
  }
  if (name.startsWith('STEPCOMPUTE_')) {
    throw refusal('environment', 'of names without STEPCOMPUTE_, which the constructs set', name);
  }
  // Its value may be anything, also a secret: it is not told.
  if (typeof value !== 'string') throw refusal(`environment ${name}`, 'a text', typeof value);
}
