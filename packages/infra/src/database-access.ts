import type { GivenAddress } from '@stepcompute/aws-adapter/wire';
import { Token, Tokenization } from 'aws-cdk-lib';
import type { IConnectable, ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { CfnDBCluster, type IDatabaseCluster } from 'aws-cdk-lib/aws-rds';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct, type IDependable } from 'constructs';
import {
  kind,
  number,
  plainObject,
  refuseWrongProps,
  secret,
  securityGroups,
  text,
  vpc,
  withName,
  withMember,
  type Kinds,
} from './kinds.js';
import { refusal } from './refusal.js';

/** Where functions run that reach a database by connections. */
export interface DatabaseNetwork {
  readonly vpc: IVpc;
  /** Of the functions. Default: private subnets with a way out, else isolated ones. */
  readonly vpcSubnets?: SubnetSelection | undefined;
  /** Of the functions. Default: a new one. */
  readonly securityGroups?: readonly ISecurityGroup[] | undefined;
  /** Lets the functions in. Default: it does so already. */
  readonly server?: IConnectable | undefined;
}

/** A database, as far as the functions need to know it. */
export interface IStepComputeDatabase {
  /** Goes into a function's environment. It holds no password: that is read from the secret at run time. */
  readonly address: GivenAddress;
  /** Where it is an Aurora cluster. */
  readonly cluster?: IDatabaseCluster | undefined;
  /** Where a function has to run. Default: anywhere, since the Data API is reached from everywhere. */
  readonly network?: DatabaseNetwork | undefined;
  /** Constructs that have to be there before the database can be reached: the migration waits for them. */
  readonly dependencies: readonly IDependable[];
  /** Allows a function's role to run statements, and to read the secret or have it read. */
  grantStatements(grantee: IGrantable, inTransactions: boolean): void;
}

export interface PostgresDatabaseProps extends DatabaseNetwork {
  /** The name of the server or of the proxy, as its certificate has it: an endpoint's. */
  readonly host: string;
  /** Default: 5432. */
  readonly port?: number | undefined;
  /** JSON with a `username` and a `password`, as RDS makes it. */
  readonly secret: ISecret;
  readonly databaseName: string;
  /** The schema that the tables are in, which must be there. Default: the user's own, mostly `public`. */
  readonly schema?: string | undefined;
}

export const databaseKind = withMember(
  'grantStatements',
  'a StepComputeDatabase, or one of its fromCluster or fromPostgres',
);

const clusterKind = withName(
  'clusterIdentifier',
  /^[A-Za-z][\w-]*$/,
  'a DatabaseCluster, as DatabaseCluster.fromDatabaseClusterAttributes has one by its identifier',
);

const databaseName = kind(
  '1 to 63 letters, digits, _ and -',
  // PostgreSQL cuts longer names off.
  (value) =>
    Token.isUnresolved(value) ||
    (typeof value === 'string' && /^[\p{L}\p{N}_-]{1,63}$/u.test(value)),
);

const postgresKinds: Kinds<PostgresDatabaseProps> = {
  host: text,
  port: number,
  secret,
  databaseName,
  schema: text,
  vpc,
  vpcSubnets: plainObject,
  securityGroups,
  server: withMember('connections', 'a server or a proxy with connections'),
};

/** A database of a cluster by its Data API. */
export function dataApiAccess(
  cluster: IDatabaseCluster,
  login: ISecret,
  name: string,
): IStepComputeDatabase {
  clusterKind('cluster', cluster);
  secret('secret', login);
  databaseName('databaseName', name);
  const engine = cluster.engine?.engineType ?? 'aurora-postgresql';
  if (engine !== 'aurora-postgresql') {
    throw refusal('cluster', 'one of aurora-postgresql', engine);
  }
  const { defaultChild } = cluster.node;
  // It is a token, which stands for the property.
  const isOn = (own: CfnDBCluster): boolean =>
    cluster.stack.resolve(own.enableHttpEndpoint) === true;
  if (defaultChild instanceof CfnDBCluster && !isOn(defaultChild)) {
    throw refusal('cluster', 'one with enableDataApi: true', cluster.node.path);
  }
  return {
    address: {
      resourceArn: cluster.clusterArn,
      secretArn: login.secretArn,
      database: name,
    },
    cluster,
    dependencies: [cluster],
    grantStatements: (grantee, inTransactions) => {
      const transactions = ['BeginTransaction', 'CommitTransaction', 'RollbackTransaction'];
      const actions = ['ExecuteStatement', ...(inTransactions ? transactions : [])];
      Grant.addToPrincipal({
        grantee,
        actions: actions.map((action) => `rds-data:${action}`),
        resourceArns: [cluster.clusterArn],
      });
      // The Data API reads it on the caller's behalf.
      login.grantRead(grantee);
    },
  };
}

/** A database of a server or a proxy, by connections. */
export function postgresAccess(props: PostgresDatabaseProps): IStepComputeDatabase {
  refuseWrongProps(props, postgresKinds);
  for (const name of ['host', 'secret', 'databaseName', 'vpc'] as const) {
    postgresKinds[name](name, props[name]);
  }
  const { host, port = 5432, secret: login, schema, server } = props;
  if (!Token.isUnresolved(host) && !/^[\w-]+(\.[\w-]+)*$/.test(host)) {
    throw refusal('host', 'the name of a server, without a scheme and a port', host);
  }
  if (!Token.isUnresolved(port) && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
    throw refusal('port', 'an integer from 1 to 65535', port);
  }
  if (schema !== undefined && !/^[^".\0]{1,63}$/.test(schema)) {
    throw refusal('schema', 'a name of 1 to 63 characters without . and "', schema);
  }
  const letsIn = server?.connections.securityGroups ?? [];
  return {
    address: {
      host,
      port: Token.isUnresolved(port) ? Tokenization.stringifyNumber(port) : port,
      secretArn: login.secretArn,
      database: props.databaseName,
      schema,
    },
    network: props,
    dependencies: [...(Construct.isConstruct(server) ? [server] : []), ...letsIn],
    grantStatements: (grantee) => void login.grantRead(grantee),
  };
}
