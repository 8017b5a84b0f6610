import { Token } from 'aws-cdk-lib';
import type { ILayerVersion } from 'aws-cdk-lib/aws-lambda';
import { facts } from './facts.js';
import type { SimulationSource } from './function-code.js';
import { refusal } from './refusal.js';

/** The user's, of the functions that have the simulation. */
interface FunctionProps {
  readonly generator?: SimulationSource | undefined;
  readonly memorySize?: number | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly layers?: readonly ILayerVersion[] | undefined;
}

const { leastMegabytes, mostMegabytes, mostLayers, reservedVariables } = facts.lambda;

/** @throws RangeError in one line, where Lambda would refuse when it is deployed, or take it for something else */
export function refuseWrongFunctionProps(props: FunctionProps): void {
  const { generator, memorySize = leastMegabytes, environment = {}, layers = [] } = props;
  if (generator !== undefined && typeof generator.entry !== 'string') {
    throw refusal('generator', '{ entry }, with the path of a module', generator);
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
  for (const [name, value] of Object.entries(environment)) refuseWrongVariable(name, value);
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
