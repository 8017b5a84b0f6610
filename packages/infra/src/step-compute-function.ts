import { handlerModule, variables, type HandlerName } from '@stepcompute/aws-adapter/wire';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { acknowledgeTracing } from './acknowledged.js';
import type { StepComputeDatabase } from './database.js';
import { functionCode, type SimulationSource } from './function-code.js';

export interface StepComputeFunctionProps {
  readonly handler: HandlerName;
  readonly database: StepComputeDatabase;
  /** Where the averages go. Default: `database`. */
  readonly averagesDatabase?: StepComputeDatabase | undefined;
  readonly timeout: Duration;
  /** In MiB. Default: 256. */
  readonly memorySize?: number | undefined;
  /** Default: one month. */
  readonly logRetention?: RetentionDays | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Takes the place of the built-in simulation in the bundle. */
  readonly simulation?: SimulationSource | undefined;
  /** True when its statements run in transactions, which need rights of their own. Default: false. */
  readonly usesTransactions?: boolean | undefined;
}

/** One step's Lambda function: bundled, traced, with a log of its own, and rights on nothing but its database. */
export class StepComputeFunction extends NodejsFunction {
  constructor(scope: Construct, id: string, props: StepComputeFunctionProps) {
    const { handler, database, averagesDatabase, simulation } = props;
    const logGroup = new LogGroup(scope, `${id}Log`, {
      retention: props.logRetention ?? RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new Role(scope, `${id}Role`, {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    });
    // Nothing is left to the SDK that the runtime happens to have: the code was tested with its own.
    const { code, refusal } = functionCode(require.resolve(handlerModule(handler)), simulation);
    try {
      super(scope, id, {
        code,
        handler: 'index.handler',
        runtime: Runtime.NODEJS_24_X,
        architecture: Architecture.ARM_64,
        memorySize: props.memorySize ?? 256,
        timeout: props.timeout,
        tracing: Tracing.ACTIVE,
        role,
        logGroup,
        environment: {
          ...variables.database.toEnvironment(database.names),
          ...variables.averagesDatabase.toEnvironment(averagesDatabase?.names),
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
    for (const each of new Set([database, averagesDatabase ?? database])) {
      each.grantStatements(role, props.usesTransactions ?? false);
    }
    acknowledgeTracing(role);
  }
}
