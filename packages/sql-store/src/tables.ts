import type { DataSource } from 'typeorm';

/** The names of the tables, as a statement has them. */
export interface Tables {
  readonly run: string;
  readonly value: string;
  readonly failure: string;
  readonly average: string;
  readonly measureAverage: string;
  /** The migrations that the database has had. */
  readonly migration: string;
  /** The code that may work on it. */
  readonly schema: string;
}

const known = new WeakMap<DataSource, Tables>();

/**
 * The tables of a DataSource: in the schema that its entities are in, whatever the connection's
 * `search_path` says. Without one there, where `search_path` finds them, as TypeORM does.
 */
export function tablesOf(dataSource: DataSource): Tables {
  let tables = known.get(dataSource);
  if (tables === undefined) {
    tables = tablesIn(schemaOf(dataSource));
    // Entities are known once it is initialized.
    if (dataSource.isInitialized) known.set(dataSource, tables);
  }
  return tables;
}

/** The schema of our entities; undefined where none is said. */
export function schemaOf(dataSource: DataSource): string | undefined {
  const own = dataSource.hasMetadata(runTable)
    ? dataSource.getMetadata(runTable).schema
    : undefined;
  return own ?? ('schema' in dataSource.options ? dataSource.options.schema : undefined);
}

/** By which a DataSource knows the entity of runs, whichever schema it is in. */
export const runTable = 'stepcompute_run';

function tablesIn(schema: string | undefined): Tables {
  const prefix = schema === undefined ? '' : `"${schema.replaceAll('"', '""')}".`;
  return {
    run: `${prefix}${runTable}`,
    value: `${prefix}stepcompute_value`,
    failure: `${prefix}stepcompute_failure`,
    average: `${prefix}stepcompute_average`,
    measureAverage: `${prefix}stepcompute_measure_average`,
    migration: `${prefix}stepcompute_migration`,
    schema: `${prefix}stepcompute_schema`,
  };
}
