import type { DatabaseNames } from '@stepcompute/aws-adapter/wire';
import { RemovalPolicy } from 'aws-cdk-lib';
import { SubnetType, Vpc, type IVpc } from 'aws-cdk-lib/aws-ec2';
import { PolicyStatement, type IGrantable } from 'aws-cdk-lib/aws-iam';
import {
  AuroraPostgresEngineVersion,
  ClusterInstance,
  Credentials,
  DatabaseCluster,
  DatabaseClusterEngine,
} from 'aws-cdk-lib/aws-rds';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledged.js';

export interface StepComputeDatabaseProps {
  /** Default: a new one without a way to the internet; the functions come by the Data API. */
  readonly vpc?: IVpc | undefined;
  /** Default: `stepcompute`. */
  readonly databaseName?: string | undefined;
  /** In Aurora capacity units. Default: 0, so that it pauses when nothing runs. */
  readonly minCapacity?: number | undefined;
  /** In Aurora capacity units. Default: 8. */
  readonly maxCapacity?: number | undefined;
  /** The fate of the data when the stack is destroyed. Default: a last snapshot is kept. */
  readonly removalPolicy?: RemovalPolicy | undefined;
}

/** Aurora Serverless v2 PostgreSQL, encrypted, reached by the RDS Data API, its credentials in Secrets Manager. */
export class StepComputeDatabase extends Construct {
  readonly cluster: DatabaseCluster;
  readonly secret: ISecret;
  readonly databaseName: string;

  constructor(scope: Construct, id: string, props: StepComputeDatabaseProps = {}) {
    super(scope, id);
    this.databaseName = props.databaseName ?? 'stepcompute';
    const vpc = props.vpc ?? this.#createVpc();
    this.cluster = new DatabaseCluster(this, 'Cluster', {
      engine: DatabaseClusterEngine.auroraPostgres({
        version: AuroraPostgresEngineVersion.VER_16_6,
      }),
      writer: ClusterInstance.serverlessV2('Writer'),
      serverlessV2MinCapacity: props.minCapacity ?? 0,
      serverlessV2MaxCapacity: props.maxCapacity ?? 8,
      credentials: Credentials.fromGeneratedSecret('stepcompute'),
      defaultDatabaseName: this.databaseName,
      enableDataApi: true,
      iamAuthentication: true,
      storageEncrypted: true,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.SNAPSHOT,
      vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
    });
    const { secret } = this.cluster;
    if (secret === undefined) throw new Error('a generated credential has a secret');
    this.secret = secret;
    acknowledge(
      this.cluster,
      'AwsSolutions-SMG4',
      'Rotation needs a function inside the VPC with a way to Secrets Manager, which this VPC has not; ' +
        'add addRotationSingleUser() to the cluster where a policy asks for it.',
    );
    acknowledge(
      this.cluster,
      'AwsSolutions-RDS10',
      'The removal policy keeps a last snapshot; deletion protection would make `destroy` fail half-way.',
    );
  }

  /** A function needs these to call it. */
  get names(): DatabaseNames {
    return {
      resourceArn: this.cluster.clusterArn,
      secretArn: this.secret.secretArn,
      database: this.databaseName,
    };
  }

  /** The right to run statements on this cluster, and to read this secret, which the Data API does on the caller's behalf. */
  grantStatements({ grantPrincipal: role }: IGrantable, inTransactions: boolean): void {
    const transactions = ['BeginTransaction', 'CommitTransaction', 'RollbackTransaction'];
    const actions = ['ExecuteStatement', ...(inTransactions ? transactions : [])];
    role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: actions.map((action) => `rds-data:${action}`),
        resources: [this.cluster.clusterArn],
      }),
    );
    role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['secretsmanager:GetSecretValue'],
        resources: [this.secret.secretArn],
      }),
    );
  }

  #createVpc(): Vpc {
    const vpc = new Vpc(this, 'Vpc', {
      maxAzs: 2,
      natGateways: 0,
      subnetConfiguration: [{ name: 'Database', subnetType: SubnetType.PRIVATE_ISOLATED }],
      restrictDefaultSecurityGroup: false,
    });
    acknowledge(
      vpc,
      'AwsSolutions-VPC7',
      'Nothing but the database is in this VPC, and nothing reaches it: its flow log would be empty.',
    );
    return vpc;
  }
}
