import { InvalidInputError, Milliseconds, WriteToDbSettings } from '@stepcompute/core';

/** A process's variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Environment variables of a function: written where it is deployed, read where it runs. */
export interface Variables<Value, Given = Value> {
  /** @throws InvalidInputError when the function would refuse it */
  readonly toEnvironment: (value: Given) => Record<string, string>;
  /** @throws InvalidInputError naming the variable that is missing or wrong */
  readonly fromEnvironment: (environment: Environment) => Value;
}

/** A database, as the Data API asks for it. */
export interface DatabaseNames {
  readonly resourceArn: string;
  readonly secretArn: string;
  readonly database: string;
}

const database = databaseVariables('STEPCOMPUTE_');
const averagesDatabase = databaseVariables('STEPCOMPUTE_AVERAGES_');

/** Every variable that the functions read, one at a time or in groups. */
export const variables = {
  /** Where runs, values and failures are. */
  database,
  /** Where the averages are, if that is another database: all three variables or none. */
  averagesDatabase: {
    toEnvironment: (names) => (names === undefined ? {} : averagesDatabase.toEnvironment(names)),
    fromEnvironment: (environment) =>
      averagesDatabase.names.every((name) => isEmpty(environment[name]))
        ? undefined
        : averagesDatabase.fromEnvironment(environment),
  } satisfies Variables<DatabaseNames | undefined>,
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

function databaseVariables(
  prefix: string,
): Variables<DatabaseNames> & { readonly names: readonly string[] } {
  const names = {
    resourceArn: `${prefix}CLUSTER_ARN`,
    secretArn: `${prefix}SECRET_ARN`,
    database: `${prefix}DATABASE`,
  } satisfies DatabaseNames;
  return {
    names: Object.values(names),
    toEnvironment: (values) => ({
      [names.resourceArn]: values.resourceArn,
      [names.secretArn]: values.secretArn,
      [names.database]: values.database,
    }),
    fromEnvironment: (environment) => ({
      resourceArn: required(environment, names.resourceArn),
      secretArn: required(environment, names.secretArn),
      database: required(environment, names.database),
    }),
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
      return isEmpty(text) ? missing : read(text, fieldOf(name));
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

function required(environment: Environment, name: string): string {
  const value = environment[name];
  if (isEmpty(value)) {
    throw new InvalidInputError(
      fieldOf(name),
      'set on the function, as the CDK constructs do',
      value,
    );
  }
  return value;
}

function fieldOf(name: string): string {
  return `environment variable ${name}`;
}

function isEmpty(value: string | undefined): value is '' | undefined {
  return value === undefined || value === '';
}
