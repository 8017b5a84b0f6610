import type { GivenAddress } from '@stepcompute/aws-adapter/wire';
import { Token, Tokenization } from 'aws-cdk-lib';
import type { IConnectable, ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { CfnDBCluster, type IDatabaseCluster } from 'aws-cdk-lib/aws-rds';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct, type IDependable } from 'constructs';
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

/** A database of a cluster by its Data API. */
export function dataApiAccess(
  cluster: IDatabaseCluster,
  secret: ISecret,
  databaseName: string,
): IStepComputeDatabase {
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
      secretArn: secret.secretArn,
      database: databaseNameOf(databaseName),
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
      secret.grantRead(grantee);
    },
  };
}

/** A database of a server or a proxy, by connections. */
export function postgresAccess(props: PostgresDatabaseProps): IStepComputeDatabase {
  const { host, port = 5432, secret, schema, server } = props;
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
      secretArn: secret.secretArn,
      database: databaseNameOf(props.databaseName),
      schema,
    },
    network: props,
    dependencies: [...(Construct.isConstruct(server) ? [server] : []), ...letsIn],
    grantStatements: (grantee) => void secret.grantRead(grantee),
  };
}

/** PostgreSQL cuts longer names off. */
export function databaseNameOf(name: string): string {
  if (Token.isUnresolved(name) || /^[\p{L}\p{N}_-]{1,63}$/u.test(name)) return name;
  throw refusal('databaseName', '1 to 63 letters, digits, _ and -', name);
}
