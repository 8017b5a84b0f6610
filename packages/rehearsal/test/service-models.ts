/**
 * Holds every answer of a test file's servers against AWS's service models. To import this module is
 * enough: it watches whatever server the file starts, and fails the file after its tests if an answer
 * departed from its model.
 *
 * The models are those that AWS's SDK is generated from: its schemas have the members, their types and
 * which are required, its typings which errors an operation has.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as lambda from '@aws-sdk/client-lambda';
import * as rdsData from '@aws-sdk/client-rds-data';
import * as secretsManager from '@aws-sdk/client-secrets-manager';
import * as sfn from '@aws-sdk/client-sfn';
import { NormalizedSchema } from '@smithy/core/schema';
import type { FastifyInstance } from 'fastify';

/** An answer as it leaves a server. */
export interface Answer {
  readonly method: string;
  readonly path: string;
  /** `X-Amz-Target` of the request. */
  readonly target: string | undefined;
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

interface Service {
  readonly package: string;
  /** The SDK's exports: schemas have their shape's name and a dollar sign. */
  readonly exports: Readonly<Record<string, unknown>>;
}

const services = {
  sfn: { package: '@aws-sdk/client-sfn', exports: sfn },
  rdsData: { package: '@aws-sdk/client-rds-data', exports: rdsData },
  lambda: { package: '@aws-sdk/client-lambda', exports: lambda },
  secretsManager: { package: '@aws-sdk/client-secrets-manager', exports: secretsManager },
} as const;

/**
 * The errors that are no operation's own, with their status. Common Error Types of the Step Functions
 * API Reference, November 2026; `ValidationException` also by the Data API's comparison of versions in
 * the Aurora User Guide; `SerializationException` by Smithy's AWS JSON and REST JSON protocols.
 */
const commonErrors: Readonly<Record<string, number>> = {
  InternalFailure: 500,
  MalformedHttpRequestException: 400,
  MissingAuthenticationToken: 403,
  RequestEntityTooLargeException: 413,
  SerializationException: 400,
  UnknownOperationException: 404,
  ValidationException: 400,
};

/** By the model's own words, `BadRequestException` only comes of Aurora Serverless v1, which is no more. */
const serverlessV1Errors = ['BadRequestException'];

/** The schemas take an enumeration for a string. Its values are exports of their own. */
const enumerations: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'HistoryEvent.type': sfn.HistoryEventType,
  'DescribeExecutionOutput.status': sfn.ExecutionStatus,
  'DescribeExecutionOutput.redriveStatus': sfn.ExecutionRedriveStatus,
  'ExecutionListItem.status': sfn.ExecutionStatus,
  'DescribeMapRunOutput.status': sfn.MapRunStatus,
  'DescribeStateMachineOutput.status': sfn.StateMachineStatus,
  'DescribeStateMachineOutput.type': sfn.StateMachineType,
};

/** @returns in what an answer departs from its service's model; nothing, if it follows it */
export function departuresOf(answer: Answer): string[] {
  const found = operationOf(answer);
  if (answer.status !== 200) return errorDepartures(answer, found);
  if (found === undefined) return [`${answer.path} is no operation, and has an answer`];
  const { service, operation } = found;
  const output = outputOf(service, operation);
  return service === services.lambda
    ? headerDepartures(answer, output)
    : valueDepartures(output, JSON.parse(answer.body), operation);
}

interface Operation {
  readonly service: Service;
  readonly operation: string;
}

const rdsDataPaths: Readonly<Record<string, string>> = {
  '/Execute': 'ExecuteStatement',
  '/BatchExecute': 'BatchExecuteStatement',
  '/BeginTransaction': 'BeginTransaction',
  '/CommitTransaction': 'CommitTransaction',
  '/RollbackTransaction': 'RollbackTransaction',
};

function operationOf({ method, path, target }: Answer): Operation | undefined {
  if (method !== 'POST') return undefined;
  if (path === '/') {
    const operation = /^AWSStepFunctions\.(\w+)$/.exec(target ?? '')?.[1];
    if (operation === undefined || !(`${operation}$` in sfn)) return undefined;
    return { service: services.sfn, operation };
  }
  if (path === '/secretsmanager/') {
    const operation = /^secretsmanager\.(\w+)$/.exec(target ?? '')?.[1];
    if (operation === undefined || !(`${operation}$` in secretsManager)) return undefined;
    return { service: services.secretsManager, operation };
  }
  const statement = rdsDataPaths[path];
  if (statement !== undefined) return { service: services.rdsData, operation: statement };
  return /^\/2015-03-31\/functions\/[^/]+\/invocations$/.test(path)
    ? { service: services.lambda, operation: 'Invoke' }
    : undefined;
}

function outputOf({ exports }: Service, operation: string): NormalizedSchema {
  // A static operation schema: kind, namespace, name, traits, input, output.
  const schema = exports[`${operation}$`] as readonly unknown[];
  return NormalizedSchema.of(schema[5] as never);
}

function errorDepartures(answer: Answer, found: Operation | undefined): string[] {
  const body = JSON.parse(answer.body) as Readonly<Record<string, unknown>>;
  const name = String(answer.headers['x-amzn-errortype']);
  const { __type, ...members } = body;
  const place = `${found?.operation ?? answer.path} with ${name}`;
  const departures =
    __type === undefined || __type === name
      ? []
      : [`${place} has the __type ${JSON.stringify(__type)}`];
  const isModelled =
    found !== undefined && errorsOf(found).includes(name) && !serverlessV1Errors.includes(name);
  const schema = isModelled
    ? NormalizedSchema.of(found.service.exports[`${name}$`] as never)
    : undefined;
  const { httpError = 400 } = (schema?.getMergedTraits() ?? {}) as { httpError?: number };
  const status = isModelled ? httpError : commonErrors[name];
  if (status === undefined) return [...departures, `${place}, an error that it has not`];
  if (status !== answer.status) departures.push(`${place} has the status ${answer.status}`);
  if (schema !== undefined) departures.push(...valueDepartures(schema, members, place));
  return departures;
}

const knownErrors = new Map<string, readonly string[]>();

/** The errors that an operation may answer with, which the SDK's typings alone tell. */
function errorsOf({ service, operation }: Operation): readonly string[] {
  const known = knownErrors.get(operation);
  if (known !== undefined) return known;
  const root = dirname(require.resolve(`${service.package}/package.json`));
  const typings = join(root, 'dist-types/commands', `${operation}Command.d.ts`);
  const names = [...readFileSync(typings, 'utf8').matchAll(/@throws \{@link (\w+)\} \(/g)].map(
    ([, name]) => name ?? '',
  );
  knownErrors.set(operation, names);
  return names;
}

/** Lambda's answer is the payload, and its members are in the headers. */
function headerDepartures({ headers }: Answer, output: NormalizedSchema): string[] {
  return [...output.structIterator()].flatMap(([name, member]) => {
    const header = (member.getMergedTraits() as { httpHeader?: string }).httpHeader;
    const value = header === undefined ? undefined : headers[header.toLowerCase()];
    return value === undefined ? [] : valueDepartures(member, value, `Invoke.${name}`);
  });
}

function valueDepartures(schema: NormalizedSchema, value: unknown, place: string): string[] {
  const unless = (isRight: boolean, kind: string): string[] =>
    isRight ? [] : [`${place} must be ${kind}; got ${JSON.stringify(value)}`];
  if (schema.isStructSchema()) return structureDepartures(schema, value, place);
  if (schema.isListSchema()) {
    if (!Array.isArray(value)) return unless(false, 'a list');
    return value.flatMap((item, index) =>
      valueDepartures(schema.getValueSchema(), item, `${place}[${index}]`),
    );
  }
  if (schema.isNumericSchema()) {
    return unless(
      typeof value === 'number' || ['NaN', 'Infinity', '-Infinity'].includes(String(value)),
      'a number',
    );
  }
  if (schema.isBooleanSchema()) return unless(typeof value === 'boolean', 'a boolean');
  // In JSON, seconds since 1970.
  if (schema.isTimestampSchema()) return unless(typeof value === 'number', 'a timestamp');
  if (schema.isBlobSchema()) {
    return unless(typeof value === 'string' && /^[\w+/]*={0,2}$/.test(value), 'base64');
  }
  if (schema.isStringSchema()) return unless(typeof value === 'string', 'a string');
  return [`${place} is of a kind that nothing here checks`];
}

function structureDepartures(schema: NormalizedSchema, value: unknown, place: string): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [`${place} must be a structure; got ${JSON.stringify(value)}`];
  }
  const members = new Map(schema.structIterator());
  const departures = Object.entries(value).flatMap(([name, content]) => {
    const member = members.get(name);
    if (member === undefined) return [`${place} has ${name}, a member that it has not`];
    const values = enumerations[`${String(schema.getName())}.${name}`];
    if (values !== undefined && !Object.values(values).includes(String(content))) {
      return [`${place}.${name} has ${JSON.stringify(content)}, none of its values`];
    }
    return valueDepartures(member, content, `${place}.${name}`);
  });
  // A static structure schema: kind, namespace, name, traits, members, their schemas, and how many of
  // them, from the first, are required.
  const [, , , , names, , required = 0] = schema.getSchema() as unknown as readonly [
    ...unknown[],
  ] as [number, string, string, unknown, string[], unknown[], number?];
  for (const name of names.slice(0, required)) {
    if (!(name in value)) departures.push(`${place} has no ${name}, which is required`);
  }
  if (schema.getName() === 'HistoryEvent')
    departures.push(...eventDepartures(members, value, place));
  if (schema.isUnionSchema() && Object.keys(value).length !== 1) {
    departures.push(`${place} must have one member; got ${JSON.stringify(value)}`);
  }
  return departures;
}

/** An event has the details of its type, if the model has such, and no other ones. */
function eventDepartures(
  members: ReadonlyMap<string, unknown>,
  event: object,
  place: string,
): string[] {
  const type = String((event as { type?: unknown }).type).replace(
    /^\w+(?=State(Entered|Exited)$)/,
    '',
  );
  const own = `${type.charAt(0).toLowerCase()}${type.slice(1)}EventDetails`;
  const details = Object.keys(event).filter((name) => name.endsWith('EventDetails'));
  const right = members.has(own) ? [own] : [];
  return JSON.stringify(details) === JSON.stringify(right)
    ? []
    : [`${place} is of the type ${type} and has ${details.join(', ') || 'no details'}`];
}

let answers = 0;
const departures: string[] = [];

const watch = (message: unknown): void => {
  const { fastify } = message as { readonly fastify: FastifyInstance };
  fastify.addHook('onSend', async (request, reply, payload) => {
    // Its answers are XML, and the SDK that reads them tells what is missing.
    if (
      request.url.startsWith('/cloudformation/') &&
      reply.getHeader('content-type') === 'text/xml'
    ) {
      return payload;
    }
    answers += 1;
    const target = request.headers['x-amz-target'];
    departures.push(
      ...departuresOf({
        method: request.method,
        path: request.url.replace(/\?.*/s, ''),
        target: typeof target === 'string' ? target : undefined,
        status: reply.statusCode,
        headers: reply.getHeaders(),
        body: String(payload),
      }),
    );
    return payload;
  });
};

subscribe('fastify.initialization', watch);

afterAll(() => {
  unsubscribe('fastify.initialization', watch);
  process.stdout.write(`AWS's models: ${answers} answers, ${departures.length} departures\n`);
  expect([...new Set(departures)]).toEqual([]);
});
