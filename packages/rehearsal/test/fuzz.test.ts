import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import fc from 'fast-check';
import {
  createDatabase,
  describeOnPostgres,
  type TestDatabase,
} from '../../../testing/postgres/databases.js';
import { Rehearsal, UnsupportedError } from '../src/index.js';
import { parseDefinition } from '../src/step-functions/definition.js';
import { toInterpreted } from '../src/step-functions/interpreted-definition.js';
import { times } from '../../../testing/exhaustive.js';
import { writeAssembly, type Assembly } from './assembly.js';

/** So that a failure can be had again; fast-check prints it, with the counterexample’s path. */
const seed = 20_260_701;

const resourceArn = 'arn:aws:rds:us-east-1:123456789012:cluster:Cluster';
const secretArn = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:Secret';
const machineArn = 'arn:aws:states:us-east-1:123456789012:stateMachine:Machine';
const executionArn = 'arn:aws:states:us-east-1:123456789012:execution:Machine:known';
const secrets = ['sesame-of-the-database', 'sesame-of-the-environment', 'sesame-of-the-function'];

interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

/** @throws when there is no answer within seconds, or the connection breaks */
function send(endpoint: string, { method, path, headers, body }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(endpoint);
    const options = { agent, hostname, port, method, path, headers, timeout: 600_000 };
    const sent = httpRequest(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => (text += piece));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', reject);
    sent.end(body);
  });
}

/** That the answer is a result, or an error for which the caller is to blame, as AWS words them. */
function expectAnswer({ status, headers, body }: Answer): void {
  for (const secret of secrets) expect(body + JSON.stringify(headers)).not.toContain(secret);
  const content = JSON.parse(body) as unknown;
  if (status === 200) return;
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  const { __type, message, Message } = content as Record<string, unknown>;
  expect(headers['x-amzn-errortype'] ?? __type).toMatch(/^[A-Z]\w+$/);
  expect(message ?? Message).toEqual(expect.any(String));
}

/** Inputs that are right so often that a call gets past the first checks. */
const mostly = <T, U>(right: fc.Arbitrary<T>, any: fc.Arbitrary<U>): fc.Arbitrary<T | U> =>
  fc.oneof({ weight: 25, arbitrary: right }, { weight: 1, arbitrary: any });

const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '\u0000', 'constructor', '__proto__', 'toString', '-1', '1e999'),
);
const anyJson = fc.oneof(fc.jsonValue(), anyText, fc.constantFrom(null, {}, [], [null], -1, 0.5));
const headerText = fc.string({ unit: 'grapheme-ascii', maxLength: 30 });
const anyBody = fc.oneof(
  anyJson.map((value) => JSON.stringify(value)),
  anyText,
  fc.uint8Array(),
);
const anyContentType = mostly(
  fc.constantFrom(
    'application/json',
    'application/x-amz-json-1.0',
    'application/octet-stream',
    'text/plain',
    'multipart/form-data; boundary=x',
  ),
  headerText,
);
/** Pieces of a URL, well-formed or not. */
const pathPart = fc.oneof(
  fc.string({ unit: 'grapheme-ascii' }).map((text) => text.replace(/\s/g, '%20')),
  fc.string().map((text) => encodeURIComponent(text)),
  fc.constantFrom(
    '%',
    '%zz',
    '%2525',
    '%00',
    '..',
    'x'.repeat(300),
    encodeURIComponent(machineArn),
  ),
);
const signed = { authorization: 'any' };

/** Bodies whose members have the right names, with values of whatever kind among the right ones. */
const membersOf = <T extends Readonly<Record<string, fc.Arbitrary<unknown>>>>(
  members: T,
  required: readonly (keyof T & string)[],
): fc.Arbitrary<string | Uint8Array> =>
  mostly(
    fc
      .record(
        Object.fromEntries(
          Object.entries(members).map(([name, right]) => [name, mostly(right, anyJson)]),
        ),
        { requiredKeys: [...required] },
      )
      .map((body) => JSON.stringify(body)),
    anyBody,
  );

const anywhere: fc.Arbitrary<Call> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'),
  path: fc.oneof(
    pathPart.map((part) => `/${part}`),
    fc.constantFrom('/', '/Execute', '/BatchExecute', '/BeginTransaction', '/CommitTransaction'),
  ),
  headers: fc.record(
    {
      authorization: headerText,
      'content-type': anyContentType,
      'x-amz-target': headerText,
      'x-amz-invocation-type': headerText,
    },
    { requiredKeys: [] },
  ),
  body: anyBody,
});

const operations = [
  'CreateStateMachine',
  'DescribeStateMachine',
  'StartExecution',
  'DescribeExecution',
  'GetExecutionHistory',
  'StopExecution',
  'RedriveExecution',
  'ListExecutions',
  'ListMapRuns',
  'DescribeMapRun',
];
const stepFunctions: fc.Arbitrary<Call> = fc.record({
  method: fc.constant('POST'),
  path: fc.constant('/'),
  headers: fc.record({
    authorization: fc.constant('any'),
    'content-type': anyContentType,
    'x-amz-target': mostly(
      fc.constantFrom(...operations).map((name) => `AWSStepFunctions.${name}`),
      headerText,
    ),
  }),
  body: membersOf(
    {
      name: fc.constantFrom('known', 'any', 'a b', 'x'.repeat(81)),
      definition: fc.oneof(
        fc.constant('{"StartAt":"A","States":{"A":{"Type":"Fail"}}}'),
        anyJson.map((value) => JSON.stringify(value)),
      ),
      roleArn: fc.constant('role'),
      type: fc.constantFrom('STANDARD', 'EXPRESS', 'OTHER'),
      stateMachineArn: fc.constantFrom(machineArn, `${machineArn}None`, executionArn),
      executionArn: fc.constantFrom(executionArn, `${executionArn}None`, machineArn),
      mapRunArn: fc.constant('arn:aws:states:us-east-1:123456789012:mapRun:Machine/Map:none'),
      input: fc.constantFrom('{}', '[1]', '{', '0'),
      error: anyText,
      cause: anyText,
      clientToken: anyText,
      statusFilter: fc.constantFrom('RUNNING', 'FAILED', 'OTHER'),
      redriveFilter: fc.constantFrom('REDRIVEN', 'OTHER'),
      maxResults: fc.constantFrom(-1, 0, 1, 0.5, 1000, 1001),
      nextToken: fc.constantFrom('0', '1', '-1', 'x', '1e9'),
      reverseOrder: fc.boolean(),
      includeExecutionData: fc.boolean(),
    },
    ['name', 'definition', 'stateMachineArn', 'executionArn'],
  ),
});

const lambda: fc.Arbitrary<Call> = fc.record({
  method: fc.constant('POST'),
  path: mostly(fc.constantFrom('Echo', 'Echo:$LATEST', 'constructor'), pathPart).map(
    (name) => `/2015-03-31/functions/${name}/invocations`,
  ),
  headers: fc.record(
    {
      authorization: fc.constant('any'),
      'content-type': anyContentType,
      'x-amz-invocation-type': mostly(fc.constant('RequestResponse'), headerText),
      'x-amz-log-type': mostly(fc.constant('None'), headerText),
    },
    { requiredKeys: ['authorization'] },
  ),
  body: anyBody,
});

const parameter = fc.record(
  {
    name: fc.constantFrom('a', 'b', ''),
    value: fc.oneof(
      fc.record({ longValue: fc.oneof(fc.integer(), anyJson) }),
      fc.record({ stringValue: fc.oneof(anyText, anyJson) }),
      fc.record({ doubleValue: anyJson }),
      fc.record({ booleanValue: anyJson }),
      fc.record({ blobValue: anyJson }),
      fc.record({ isNull: anyJson }),
      fc.record({ arrayValue: anyJson }),
      anyJson,
    ),
    typeHint: fc.oneof(fc.constantFrom('DATE', 'JSON', 'UUID', 'DECIMAL'), anyJson),
  },
  { requiredKeys: [] },
);
const rdsData: fc.Arbitrary<Call> = fc.record({
  method: fc.constant('POST'),
  path: fc.constantFrom(
    '/Execute',
    '/BatchExecute',
    '/BeginTransaction',
    '/CommitTransaction',
    '/RollbackTransaction',
  ),
  headers: fc.record({ authorization: fc.constant('any'), 'content-type': anyContentType }),
  body: membersOf(
    {
      resourceArn: fc.constant(resourceArn),
      secretArn: fc.constant(secretArn),
      database: fc.constant('db'),
      sql: fc.oneof(
        anyText,
        fc.constantFrom(
          'SELECT 1',
          'SELECT :a',
          'SELECT :a, :b, :a::text',
          'SELECT 1; SELECT 2',
          'SELECT $1',
          "SELECT ':a",
          'SELECT /* :a',
          'SELECT 1\u0000',
          'BEGIN',
          'COMMIT',
          'COPY pg_class TO STDOUT',
          'COPY pg_class FROM STDIN',
          "SELECT '{}'::regclass",
          'SELECT array[1]',
          "SET application_name = 'x'",
          '--',
        ),
      ),
      parameters: fc.array(mostly(parameter, anyJson)),
      parameterSets: fc.array(mostly(fc.array(parameter), anyJson)),
      transactionId: fc.constantFrom(undefined, undefined, '0'),
      includeResultMetadata: fc.boolean(),
      formatRecordsAs: fc.constantFrom('JSON', 'NONE'),
      resultSetOptions: fc.record({ longReturnType: fc.constant('STRING') }),
    },
    ['resourceArn', 'secretArn', 'sql'],
  ),
});

const assembly = (): Assembly =>
  writeAssembly({
    functions: {
      Echo: {
        code: 'exports.handler = async (event) => event;',
        environment: { SESAME: 'sesame-of-the-function' },
      },
    },
    machines: { Machine: { StartAt: 'Only', States: { Only: { Type: 'Fail', Error: 'Any' } } } },
    resources: {
      Cluster: {
        Type: 'AWS::RDS::DBCluster',
        Properties: { EnableHttpEndpoint: true, DatabaseName: 'db' },
      },
      Secret: { Type: 'AWS::SecretsManager::Secret' },
      Attachment: {
        Type: 'AWS::SecretsManager::SecretTargetAttachment',
        Properties: { TargetId: { Ref: 'Cluster' }, SecretId: { Ref: 'Secret' } },
      },
    },
  });

/** The answer to bytes that are no HTTP. */
function sendBytes(endpoint: string, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(endpoint);
    let text = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    socket.on('error', reject).on('end', () => {
      socket.end();
      resolve(text);
    });
  });
}

function testServices(locate: () => Promise<string>): void {
  let rehearsed: Assembly;
  let rehearsal: Rehearsal;

  beforeAll(async () => {
    process.env.SESAME = 'sesame-of-the-environment';
    rehearsed = assembly();
    rehearsal = await Rehearsal.start({ assembly: rehearsed.folder, database: await locate() });
    const started = await send(rehearsal.endpoint, {
      method: 'POST',
      path: '/',
      headers: { ...signed, 'x-amz-target': 'AWSStepFunctions.StartExecution' },
      body: JSON.stringify({ stateMachineArn: machineArn, name: 'known' }),
    });
    expect(JSON.parse(started.body)).toMatchObject({ executionArn });
  });
  afterAll(async () => {
    delete process.env.SESAME;
    await rehearsal.close();
    rehearsed.remove();
  });

  it.each([
    ['anywhere', anywhere],
    ['to Step Functions', stepFunctions],
    ['to Lambda', lambda],
    ['to the Data API', rdsData],
  ])('answer whatever is sent %s, with an error where it is one', async (_, calls) => {
    await fc.assert(
      fc.asyncProperty(calls, async (call) => {
        const answer = await send(rehearsal.endpoint, call);
        expectAnswer(answer);
        // One that is left open would keep the others waiting.
        const { transactionId } = (JSON.parse(answer.body) ?? {}) as { transactionId?: string };
        if (transactionId === undefined) return;
        const body = JSON.stringify({ resourceArn, secretArn, transactionId });
        expectAnswer(
          await send(rehearsal.endpoint, {
            method: 'POST',
            path: '/RollbackTransaction',
            headers: signed,
            body,
          }),
        );
      }),
      { seed, numRuns: times(100, 600) },
    );
  });
}

describe('the services', () => {
  testServices(async () => 'memory');

  it('answer what is no HTTP, or has headers without end, and hang up', async () => {
    const rehearsed = assembly();
    const rehearsal = await Rehearsal.start({ assembly: rehearsed.folder });
    const header = `x: ${'y'.repeat(100_000)}`;
    for (const bytes of ['\u0000\r\n\r\n', `POST / HTTP/1.1\r\n${header}\r\n\r\n`]) {
      const answer = await sendBytes(rehearsal.endpoint, bytes);
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer).toContain('x-amzn-errortype: MalformedHttpRequestException');
    }
    await rehearsal.close();
    rehearsed.remove();
  });
});

describeOnPostgres('the services, on a server', () => {
  let database: TestDatabase | undefined;
  afterAll(() => database?.drop());
  testServices(async () => {
    database = await createDatabase();
    const url = new URL(database.url);
    if (url.password === '') url.password = 'sesame-of-the-database';
    return url.href;
  });
});

describe('a definition', () => {
  const task = {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    Parameters: {
      FunctionName: 'f',
      Payload: { 'a.$': '$.a', b: [{ 'c.$': "States.Format('{}', $.c)" }] },
    },
    TimeoutSeconds: 5,
    ResultSelector: { 'a.$': '$.a' },
    ResultPath: '$.result',
    InputPath: '$.in',
    OutputPath: '$.out',
    Retry: [
      {
        ErrorEquals: ['A'],
        IntervalSeconds: 1,
        MaxAttempts: 2,
        BackoffRate: 1.5,
        MaxDelaySeconds: 9,
        JitterStrategy: 'FULL',
      },
    ],
    Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.error', Next: 'Fail' }],
    Next: 'Wait',
  };
  const valid = {
    Comment: 'one of each',
    StartAt: 'Map',
    TimeoutSeconds: 60,
    States: {
      Map: {
        Type: 'Map',
        ItemsPath: '$.items',
        ItemSelector: { 'value.$': '$$.Map.Item.Value' },
        MaxConcurrency: 3,
        Label: 'Blocks',
        ToleratedFailureCount: 0,
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
          StartAt: 'Work',
          States: {
            Work: { ...task, Next: 'Fail' },
            Fail: { Type: 'Fail', ErrorPath: '$.e', Cause: 'c' },
          },
        },
        Next: 'Task',
      },
      Task: task,
      Wait: { Type: 'Wait', Seconds: 3, Next: 'Choice' },
      Choice: {
        Type: 'Choice',
        Choices: [
          { Variable: '$.a', NumericGreaterThan: 1, Next: 'Pass' },
          {
            And: [
              { Variable: '$.a', IsPresent: false },
              { Not: { Variable: '$.b', BooleanEquals: true } },
            ],
            Next: 'Fail',
          },
        ],
        Default: 'Pass',
      },
      Pass: { Type: 'Pass', Result: { a: 1 }, End: true },
      Fail: { Type: 'Fail' },
    },
  };
  const placesOf = (value: unknown): string[][] =>
    typeof value !== 'object' || value === null
      ? [[]]
      : [
          [],
          ...Object.entries(value).flatMap(([key, item]) =>
            placesOf(item).map((place) => [key, ...place]),
          ),
        ];
  const replaced = (value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown => {
    if (key === undefined) return by;
    const entries = Object.entries(value as object).map(([name, item]: [string, unknown]) => [
      name,
      name === key ? replaced(item, rest, by) : item,
    ]);
    const fields = Object.fromEntries(entries) as object;
    return Array.isArray(value) ? Object.values(fields) : fields;
  };
  /** Parses it, and makes of it what runs. @returns whether it is one that can be run */
  const isAccepted = (definition: unknown): boolean => {
    try {
      toInterpreted(parseDefinition(definition), 60);
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(UnsupportedError);
      return false;
    }
  };

  it('is refused by name, whatever it is', () => {
    fc.assert(
      fc.property(anyJson, (definition) => {
        expect(isAccepted(definition)).toBe(false);
      }),
      { seed, numRuns: 1_000 },
    );
  });

  it('is refused by name or can be run, whatever is in the place of one of its parts', () => {
    expect(isAccepted(valid)).toBe(true);
    fc.assert(
      fc.property(fc.constantFrom(...placesOf(valid)), anyJson, (place, by) => {
        isAccepted(replaced(valid, place, by));
      }),
      { seed, numRuns: times(1_000, 5_000) },
    );
  });
});
