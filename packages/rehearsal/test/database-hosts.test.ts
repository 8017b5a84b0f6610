import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  GetSecretValueCommand,
  ListSecretsCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import pg from 'pg';
import {
  createDatabase,
  describeOnPostgres,
  type TestDatabase,
} from '../../../testing/postgres/databases.js';
import { Rehearsal } from '../src/index.js';
import { writeAssembly, type Assembly } from './assembly.js';
import { clientConfig } from './execute.js';

/** Does what it is told on its database, as a function on AWS would come to it. */
const code = `
  const pg = require(${JSON.stringify(require.resolve('pg'))});
  const { SecretsManager } = require(${JSON.stringify(require.resolve('@aws-sdk/client-secrets-manager'))});
  const { HOST: host, PORT: port, SECRET: SecretId, SSL } = process.env;
  exports.handler = async ({ statements, dies = false, login = {} }) => {
    const { SecretString } = await new SecretsManager().getSecretValue({ SecretId });
    const { username: user, password } = JSON.parse(SecretString);
    const ssl = SSL !== 'off';
    const client = new pg.Client({ host, port: Number(port), user, password, database: 'd', ssl, ...login });
    await client.connect();
    const answers = [];
    for (const [text, values] of statements) {
      const { rows } = await client.query(text, values).catch(({ code }) => ({ rows: code }));
      answers.push(rows);
    }
    if (dies) process.kill(process.pid, 'SIGKILL');
    await client.end();
    return answers;
  };`;

const certificates = { NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem' };
const attribute = (...path: string[]): object => ({ 'Fn::GetAtt': path });
const instance = (name: string): object => ({
  Type: 'AWS::RDS::DBInstance',
  Properties: { Engine: 'postgres', DBName: 'd', DBInstanceIdentifier: name },
});
const theirs = 'theirs.abc.eu-central-1.rds.amazonaws.com';
const secret = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:theirs-AbCdEf';

const resources = {
  Server: instance('Server'),
  Secret: {
    Type: 'AWS::SecretsManager::Secret',
    Properties: {
      GenerateSecretString: {
        SecretStringTemplate: '{"username":"owner"}',
        GenerateStringKey: 'password',
      },
    },
  },
  Attachment: {
    Type: 'AWS::SecretsManager::SecretTargetAttachment',
    Properties: { TargetId: { Ref: 'Server' }, SecretId: { Ref: 'Secret' } },
  },
  Proxy: { Type: 'AWS::RDS::DBProxy', Properties: { DBProxyName: 'proxy' } },
  Targets: {
    Type: 'AWS::RDS::DBProxyTargetGroup',
    Properties: { DBProxyName: { Ref: 'Proxy' }, DBInstanceIdentifiers: [{ Ref: 'Server' }] },
  },
  Aurora: {
    Type: 'AWS::RDS::DBCluster',
    Properties: { ManageMasterUserPassword: true, MasterUsername: 'aurora', Port: 5433 },
  },
  Writer: {
    Type: 'AWS::RDS::DBInstance',
    Properties: { DBClusterIdentifier: { Ref: 'Aurora' } },
  },
};

const server = {
  HOST: attribute('Server', 'Endpoint.Address'),
  PORT: attribute('Server', 'Endpoint.Port'),
  SECRET: { Ref: 'Attachment' },
};
const environments: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  Server: { ...server, ...certificates },
  Proxied: { ...server, ...certificates, HOST: attribute('Proxy', 'Endpoint') },
  Aurora: {
    ...certificates,
    HOST: attribute('Aurora', 'Endpoint.Address'),
    PORT: attribute('Aurora', 'Endpoint.Port'),
    SECRET: attribute('Aurora', 'MasterUserSecret.SecretArn'),
  },
  Writer: {
    ...certificates,
    HOST: attribute('Writer', 'Endpoint.Address'),
    PORT: attribute('Aurora', 'Endpoint.Port'),
    SECRET: attribute('Aurora', 'MasterUserSecret.SecretArn'),
  },
  Theirs: { ...certificates, HOST: theirs, PORT: '5432', SECRET: secret },
  Named: { ...certificates, HOST: 'db.example.internal', PORT: '6432', SECRET: secret },
  Plain: { ...server, SSL: 'off' },
  Distrustful: server,
};

describe('a function that connects to its database', () => {
  let assembly: Assembly;
  let rehearsal: Rehearsal;
  let client: LambdaClient;
  let secrets: SecretsManagerClient;

  const invoke = async (name: string, ...statements: (readonly [string, unknown[]?])[]) =>
    call(name, { statements });
  const call = async (FunctionName: string, event: object): Promise<unknown> => {
    const { Payload } = await client.send(
      new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }),
    );
    return JSON.parse(Buffer.from(Payload ?? []).toString()) as unknown;
  };

  beforeAll(async () => {
    assembly = writeAssembly({
      functions: Object.fromEntries(
        Object.entries(environments).map(([name, environment]) => [
          `${name}Function`,
          { code, environment },
        ]),
      ),
      resources,
    });
    rehearsal = await Rehearsal.start({
      assembly: assembly.folder,
      databaseHosts: ['db.example.internal'],
      mostInstances: 2,
    });
    client = new LambdaClient({ ...clientConfig, endpoint: rehearsal.endpoint });
    const { AWS_ENDPOINT_URL_SECRETS_MANAGER: endpoint = '' } = rehearsal.environment;
    secrets = new SecretsManagerClient({ ...clientConfig, endpoint });
  });
  afterAll(async () => {
    client.destroy();
    secrets.destroy();
    await rehearsal.close();
    assembly.remove();
  });

  it.each(['Server', 'Proxied', 'Aurora', 'Writer', 'Theirs', 'Named'])(
    'finds it by its host, with its secret, and trusts its certificate: %s',
    async (name) => {
      const answers = await invoke(
        `${name}Function`,
        ['SELECT $1::int + 1 AS sum, $2::text[] AS list', [1, ['a', 'b']]],
        ['SELECT 1 / 0'],
        ['SELEKT $1', [1]],
        ['SELECT current_setting($1) AS zone', ['TimeZone']],
      );
      expect(answers).toEqual([
        [{ sum: 2, list: ['a', 'b'] }],
        '22012',
        '42601',
        [{ zone: expect.any(String) as string }],
      ]);
    },
  );

  it('shares it with those that come by another way', async () => {
    await invoke(
      'ServerFunction',
      ['CREATE TABLE shared (i integer)'],
      ['INSERT INTO shared VALUES (7)'],
    );
    const count = ['SELECT count(*)::int AS rows FROM shared'] as const;
    expect(await invoke('ProxiedFunction', count)).toEqual([[{ rows: 1 }]]);
    expect(await invoke('TheirsFunction', count)).toEqual(['42P01']);
    await invoke('AuroraFunction', ['CREATE TABLE of_aurora (i integer)']);
    expect(await invoke('WriterFunction', ['SELECT * FROM of_aurora'])).toEqual([[]]);
  });

  it('commits its transactions, and loses them with its process', async () => {
    const begin: [string][] = [['BEGIN'], ['INSERT INTO kept VALUES (1)']];
    await invoke('ServerFunction', ['CREATE TABLE kept (i integer)'], ...begin, ['COMMIT']);
    expect(await call('ServerFunction', { statements: begin, dies: true })).toMatchObject({
      errorType: 'Runtime.ExitError',
    });
    expect(await invoke('ServerFunction', ['SELECT count(*)::int AS rows FROM kept'])).toEqual([
      [{ rows: 1 }],
    ]);
  });

  it('takes turns with others, a transaction at a time', async () => {
    await invoke(
      'ServerFunction',
      ['CREATE TABLE turns (i integer)'],
      ['INSERT INTO turns VALUES (0)'],
    );
    const add: [string][] = [
      ['BEGIN'],
      ['SELECT i FROM turns FOR UPDATE'],
      ['UPDATE turns SET i = i + 1'],
      ['COMMIT'],
    ];
    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        invoke(index % 2 === 0 ? 'ServerFunction' : 'ProxiedFunction', ...add),
      ),
    );
    expect(await invoke('ServerFunction', ['SELECT i FROM turns'])).toEqual([[{ i: 10 }]]);
  });

  it.each([
    ['PlainFunction', {}, /^no pg_hba\.conf entry for .*, no encryption$/],
    ['DistrustfulFunction', {}, /self-signed certificate/],
    [
      'ServerFunction',
      { password: 'guessed' },
      /^password authentication failed for user "owner"$/,
    ],
    ['ServerFunction', { host: 'nobody.rds.amazonaws.com.invalid' }, /ENOTFOUND|EAI_AGAIN/],
  ])('is refused as by RDS: %s with %j', async (name, login, message) => {
    expect(await call(name, { statements: [], login })).toMatchObject({
      errorMessage: expect.stringMatching(message) as string,
    });
  });

  it('may come with a token of IAM’s', async () => {
    const password = 'host:5432/?Action=connect&DBUser=owner&X-Amz-Signature=x';
    expect(
      await call('ServerFunction', { statements: [['SELECT 1 AS one']], login: { password } }),
    ).toEqual([[{ one: 1 }]]);
  });

  it('reads secrets as RDS writes them', async () => {
    const text = async (SecretId: string): Promise<unknown> => {
      const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId }));
      return JSON.parse(SecretString ?? '');
    };
    const { databaseServers } = rehearsal;
    const password = databaseServers[0]?.password;
    expect(await text('Secret')).toEqual({
      username: 'owner',
      password,
      engine: 'postgres',
      host: 'server.rehearsal.us-east-1.rds.amazonaws.com',
      port: 5432,
      dbname: 'd',
    });
    expect(await text('rds!cluster-Aurora')).toEqual({ username: 'aurora', password });
    expect(await text(secret)).toEqual({ username: 'postgres', password });
    const none = { SecretId: 'none' };
    await expect(secrets.send(new GetSecretValueCommand(none))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
    await expect(secrets.send(new ListSecretsCommand({}))).rejects.toMatchObject({
      name: 'UnknownOperationException',
    });
  });

  it('is not the only one to come there', async () => {
    const server = rehearsal.databaseServers.find(({ name }) => name === theirs);
    const own = new pg.Client({ ...server, options: '-c search_path=other' });
    await own.connect();
    const { rows } = await own.query('SHOW search_path');
    expect(rows).toEqual([{ search_path: 'other' }]);
    await own.end();
  });
});

describeOnPostgres('a function that connects to a database of a server', () => {
  let database: TestDatabase;
  let assembly: Assembly;
  let rehearsal: Rehearsal;
  beforeAll(async () => {
    database = await createDatabase();
    assembly = writeAssembly({
      functions: { Theirs: { code, environment: environments.Theirs ?? {} } },
    });
    rehearsal = await Rehearsal.start({ assembly: assembly.folder, database: database.url });
  });
  afterAll(async () => {
    await rehearsal.close();
    assembly.remove();
    await database.drop();
  });

  it('has sessions of its own, side by side', async () => {
    const [server] = rehearsal.databaseServers;
    const [one, other] = [
      new pg.Client(server),
      new pg.Client({ ...server, options: '-c search_path=other' }),
    ];
    await Promise.all([one.connect(), other.connect()]);
    await one.query('BEGIN');
    await one.query('CREATE TABLE unseen (i integer)');
    expect((await other.query("SELECT to_regclass('public.unseen') AS found")).rows).toEqual([
      { found: null },
    ]);
    expect((await other.query('SHOW search_path')).rows).toEqual([{ search_path: 'other' }]);
    await one.query('ROLLBACK');
    await Promise.all([one.end(), other.end()]);
  });
});
