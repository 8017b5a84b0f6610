import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server as HttpServer } from 'node:http';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expectedAverage } from '@stepcompute/core/testing';
import pg from 'pg';
import {
  createDatabase,
  hasPostgres,
  type TestDatabase,
} from '../../../testing/postgres/databases.js';
import { hasOpenssl, makeCertificates, relay } from '../../../testing/postgres/tls.js';
import { loginFrom } from '../src/open-server.js';
import { handlerModule, variables, type HandlerName } from '../src/wire/index.js';

describe('a server’s user', () => {
  it('has the password that the secret has when a connection is made', async () => {
    const answers = ['first', 'second', 'third'].map((password) => ({ username: 'a', password }));
    const { user, password } = await loginFrom(() => Promise.resolve(answers.shift()!));
    expect(user).toBe('a');
    expect(await password()).toBe('second');
    expect(await password()).toBe('third');
  });

  it('keeps his password where a rotation has gone on to another user', async () => {
    const answers = [
      { username: 'a', password: 'of a' },
      { username: 'b', password: 'of b' },
      { username: 'a', password: 'new of a' },
    ];
    const { password } = await loginFrom(() => Promise.resolve(answers.shift()!));
    expect(await password()).toBe('of a');
    expect(await password()).toBe('new of a');
  });
});

const bundler = join(
  dirname(require.resolve('@stepcompute/infra/package.json')),
  'dist/bundle-function.js',
);

/** Calls the handlers as Lambda does, for the whole of a run, and prints what came of it. */
const program = `
const [folder] = process.argv.slice(2);
const call = async (name, event) => {
  const { handler } = await import('file://' + folder + '/' + name + '/index.mjs');
  return handler(event, { awsRequestId: 'request', functionName: name });
};
const work = async () => {
  await call('migrate', {});
  const assignments = await call('retrieve-run-id', { repetitions: 20, seed: 42 });
  for (const pair of assignments.pairs) await call('write-to-db', pair);
  return call('aggregate-and-store-value', assignments);
};
const told = ({ name, message }) => ({ name, message });
// After the lines of its log.
process.stdout.write('\\n' + JSON.stringify(await work().catch(told)));
process.exit();
`;

const describeWithServer = hasPostgres && hasOpenssl() ? describe : describe.skip;

describeWithServer('functions for a PostgreSQL server', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-functions-'));
  const arn = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:login';
  const names: readonly HandlerName[] = [
    'migrate',
    'retrieve-run-id',
    'write-to-db',
    'aggregate-and-store-value',
  ];
  let database: TestDatabase;
  let name = '';
  let user = '';
  let server: Server;
  let secrets: HttpServer;
  let secret = '';
  let open = 0;
  let mostOpen = 0;

  beforeAll(async () => {
    makeCertificates(folder);
    writeFileSync(join(folder, 'call.mjs'), program);
    for (const each of names) bundle(each, 'postgres');
    database = await createDatabase();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('CREATE SCHEMA sim');
    await client.end();
    const { host, port } = client;
    name = client.database ?? '';
    user = client.user ?? '';
    const to = (): Socket =>
      host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
    server = relay(to, folder, true).on('connection', (socket: Socket) => {
      open += 1;
      mostOpen = Math.max(mostOpen, open);
      socket.once('close', () => (open -= 1));
    });
    secrets = createServer((request, response) => {
      request.resume();
      const isAsked = request.headers['x-amz-target'] === 'secretsmanager.GetSecretValue';
      response.writeHead(isAsked ? 200 : 400, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify({ ARN: arn, SecretString: secret }));
    });
    for (const each of [server, secrets]) {
      await new Promise<void>((resolve) => {
        each.listen(0, '127.0.0.1', resolve);
      });
    }
  });
  beforeEach(() => {
    secret = JSON.stringify({ username: user, password: 'never told' });
  });
  afterAll(async () => {
    server.close();
    secrets.close();
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  function bundle(handler: HandlerName, kind: string): string {
    const asset = join(folder, kind === 'postgres' ? handler : `${handler} by ${kind}`);
    mkdirSync(asset);
    const request = {
      handler: require.resolve(handlerModule(handler)),
      databases: [kind],
      architecture: 'arm64',
    };
    execFileSync(process.execPath, [bundler, asset, JSON.stringify(request)]);
    return join(asset, 'index.mjs');
  }

  const portOf = (each: Server | HttpServer): number => (each.address() as AddressInfo).port;

  async function run(environment: NodeJS.ProcessEnv): Promise<Record<string, unknown>> {
    const address = {
      host: 'localhost',
      port: portOf(server),
      secretArn: arn,
      database: name,
      schema: 'sim',
    };
    const env = {
      PATH: process.env.PATH,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
      AWS_ENDPOINT_URL_SECRETS_MANAGER: `http://127.0.0.1:${portOf(secrets)}`,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      ...variables.database.toEnvironment(address),
      ...environment,
    };
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(folder, 'call.mjs'), folder],
      { env },
    );
    expect(stdout).not.toContain('never told');
    return JSON.parse(stdout.split('\n').at(-1) ?? '') as Record<string, unknown>;
  }
  const trusting = { NODE_EXTRA_CA_CERTS: join(folder, 'ca.crt') };

  it('come to the average by an encrypted connection each, in the schema', async () => {
    expect(await run(trusting)).toMatchObject({
      average: expectedAverage(42, 20).mean,
    });
    expect(mostOpen).toBeLessThanOrEqual(names.length);
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query('SELECT count(*)::int AS count FROM sim.stepcompute_value');
    await client.end();
    expect(rows).toEqual([{ count: 20 }]);
  });

  it('refuse a server whose certificate they do not know', async () => {
    expect(await run({})).toMatchObject({
      name: 'PersistenceError',
      message: expect.stringMatching(/certificate[^\n]*$/) as string,
    });
  });

  it.each([
    '',
    'never told',
    '"never told"',
    'null',
    '{"username":"a"}',
    '{"password":"never told"}',
  ])('refuse a secret that is no login, without a word of it: %j', async (text) => {
    secret = text;
    expect(await run(trusting)).toEqual({
      name: 'InvalidInputError',
      message: `secret ${arn} must be JSON with a username and a password, as RDS makes it; got "another text"`,
    });
  });

  it('say what may be missing where Secrets Manager can’t be reached', async () => {
    const away = { AWS_ENDPOINT_URL_SECRETS_MANAGER: 'http://127.0.0.1:1', AWS_MAX_ATTEMPTS: '1' };
    expect(await run({ ...trusting, ...away })).toMatchObject({
      name: 'PersistenceError',
      message: expect.stringMatching(/^cannot read the secret .* NAT gateway.*$/) as string,
    });
  });

  it.each([
    ['postgres', ['com.amazonaws.secretsmanager', 'SASL: SCRAM-SERVER']],
    ['data-api', ['com.amazonaws.rdsdata']],
  ])('are bundled with what %s needs and no more', (kind, expected) => {
    const marks = [
      'com.amazonaws.rdsdata',
      'com.amazonaws.secretsmanager',
      'SASL: SCRAM-SERVER', // node-postgres's words
    ];
    const text = readFileSync(bundle('record-failure', kind), 'utf8');
    expect(marks.filter((mark) => text.includes(mark))).toEqual(expected);
  });
});
