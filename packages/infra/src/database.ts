import type { GivenAddress } from '@stepcompute/aws-adapter/wire';
import { RemovalPolicy, Token } from 'aws-cdk-lib';
import { SubnetType, Vpc, type IVpc, type SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import {
  AuroraPostgresEngineVersion,
  ClusterInstance,
  Credentials,
  DatabaseCluster,
  DatabaseClusterEngine,
  type DatabaseClusterProps,
  type IClusterEngine,
  type IDatabaseCluster,
} from 'aws-cdk-lib/aws-rds';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct, type IDependable } from 'constructs';
import { acknowledge } from './acknowledged.js';
import {
  dataApiAccess,
  postgresAccess,
  type IStepComputeDatabase,
  type PostgresDatabaseProps,
} from './database-access.js';
import { facts } from './facts.js';
import { kind, plainObject, securityGroups, vpc, withMember, type Kinds } from './kinds.js';
import { selectSubnets } from './network.js';
import { refusal } from './refusal.js';

/** Each has another way, or none. */
const closedProps = [
  'defaultDatabaseName',
  'enableDataApi',
  'instanceProps',
  'instances',
] as const satisfies readonly (keyof DatabaseClusterProps)[];

type ClosedProps = (typeof closedProps)[number] | 'vpcSubnets';

type OpenProps = {
  readonly [Name in Exclude<keyof DatabaseClusterProps, ClosedProps>]?:
    DatabaseClusterProps[Name] | undefined;
};

/** Source: DBName of Aurora PostgreSQL, CreateDBInstance, Amazon RDS API Reference. */
const newDatabaseName = kind(
  'a letter and up to 62 letters, digits and _',
  (value) =>
    Token.isUnresolved(value) || (typeof value === 'string' && /^[A-Za-z]\w{0,62}$/.test(value)),
);

/** Those of our own, and those of CDK's that take an object of CDK's: CDK itself says what is wrong with the rest. */
const kinds: Partial<Kinds<DatabaseClusterProps>> &
  Kinds<Pick<StepComputeDatabaseProps, 'databaseName'>> = {
  databaseName: newDatabaseName,
  vpc,
  vpcSubnets: plainObject,
  securityGroups,
  engine: kind(
    'DatabaseClusterEngine.auroraPostgres({ … })',
    (value) => (value as Partial<IClusterEngine>).engineType === 'aurora-postgresql',
  ),
  credentials: withMember('username', 'Credentials, as Credentials.fromGeneratedSecret makes'),
  storageEncryptionKey: withMember('keyArn', 'a Key, as Key.fromKeyArn has one'),
  parameterGroup: withMember('bindToCluster', 'a ParameterGroup'),
  subnetGroup: withMember('subnetGroupName', 'a SubnetGroup'),
};

/**
 * Every property of a cluster, over these defaults: Aurora PostgreSQL by its major version, one serverless
 * writer from 0 to 8 capacity units, so that it pauses when nothing runs, encrypted, a generated secret, IAM
 * authentication, a last snapshot when it is destroyed, in a new VPC without a way to the internet.
 */
export interface StepComputeDatabaseProps extends OpenProps {
  /** Default: `stepcompute`. */
  readonly databaseName?: string | undefined;
  /** Default: isolated subnets, else private ones with a way out. */
  readonly vpcSubnets?: SubnetSelection | undefined;
}

/**
 * Aurora Serverless v2 PostgreSQL, reached by the RDS Data API, its credentials in Secrets Manager.
 * @example
 * new StepComputeDatabase(stack, 'Database', { vpc, storageEncryptionKey: key, deletionProtection: true });
 */
export class StepComputeDatabase extends Construct implements IStepComputeDatabase {
  /**
   * A database of a cluster that is there, with the Data API on: imported, or of the same app.
   * @param secret JSON with a `username` and a `password`, as RDS makes it
   */
  static fromCluster(
    cluster: IDatabaseCluster,
    secret: ISecret,
    databaseName: string,
  ): IStepComputeDatabase {
    return dataApiAccess(cluster, secret, databaseName);
  }

  /**
   * A database of a PostgreSQL server that is there, or of an RDS Proxy before one. The functions run in its
   * VPC, each instance with one connection, encrypted and with the server's certificate verified. They need a
   * way to Secrets Manager: a NAT gateway, or an interface endpoint.
   * @example
   * StepComputeDatabase.fromPostgres({
   *   host: proxy.endpoint, secret, databaseName: 'simulations', vpc, server: proxy,
   * });
   */
  static fromPostgres(props: PostgresDatabaseProps): IStepComputeDatabase {
    return postgresAccess(props);
  }

  readonly cluster: DatabaseCluster;
  readonly secret: ISecret;
  readonly databaseName: string;
  readonly #access: IStepComputeDatabase;

  constructor(scope: Construct, id: string, props: StepComputeDatabaseProps = {}) {
    super(scope, id);
    refuseWrongDatabaseProps(props);
    const { databaseName = 'stepcompute', vpc = this.#createVpc(), vpcSubnets, ...given } = props;
    const { auroraPostgresVersion: version } = facts.rds;
    this.databaseName = databaseName;
    this.cluster = new DatabaseCluster(this, 'Cluster', {
      engine: DatabaseClusterEngine.auroraPostgres({
        version: AuroraPostgresEngineVersion.of(version, version),
      }),
      writer: ClusterInstance.serverlessV2('Writer'),
      serverlessV2MinCapacity: 0,
      serverlessV2MaxCapacity: 8,
      credentials: Credentials.fromGeneratedSecret('stepcompute'),
      iamAuthentication: true,
      storageEncrypted: true,
      removalPolicy: RemovalPolicy.SNAPSHOT,
      ...definedOf(given),
      vpc,
      ...(given.subnetGroup === undefined && { vpcSubnets: databaseSubnets(vpc, vpcSubnets) }),
      defaultDatabaseName: this.databaseName,
      enableDataApi: true,
    });
    const { secret } = this.cluster;
    if (secret === undefined) {
      throw refusal('credentials', 'kept in a secret', 'a password in the template');
    }
    this.secret = secret;
    this.#access = dataApiAccess(this.cluster, secret, this.databaseName);
    if (props.vpc === undefined) {
      acknowledge(
        this.cluster,
        'AwsSolutions-SMG4',
        'Rotation needs a function inside the VPC with a way to Secrets Manager, which this VPC has not: ' +
          'give the database a VPC, and its cluster addRotationSingleUser(), where a policy asks for it.',
      );
    }
    if (props.deletionProtection !== true) {
      acknowledge(
        this.cluster,
        'AwsSolutions-RDS10',
        'The removal policy keeps a last snapshot; deletion protection would make `destroy` fail half-way.',
      );
    }
  }

  get address(): GivenAddress {
    return this.#access.address;
  }

  get dependencies(): readonly IDependable[] {
    return [this];
  }

  grantStatements(grantee: IGrantable, inTransactions: boolean): void {
    this.#access.grantStatements(grantee, inTransactions);
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

function refuseWrongDatabaseProps(props: StepComputeDatabaseProps): void {
  for (const [name, value] of Object.entries(props)) {
    if ((closedProps as readonly string[]).includes(name)) {
      throw refusal(name, 'left out: databaseName, writer and readers are open', value);
    }
    if (value !== undefined) kinds[name as keyof typeof kinds]?.(name, value);
  }
}

/** A property that is given as undefined has its default. */
function definedOf<T extends object>(given: T): Partial<T> {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<T>;
}

/** A database needs no way out: isolated subnets are the first choice. */
function databaseSubnets(vpc: IVpc, given: SubnetSelection | undefined): SubnetSelection {
  const isolated = vpc.isolatedSubnets.length > 0;
  const selection = given ?? {
    subnetType: isolated ? SubnetType.PRIVATE_ISOLATED : SubnetType.PRIVATE_WITH_EGRESS,
  };
  if (given === undefined && !isolated && vpc.privateSubnets.length === 0) {
    throw refusal(
      'vpc',
      'one with isolated or private subnets, or come with vpcSubnets',
      vpc.node.path,
    );
  }
  const zones = new Set(selectSubnets(vpc, selection).availabilityZones);
  if (zones.size < facts.rds.leastZones) {
    throw refusal('vpcSubnets', 'subnets of two availability zones at least', [...zones].join());
  }
  return selection;
}
