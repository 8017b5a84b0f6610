import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { SFNClient } from '@aws-sdk/client-sfn';
import { InvalidInputError, messageOf, PersistenceError, type Stores } from '@stepcompute/core';
import { refuseUnknown, type FieldNames } from '@stepcompute/core/adapters';
import { typeOrmStores } from '@stepcompute/sql-store';
import { openDatabase } from './open-database.js';
import {
  StepFunctionsOrchestrator,
  type StepFunctionsOrchestratorProps,
} from './step-functions-orchestrator.js';
import { outputs, type DeploymentAddress } from './wire/index.js';

/** A deployment, ready to run its simulation and to look at runs. */
export interface Deployment {
  readonly orchestrator: StepFunctionsOrchestrator;
  readonly stores: Stores;
  /** Closes its databases. */
  readonly close: () => Promise<void>;
}

/** How the deployment is followed. */
export type OpenDeploymentOptions = Pick<
  StepFunctionsOrchestratorProps,
  'clock' | 'observer' | 'pollMs'
>;

const optionFields: FieldNames<OpenDeploymentOptions> = {
  clock: true,
  observer: true,
  pollMs: true,
};

/**
 * Opens a deployment by the name of its stack, whose outputs say where all of it is. Region, endpoints and
 * credentials are the environment's.
 * @throws InvalidInputError when there is no such stack, or it has no outputs of a StepComputeStack, or no such option
 * @throws PersistenceError when AWS, or the database, can't be reached or refuses
 * @example
 * const { orchestrator, close } = await openDeployment('Pricing');
 * const { average } = await orchestrator.run({ repetitions: 1000, parameters: { strike: 110 } });
 * await close();
 */
export async function openDeployment(
  stackName: string,
  options: OpenDeploymentOptions = {},
): Promise<Deployment> {
  refuseUnknown(options, 'options', optionFields);
  const address = await addressOf(stackName);
  const dataSource = await openDatabase(address.database);
  const close = (): Promise<void> => dataSource.destroy();
  const { averagesDatabase, stateMachineArn, delayMs } = address;
  try {
    const averages = averagesDatabase && (await openDatabase(averagesDatabase));
    const stores = typeOrmStores(dataSource, { averages });
    return {
      stores,
      orchestrator: new StepFunctionsOrchestrator({
        client: new SFNClient({}),
        stateMachineArn,
        delayMs,
        stores,
        ...options,
      }),
      close: async () => {
        await Promise.all([close(), averages?.destroy()]);
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function addressOf(stackName: string): Promise<DeploymentAddress> {
  if (!/^[A-Za-z][A-Za-z0-9-]{0,127}$/.test(stackName)) {
    throw new InvalidInputError('stack', 'the name of a CloudFormation stack', stackName);
  }
  const texts: Record<string, string | undefined> = {};
  try {
    const answer = await new CloudFormationClient({}).send(
      new DescribeStacksCommand({ StackName: stackName }),
    );
    for (const { OutputKey, OutputValue } of answer.Stacks?.[0]?.Outputs ?? []) {
      if (OutputKey !== undefined) texts[OutputKey] = OutputValue;
    }
  } catch (cause) {
    // CloudFormation has no name of its own for it.
    if (messageOf(cause).includes('does not exist')) {
      const expected = 'one that is deployed in this account and region';
      throw new InvalidInputError('stack', expected, stackName, { cause });
    }
    throw new PersistenceError(`cannot look at the stack ${stackName}: ${messageOf(cause)}`, {
      cause,
      retryable: false,
    });
  }
  return outputs.parse(texts);
}
