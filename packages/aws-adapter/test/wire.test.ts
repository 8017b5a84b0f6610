import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isStepComputeError, type RunRequest } from '@stepcompute/core';
import { parseRunRequest } from '@stepcompute/core/adapters';
import {
  deployedFields,
  handlerModule,
  handlerNames,
  requestInputOf,
  requestOf,
  simulationModule,
  toldErrors,
  variables,
  type Deployed,
} from '../src/wire/index.js';

const names = { resourceArn: 'arn:cluster', secretArn: 'arn:secret', database: 'd' };

describe('a function’s environment', () => {
  it('is read as it was written, every variable of it at once', () => {
    const settings = {
      concurrency: 7,
      timeoutMs: 30_000,
      retry: { attempts: 5, errors: ['Busy'] },
    };
    const averages = { ...names, database: 'averages' };
    const environment = {
      ...variables.database.toEnvironment(names),
      ...variables.averagesDatabase.toEnvironment(averages),
      ...variables.delay.toEnvironment(600_000),
      ...variables.settings.toEnvironment(settings),
      ...variables.breakingSchema.toEnvironment(true),
    };
    expect(Object.keys(environment)).toHaveLength(9);
    expect(variables.database.fromEnvironment(environment)).toEqual(names);
    expect(variables.averagesDatabase.fromEnvironment(environment)).toEqual(averages);
    expect(variables.delay.fromEnvironment(environment)).toBe(600_000);
    expect(variables.settings.fromEnvironment(environment)).toEqual(settings);
    expect(variables.breakingSchema.fromEnvironment(environment)).toBe(true);
  });

  it.each([
    { host: 'db.internal', port: 5433, secretArn: 'arn:secret', database: 'd', schema: 'sims' },
    { host: 'db.internal', port: 5432, secretArn: 'arn:secret', database: 'd' },
  ])('tells of a server to connect to: %j', (address) => {
    for (const each of [variables.database, variables.averagesDatabase]) {
      const environment = each.toEnvironment(address);
      expect(each.fromEnvironment(environment)).toEqual(address);
      // As a template has it, whose port may be known at deployment alone.
      expect(each.toEnvironment({ ...address, port: String(address.port) })).toEqual(environment);
    }
  });

  it.each(['', '0', '65536', 'five'])('is refused with the port %j', (text) => {
    const address = { host: 'db', port: text, secretArn: 'arn:secret', database: 'd' };
    const environment = variables.database.toEnvironment(address);
    const thrown = thrownBy(() => variables.database.fromEnvironment(environment));
    expect(String(thrown)).toContain('STEPCOMPUTE_PORT');
  });

  it('may leave out all but the database', () => {
    expect(variables.averagesDatabase.toEnvironment(undefined)).toEqual({});
    expect(variables.averagesDatabase.fromEnvironment({})).toBeUndefined();
    expect(variables.delay.fromEnvironment({})).toBe(0);
    expect(variables.settings.fromEnvironment({})).toEqual({});
    expect(variables.breakingSchema.fromEnvironment({})).toBe(false);
    const otherwise = variables.breakingSchema.toEnvironment(false);
    expect(variables.breakingSchema.fromEnvironment(otherwise)).toBe(false);
    expect(() => variables.database.fromEnvironment({})).toThrow('STEPCOMPUTE_CLUSTER_ARN');
  });

  it.each([
    [variables.delay, 'STEPCOMPUTE_DELAY_MS', 'ten minutes'],
    [variables.delay, 'STEPCOMPUTE_DELAY_MS', '-1'],
    [variables.settings, 'STEPCOMPUTE_SETTINGS', 'null'],
    [variables.settings, 'STEPCOMPUTE_SETTINGS', '{'],
    [variables.settings, 'STEPCOMPUTE_SETTINGS', '{"retry":{"attempts":0}}'],
  ])('is refused when it is wrong: %#', ({ fromEnvironment }, name, text) => {
    const thrown = thrownBy(() => fromEnvironment({ [name]: text }));
    expect(thrown).toMatchObject({ name: 'InvalidInputError' });
  });

  it('is refused where it is written already', () => {
    for (const write of [
      () => variables.delay.toEnvironment(-1),
      () => variables.settings.toEnvironment({ retry: { attempts: 0 } }),
    ]) {
      expect(thrownBy(write)).toMatchObject({ name: 'InvalidInputError' });
    }
  });
});

it('each handler has a name, and each name a handler', () => {
  const sources = join(__dirname, '../src/handlers');
  const handlers = readdirSync(sources)
    .filter((file) => readFileSync(join(sources, file), 'utf8').includes('export const handler ='))
    .map((file) => file.replace('.ts', ''));
  expect([...handlerNames].sort()).toEqual(handlers.sort());
  for (const module of [...handlerNames.map(handlerModule), simulationModule]) {
    expect(existsSync(require.resolve(module))).toBe(true);
  }
  expect(readFileSync(join(sources, 'write-to-db.ts'), 'utf8')).toContain(`'${simulationModule}'`);
});

it('step 2 tells of what it refuses, what failed, and what its store says', () => {
  // Any other error means that the function was lost.
  expect(toldErrors).toEqual([
    'CancelledError',
    'ChangedSimulationError',
    'ConflictingValueError',
    'InvalidInputError',
    'IterationFailedError',
    'PersistenceError',
    'RunNotFoundError',
    'ToleranceExceededError',
  ]);
});

it('a request comes to step 1 whole: what the input leaves out comes from elsewhere', () => {
  const request = {
    repetitions: 7,
    seed: 42,
    delayMs: 600_000,
    parameters: { strike: 110 },
    generatorName: 'mine',
    tolerance: '1%',
    idempotencyKey: 'key',
    label: 'nightly',
    precision: { halfWidth: '1%' },
    experiment: 'strikes',
    experimentKey: 'first',
    scenario: 'strike 110',
  } satisfies { readonly [Field in keyof Required<RunRequest>]: RunRequest[Field] };
  const { idempotencyKey } = request;
  const input = JSON.parse(JSON.stringify(requestInputOf(request))) as RunRequest;
  const deployed = Object.fromEntries(
    deployedFields.map((field) => [field, request[field]]),
  ) as unknown as Deployed;
  expect(parseRunRequest(requestOf(input, { ...deployed, idempotencyKey }))).toEqual(
    parseRunRequest(request),
  );
});

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    expect(isStepComputeError(error)).toBe(true);
    return error;
  }
}
