import { InvalidInputError, Milliseconds } from '@stepcompute/core';
import {
  addressVariables,
  orNone,
  type DatabaseAddress,
  type Environment,
  type GivenAddress,
} from './environment.js';

/** Where a deployment is, and what a request can't choose. */
export interface DeploymentAddress<Address = DatabaseAddress> {
  readonly stateMachineArn: string;
  /** The delay that it was deployed with, in milliseconds. */
  readonly delayMs: number;
  readonly database: Address;
  /** Where the averages are, if that is another database. */
  readonly averagesDatabase?: Address | undefined;
}

const stateMachineName = 'StateMachineArn';
const delayName = 'DelayMilliseconds';
const database = databaseOutputs('');
const averagesDatabase = orNone(databaseOutputs('Averages'));

/** A deployment's address as the outputs of its stack: written where it is deployed, read by its clients. */
export const outputs = {
  of: (address: DeploymentAddress<GivenAddress>): Record<string, string> => ({
    [stateMachineName]: address.stateMachineArn,
    [delayName]: String(Milliseconds.parse(address.delayMs, 'delay')),
    ...database.toEnvironment(address.database),
    ...averagesDatabase.toEnvironment(address.averagesDatabase),
  }),
  /** @throws InvalidInputError naming the output that is missing or wrong */
  parse: (texts: Environment): DeploymentAddress => {
    const { [stateMachineName]: stateMachineArn = '', [delayName]: delayText } = texts;
    if (stateMachineArn === '') {
      throw new InvalidInputError(
        fieldOf(stateMachineName),
        'that of a StepComputeStack',
        undefined,
      );
    }
    return {
      stateMachineArn,
      delayMs: Milliseconds.parse(Number(delayText), fieldOf(delayName)),
      database: database.fromEnvironment(texts),
      averagesDatabase: averagesDatabase.fromEnvironment(texts),
    };
  },
};

function databaseOutputs(prefix: string): ReturnType<typeof addressVariables> {
  const names = {
    resourceArn: `${prefix}ClusterArn`,
    host: `${prefix}Host`,
    port: `${prefix}Port`,
    secretArn: `${prefix}SecretArn`,
    database: `${prefix}DatabaseName`,
    schema: `${prefix}Schema`,
  };
  return addressVariables(names, fieldOf);
}

function fieldOf(name: string): string {
  return `stack output ${name}`;
}
