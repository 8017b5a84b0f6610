import { handlerModule, variables, type HandlerName } from '@stepcompute/aws-adapter/wire';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  Runtime,
  RuntimeFamily,
  Tracing,
  type ILayerVersion,
} from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { acknowledgeNetwork, acknowledgeTracing } from './acknowledged.js';
import type { IStepComputeDatabase } from './database-access.js';
import { facts } from './facts.js';
import { functionCode, type SimulationSource } from './function-code.js';
import type { FunctionNetwork } from './network.js';

/** Of a function, where nothing else is asked for, in MiB. */
export const defaultMegabytes = 256;

export interface StepComputeFunctionProps {
  readonly handler: HandlerName;
  readonly database: IStepComputeDatabase;
  /** Where the averages go. Default: `database`. */
  readonly averagesDatabase?: IStepComputeDatabase | undefined;
  readonly timeout: Duration;
  /** In MiB. Default: 256. */
  readonly memorySize?: number | undefined;
  /** Default: Node.js 24. */
  readonly runtime?: Runtime | undefined;
  /** Default: arm64. */
  readonly architecture?: Architecture | undefined;
  readonly layers?: readonly ILayerVersion[] | undefined;
  /** Default: one month. */
  readonly logRetention?: RetentionDays | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Takes the place of the built-in simulation in the bundle. */
  readonly simulation?: SimulationSource | undefined;
  /** Default: in no VPC. */
  readonly network?: FunctionNetwork | undefined;
  /** True when its statements run in transactions, which need rights of their own. Default: false. */
  readonly usesTransactions?: boolean | undefined;
}

/** One step's Lambda function: bundled, traced, with a log of its own, and rights on nothing but its database. */
export class StepComputeFunction extends NodejsFunction {
  constructor(scope: Construct, id: string, props: StepComputeFunctionProps) {
    const { handler, database, averagesDatabase, simulation, network } = props;
    const { architecture = Architecture.ARM_64 } = props;
    const databases = [...new Set([database, averagesDatabase ?? database])];
    const logGroup = new LogGroup(scope, `${id}Log`, {
      retention: props.logRetention ?? RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new Role(scope, `${id}Role`, {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    });
    // Nothing is left to the SDK that the runtime happens to have: the code was tested with its own.
    const { code, refusal } = functionCode(require.resolve(handlerModule(handler)), {
      addresses: databases.map(({ address }) => address),
      architecture: architecture.name,
      simulation,
    });
    const connects = databases.some(({ address }) => 'host' in address);
    try {
      super(scope, id, {
        code,
        handler: 'index.handler',
        runtime: props.runtime ?? new Runtime(facts.lambda.runtime, RuntimeFamily.NODEJS),
        architecture,
        memorySize: props.memorySize ?? defaultMegabytes,
        timeout: props.timeout,
        tracing: Tracing.ACTIVE,
        role,
        logGroup,
        layers: props.layers && [...props.layers],
        ...network,
        environment: {
          ...variables.database.toEnvironment(database.address),
          ...variables.averagesDatabase.toEnvironment(averagesDatabase?.address),
          ...(connects && { NODE_EXTRA_CA_CERTS: facts.lambda.certificates }),
          ...props.environment,
        },
      });
    } catch (error) {
      throw refusal() ?? error;
    }
    role.addToPolicy(
      new PolicyStatement({
        effect: Effect.ALLOW,
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [logGroup.logGroupArn],
      }),
    );
    for (const each of databases) each.grantStatements(role, props.usesTransactions ?? false);
    acknowledgeTracing(role);
    if (network !== undefined) {
      role.addToPolicy(networkStatement());
      acknowledgeNetwork(role);
    }
  }
}

/** Lambda makes and removes a function's network interfaces with the function's own rights. */
function networkStatement(): PolicyStatement {
  // Source: "Required IAM permissions", Giving Lambda functions access to resources in an Amazon VPC.
  const actions = [
    'AssignPrivateIpAddresses',
    'CreateNetworkInterface',
    'DeleteNetworkInterface',
    'DescribeNetworkInterfaces',
    'DescribeSubnets',
    'UnassignPrivateIpAddresses',
  ];
  return new PolicyStatement({
    actions: actions.map((action) => `ec2:${action}`),
    resources: ['*'],
  });
}
