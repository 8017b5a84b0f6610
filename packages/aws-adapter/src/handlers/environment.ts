import { InvalidInputError, Milliseconds, type WriteToDbSettings } from '@stepcompute/core';

/** Which database, as the function's environment names it. */
export interface DatabaseNames {
  readonly resourceArn: string;
  readonly secretArn: string;
  readonly database: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `STEPCOMPUTE_CLUSTER_ARN`, `STEPCOMPUTE_SECRET_ARN` and `STEPCOMPUTE_DATABASE`.
 * @throws InvalidInputError naming the variable that is missing
 */
export function databaseFrom(environment: Environment): DatabaseNames {
  return {
    resourceArn: required(environment, 'STEPCOMPUTE_CLUSTER_ARN'),
    secretArn: required(environment, 'STEPCOMPUTE_SECRET_ARN'),
    database: required(environment, 'STEPCOMPUTE_DATABASE'),
  };
}

/**
 * Where the averages go: the same variables with `STEPCOMPUTE_AVERAGES_` in front, all or none.
 * @throws InvalidInputError when some are there and others are not
 */
export function averagesDatabaseFrom(environment: Environment): DatabaseNames | undefined {
  const names = [
    'STEPCOMPUTE_AVERAGES_CLUSTER_ARN',
    'STEPCOMPUTE_AVERAGES_SECRET_ARN',
    'STEPCOMPUTE_AVERAGES_DATABASE',
  ] as const;
  if (names.every((name) => isEmpty(environment[name]))) return undefined;
  const [resourceArn, secretArn, database] = names.map((name) => required(environment, name));
  return { resourceArn, secretArn, database } as DatabaseNames;
}

/**
 * `STEPCOMPUTE_DELAY_MS`: how long the function itself waits after each value. Default: 0.
 * @throws InvalidInputError
 */
export function delayFrom(environment: Environment): Milliseconds {
  const text = environment.STEPCOMPUTE_DELAY_MS;
  if (isEmpty(text)) return 0 as Milliseconds;
  return Milliseconds.parse(Number(text), 'environment variable STEPCOMPUTE_DELAY_MS');
}

/**
 * `STEPCOMPUTE_SETTINGS`: how step 2 goes about its iterations, {@link WriteToDbSettings} as JSON.
 * Default: its own defaults.
 * @throws InvalidInputError
 */
export function settingsFrom(environment: Environment): WriteToDbSettings {
  const text = environment.STEPCOMPUTE_SETTINGS;
  if (isEmpty(text)) return {};
  try {
    return JSON.parse(text) as WriteToDbSettings;
  } catch (cause) {
    throw new InvalidInputError('environment variable STEPCOMPUTE_SETTINGS', 'JSON', text, {
      cause,
    });
  }
}

function required(environment: Environment, name: string): string {
  const value = environment[name];
  if (isEmpty(value)) {
    throw new InvalidInputError(
      `environment variable ${name}`,
      'set on the function, as the CDK constructs do',
      value,
    );
  }
  return value;
}

function isEmpty(value: string | undefined): value is '' | undefined {
  return value === undefined || value === '';
}
