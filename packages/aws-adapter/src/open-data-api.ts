import { RDSDataClient } from '@aws-sdk/client-rds-data';
import { refuseUnknown, type FieldNames } from '@stepcompute/core/adapters';
import { migrationOptions, refuseNewerSchema, schemas } from '@stepcompute/sql-store';
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
  /**
   * False to send nothing before the first statement: who is about to migrate the schema looks himself.
   * @default true
   */
  readonly check?: boolean | undefined;
}

const optionFields: FieldNames<OpenDataApiOptions> = {
  resourceArn: true,
  secretArn: true,
  database: true,
  client: true,
  patienceMs: true,
  check: true,
};

/**
 * A DataSource over the RDS Data API, for {@link typeOrmStores} and {@link migrateSchema}. That
 * the schema is there is not checked; that this version may work on it is.
 * @throws PersistenceError when the schema is newer than this version can read, or can't be looked at
 * @example
 * const stores = typeOrmStores(await openDataApi({ resourceArn, secretArn, database: 'stepcompute' }));
 */
export async function openDataApi(given: OpenDataApiOptions): Promise<DataSource> {
  refuseUnknown(given, 'options', optionFields);
  const { client = new RDSDataClient({}), check = true, ...options } = given;
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
  await dataSource.initialize();
  if (check) await refuseNewerSchema(dataSource);
  return dataSource;
}
