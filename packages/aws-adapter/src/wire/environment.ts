import { InvalidInputError, Milliseconds, WriteToDbSettings } from '@stepcompute/core';
import { parseInteger } from '@stepcompute/core/adapters';

/** A process's variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Environment variables of a function: written where it is deployed, read where it runs. */
export interface Variables<Value, Given = Value> {
  /** @throws InvalidInputError when the function would refuse it */
  readonly toEnvironment: (value: Given) => Record<string, string>;
  /** @throws InvalidInputError naming the variable that is missing or wrong */
  readonly fromEnvironment: (environment: Environment) => Value;
}

/** A database of an Aurora cluster, reached by the RDS Data API. */
export interface DataApiAddress {
  /** The cluster's ARN. */
  readonly resourceArn: string;
  readonly secretArn: string;
  readonly database: string;
}

/** A database of a PostgreSQL server, or of a proxy before one, reached by a connection. */
export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly secretArn: string;
  readonly database: string;
  /** The schema that the tables are in. Default: the connection's own. */
  readonly schema?: string | undefined;
}

/** Where a function finds a database. */
export type DatabaseAddress = DataApiAddress | PostgresAddress;

/** The same where it is deployed: there a port may be known by name alone. */
export type GivenAddress =
  DataApiAddress | (Omit<PostgresAddress, 'port'> & { readonly port: number | string });

const database: Variables<DatabaseAddress, GivenAddress> = databaseVariables('STEPCOMPUTE_');
const averagesDatabase = orNone(databaseVariables('STEPCOMPUTE_AVERAGES_'));

/** Every variable that the functions read, one at a time or in groups. */
export const variables = {
  /** Where runs, values and failures are. */
  database,
  /** Where the averages are, if that is another database: all of its variables or none. */
  averagesDatabase,
  /** How long step 2's function itself waits after each value, in milliseconds. Default: 0. */
  delay: variable<Milliseconds, number>('STEPCOMPUTE_DELAY_MS', {
    write: (delayMs) => String(Milliseconds.parse(delayMs, 'delay')),
    read: (text, field) => Milliseconds.parse(Number(text), field),
    missing: 0 as Milliseconds,
  }),
  /** How step 2 goes about its iterations. Default: its own defaults. */
  settings: variable<WriteToDbSettings>('STEPCOMPUTE_SETTINGS', {
    write: (settings) => {
      WriteToDbSettings.check(settings);
      return JSON.stringify(settings);
    },
    read: parseSettings,
    missing: {},
  }),
  /** True when a migration may lock out the code that was deployed before. Default: false. */
  breakingSchema: variable<boolean>('STEPCOMPUTE_BREAKING_SCHEMA', {
    write: (isBreaking) => (isBreaking ? 'yes' : ''),
    read: () => true,
    missing: false,
  }),
};

function databaseVariables(prefix: string): AddressVariables {
  return addressVariables({
    resourceArn: `${prefix}CLUSTER_ARN`,
    host: `${prefix}HOST`,
    port: `${prefix}PORT`,
    secretArn: `${prefix}SECRET_ARN`,
    database: `${prefix}DATABASE`,
    schema: `${prefix}SCHEMA`,
  });
}

/** An address as texts under these names, several of which may be missing. */
interface AddressVariables extends Variables<DatabaseAddress, GivenAddress> {
  readonly names: readonly string[];
}

/** @param fieldOf what a name is, for an error. Default: an environment variable's */
export function addressVariables(
  names: Readonly<Record<keyof DataApiAddress | keyof PostgresAddress, string>>,
  fieldOf = variableField,
): AddressVariables {
  const required = (environment: Environment, name: string): string => {
    const value = environment[name];
    if (!isEmpty(value)) return value;
    throw new InvalidInputError(fieldOf(name), 'set, as the CDK constructs do', value);
  };
  return {
    names: Object.values(names),
    toEnvironment: (address) =>
      Object.fromEntries(
        Object.entries(address).flatMap(([field, value]: [string, string | number | undefined]) =>
          value === undefined ? [] : [[names[field as keyof typeof names], String(value)]],
        ),
      ),
    fromEnvironment: (environment) => {
      const { [names.host]: host, [names.schema]: schema } = environment;
      const where = isEmpty(host)
        ? { resourceArn: required(environment, names.resourceArn) }
        : { host, port: portOf(required(environment, names.port), fieldOf(names.port)) };
      return {
        ...where,
        secretArn: required(environment, names.secretArn),
        database: required(environment, names.database),
        ...(!isEmpty(host) && !isEmpty(schema) && { schema }),
      };
    },
  };
}

/** The same where there may be no address: all of its variables or none. */
export function orNone({
  names,
  toEnvironment,
  fromEnvironment,
}: AddressVariables): Variables<DatabaseAddress | undefined, GivenAddress | undefined> {
  return {
    toEnvironment: (address) => (address === undefined ? {} : toEnvironment(address)),
    fromEnvironment: (environment) =>
      names.every((name) => isEmpty(environment[name])) ? undefined : fromEnvironment(environment),
  };
}

/** How one variable's value becomes text and is read again. */
interface Form<Value, Given> {
  readonly write: (value: Given) => string;
  /** @param field names the variable in an error */
  readonly read: (text: string, field: string) => Value;
  /** The value where the variable is not set, or empty. */
  readonly missing: Value;
}

function variable<Value, Given = Value>(
  name: string,
  { write, read, missing }: Form<Value, Given>,
): Variables<Value, Given> & { readonly name: string } {
  return {
    name,
    toEnvironment: (value) => ({ [name]: write(value) }),
    fromEnvironment: (environment) => {
      const text = environment[name];
      return isEmpty(text) ? missing : read(text, variableField(name));
    },
  };
}

function parseSettings(text: string, field: string): WriteToDbSettings {
  let settings: unknown;
  try {
    settings = JSON.parse(text);
  } catch (cause) {
    throw new InvalidInputError(field, 'JSON', text, { cause });
  }
  if (typeof settings !== 'object' || settings === null) {
    throw new InvalidInputError(field, 'a JSON object', text);
  }
  WriteToDbSettings.check(settings);
  return settings;
}

function portOf(text: string, field: string): number {
  return parseInteger(Number(text), field, 1, 65_535);
}

function variableField(name: string): string {
  return `environment variable ${name}`;
}

function isEmpty(value: string | undefined): value is '' | undefined {
  return value === undefined || value === '';
}
