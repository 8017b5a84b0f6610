import { RDSDataClient } from '@aws-sdk/client-rds-data';
import { migrationOptions, schemas } from '@stepcompute/sql-store';
import { DataSource } from 'typeorm';
import { DataApiSession } from './data-api-session.js';

export interface OpenDataApiOptions {
  /** The cluster's ARN. */
  readonly resourceArn: string;
  /** The ARN of the secret that holds the database's user and password. */
  readonly secretArn: string;
  readonly database: string;
  /** Default: one with the environment's region, endpoint and credentials. */
  readonly client?: RDSDataClient | undefined;
  /**
   * How long a call is repeated that may yet succeed, as while a paused cluster wakes up, in
   * milliseconds.
   * @default 90,000
   */
  readonly patienceMs?: number | undefined;
}

/**
 * A DataSource over the RDS Data API, for {@link typeOrmStores} and {@link migrateSchema}. Nothing is
 * sent before the first statement: that the schema is there is not checked.
 * @example
 * const stores = typeOrmStores(await openDataApi({ resourceArn, secretArn, database: 'stepcompute' }));
 */
export async function openDataApi({
  client = new RDSDataClient({}),
  ...options
}: OpenDataApiOptions): Promise<DataSource> {
  const { resourceArn, secretArn, database } = options;
  // TypeORM calls it with `new` and the connection's names, which are known here already.
  function Session(): DataApiSession {
    return new DataApiSession({ client, ...options });
  }
  const dataSource = new DataSource({
    type: 'aurora-postgres',
    driver: { pg: Session },
    region: '', // the client knows
    resourceArn,
    secretArn,
    database,
    entities: schemas,
    ...migrationOptions,
  });
  return dataSource.initialize();
}
