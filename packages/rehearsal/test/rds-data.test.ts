import {
  BatchExecuteStatementCommand,
  BeginTransactionCommand,
  CommitTransactionCommand,
  ExecuteStatementCommand,
  RDSDataClient,
  RollbackTransactionCommand,
  type ExecuteStatementCommandInput,
  type ExecuteStatementCommandOutput,
  type SqlParameter,
} from '@aws-sdk/client-rds-data';
import type { FastifyInstance } from 'fastify';
import { createDatabase, describeOnPostgres } from '../../../testing/postgres/databases.js';
import { createServer } from '../src/http-server.js';
import { openEngine, type Engine } from '../src/rds-data/engine.js';
import { Transactions } from '../src/rds-data/transactions.js';
import { RdsDataService, type StatementFault } from '../src/rds-data/rds-data-service.js';
import './service-models.js';

const resourceArn = 'arn:aws:rds:us-east-1:123456789012:cluster:c';
const secretArn = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:s';

let server: FastifyInstance;
let service: RdsDataService;
let engine: Engine;
let client: RDSDataClient;
let fault: StatementFault | undefined;

async function start(location: string): Promise<void> {
  engine = await openEngine(location);
  service = new RdsDataService({
    clusters: [{ resourceArn, secretArn, database: 'd', engine }],
    idleTransactionMs: 200,
    nextFault: () => {
      const next = fault;
      fault = undefined;
      return next;
    },
  });
  server = createServer();
  service.register(server);
  const endpoint = await server.listen({ host: '127.0.0.1', port: 0 });
  const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
  client = new RDSDataClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1 });
}

async function stop(): Promise<void> {
  client.destroy();
  await server.close();
  await service.close();
  await engine.close();
}

function execute(
  sql: string,
  parameters: SqlParameter[] = [],
  more: Partial<ExecuteStatementCommandInput> = {},
): Promise<ExecuteStatementCommandOutput> {
  return client.send(
    new ExecuteStatementCommand({
      resourceArn,
      secretArn,
      database: 'd',
      sql,
      parameters,
      ...more,
    }),
  );
}

async function single(sql: string, parameters: SqlParameter[] = []): Promise<unknown> {
  return (await execute(sql, parameters)).records?.[0]?.[0];
}

const named = (
  name: string,
  value: SqlParameter['value'],
  typeHint?: SqlParameter['typeHint'],
) => ({
  name,
  value,
  ...(typeHint && { typeHint }),
});

/** The behaviour that holds on the embedded engine and on a server. */
function behaviour(): void {
  it('answers with each type as the Data API does', async () => {
    const rows: [string, unknown][] = [
      ['1::smallint', { longValue: 1 }],
      ['9007199254740991::bigint', { longValue: 9007199254740991 }],
      ['true', { booleanValue: true }],
      ['false', { booleanValue: false }],
      ["'x'::text", { stringValue: 'x' }],
      ['1.50::numeric', { stringValue: '1.50' }],
      ["'\\x0102'::bytea", { blobValue: Uint8Array.of(1, 2) }],
      ["'2026-11-24 05:06:07.5+02'::timestamptz", { stringValue: '2026-11-24 03:06:07.5' }],
      ["'2026-11-24'::date", { stringValue: '2026-11-24' }],
      [`'{"a": 1}'::jsonb`, { stringValue: '{"a": 1}' }],
      ['NULL::text', { isNull: true }],
      ["'NaN'::float8", { doubleValue: NaN }],
    ];
    for (const [expression, field] of rows) {
      expect([expression, await single(`SELECT ${expression}`)]).toEqual([expression, field]);
    }
  });

  it('carries every double to the bit, both ways', async () => {
    for (const value of [0.1, -1 / 3, Math.PI, 5e-324, Number.MAX_VALUE, 1e21, -1e-7]) {
      expect(await single('SELECT :v', [named('v', { doubleValue: value })])).toEqual({
        doubleValue: value,
      });
    }
  });

  it('gives a parameter the type that it was sent with, unless the statement casts it', async () => {
    await execute('CREATE TABLE typed (i integer, j jsonb, u uuid)');
    await execute('INSERT INTO typed (i) VALUES (:i)', [named('i', { longValue: 5 })]);
    const text = named('v', { stringValue: '{}' });
    await expect(execute('INSERT INTO typed (j) VALUES (:v)', [text])).rejects.toMatchObject({
      name: 'DatabaseErrorException',
      message: expect.stringMatching(
        /is of type jsonb but expression is of type text.*SQLState: 42804/s,
      ) as string,
    });
    await expect(
      execute('INSERT INTO typed (i) VALUES (:v)', [named('v', { stringValue: '5' })]),
    ).rejects.toMatchObject({ name: 'DatabaseErrorException' });
    await execute('INSERT INTO typed (j) VALUES (:v::jsonb)', [text]);
    await execute('INSERT INTO typed (j) VALUES (:v)', [named('v', { stringValue: '{}' }, 'JSON')]);
    const uuid = '6f2c4b1e-9f5b-4b5e-8a39-0f6f7c1d2e3f';
    await execute('INSERT INTO typed (u) VALUES (:v)', [named('v', { stringValue: uuid }, 'UUID')]);
    await expect(
      execute('SELECT :v', [named('v', { stringValue: 'no uuid' }, 'UUID')]),
    ).rejects.toMatchObject({ name: 'BadRequestException' });
    await execute('INSERT INTO typed (i) VALUES (:v)', [named('v', { isNull: true })]);
    await execute('DROP TABLE typed');
  });

  it('counts what a statement changed, and answers with rows where it returns some', async () => {
    await execute('CREATE TABLE counted (i integer PRIMARY KEY)');
    const insert = 'INSERT INTO counted SELECT generate_series(1, 3) ON CONFLICT DO NOTHING';
    expect(await execute(insert)).toMatchObject({ numberOfRecordsUpdated: 3, generatedFields: [] });
    expect(await execute(insert)).toMatchObject({ numberOfRecordsUpdated: 0 });
    const returned = await execute('UPDATE counted SET i = i WHERE i < 3 RETURNING i', [], {
      includeResultMetadata: true,
    });
    expect(returned.records).toHaveLength(2);
    expect(returned.columnMetadata).toMatchObject([{ name: 'i', label: 'i', typeName: 'int4' }]);
    await execute('DROP TABLE counted');
  });

  it.each(['COPY t FROM STDIN', '/* all */ copy (SELECT 1)\nto /* me */ stdout'])(
    'refuses to wait for what nobody sends: %s',
    async (sql) => {
      await expect(execute(sql)).rejects.toMatchObject({ name: 'BadRequestException' });
    },
  );

  it('runs one statement a call', async () => {
    await expect(execute('SELECT 1; SELECT 2')).rejects.toMatchObject({
      name: 'BadRequestException',
    });
    expect(await single('SELECT 1;')).toEqual({ longValue: 1 });
  });

  it.each([
    [
      'an array',
      'SELECT :v',
      [named('v', { arrayValue: { longValues: [1] } })],
      'BadRequestException',
    ],
    ['a missing parameter', 'SELECT :v', [], 'BadRequestException'],
    ['regclass', "SELECT 'pg_class'::regclass", [], 'UnsupportedResultException'],
    ['void', 'SELECT pg_advisory_xact_lock(1)', [], 'UnsupportedResultException'],
    ['interval', "SELECT '1 day'::interval", [], 'UnsupportedResultException'],
    ['a fault in the SQL', 'SELEKT 1', [], 'DatabaseErrorException'],
    [
      'a large result',
      "SELECT repeat('x', 60000) FROM generate_series(1, 20)",
      [],
      'BadRequestException',
    ],
    ['a large row', "SELECT repeat('x', 70000)", [], 'BadRequestException'],
  ])('refuses %s', async (_, sql, parameters, name) => {
    await expect(execute(sql, parameters)).rejects.toMatchObject({ name });
    expect(await single('SELECT 1')).toEqual({ longValue: 1 });
  });

  it('refuses a request over 4 MiB', async () => {
    const value = named('v', { stringValue: 'x'.repeat(4 * 1_048_576) });
    await expect(execute('SELECT length(:v)', [value])).rejects.toMatchObject({
      name: 'BadRequestException',
    });
  });

  it.each([
    [{ resourceArn: `${resourceArn}x` }, 'BadRequestException'],
    [{ secretArn: `${secretArn}x` }, 'SecretsErrorException'],
    [{ database: 'other' }, 'DatabaseNotFoundException'],
    [{ schema: 'public' }, 'BadRequestException'],
    [{ transactionId: 'unknown' }, 'TransactionNotFoundException'],
  ])('refuses %j', async (wrong, name) => {
    await expect(execute('SELECT 1', [], wrong)).rejects.toMatchObject({ name });
  });

  describe('a transaction', () => {
    const names = { resourceArn, secretArn };
    const begin = async (): Promise<string> =>
      (await client.send(new BeginTransactionCommand({ ...names, database: 'd' }))).transactionId ??
      '';

    beforeAll(() => execute('CREATE TABLE kept (i integer)'));
    afterAll(() => execute('DROP TABLE kept'));

    it('keeps what it did when it is committed, and nothing when it is rolled back', async () => {
      const kept = await begin();
      await execute('INSERT INTO kept VALUES (1)', [], { transactionId: kept });
      await client.send(new CommitTransactionCommand({ ...names, transactionId: kept }));
      const undone = await begin();
      await execute('INSERT INTO kept VALUES (2)', [], { transactionId: undone });
      await client.send(new RollbackTransactionCommand({ ...names, transactionId: undone }));
      expect(await single('SELECT count(*) FROM kept')).toEqual({ longValue: 1 });
      expect(service.openTransactions).toBe(0);
      await expect(
        client.send(new CommitTransactionCommand({ ...names, transactionId: kept })),
      ).rejects.toMatchObject({ name: 'TransactionNotFoundException' });
    });

    it('is over for its statements once one of them has failed', async () => {
      const transactionId = await begin();
      await expect(execute('SELECT 1 / 0', [], { transactionId })).rejects.toMatchObject({
        message: expect.stringContaining('SQLState: 22012') as string,
      });
      await expect(execute('SELECT 1', [], { transactionId })).rejects.toMatchObject({
        message: expect.stringContaining('SQLState: 25P02') as string,
      });
      await client.send(new RollbackTransactionCommand({ ...names, transactionId }));
    });

    it('takes one call at a time', async () => {
      const transactions = new Transactions(engine);
      const id = await transactions.begin();
      let finish!: () => void;
      const first = transactions.use(id, () => new Promise<void>((resolve) => (finish = resolve)));
      await expect(transactions.use(id, () => Promise.resolve())).rejects.toMatchObject({
        name: 'BadRequestException',
      });
      finish();
      await first;
      await transactions.end(id, 'ROLLBACK');
    });

    it('expires when nobody uses it, and frees what it held', async () => {
      const transactionId = await begin();
      await execute('INSERT INTO kept VALUES (3)', [], { transactionId });
      // On the embedded engine this waits for the one session, which the transaction has.
      expect(await single('SELECT count(*) FROM kept WHERE i = 3')).toEqual({ longValue: 0 });
      while (service.openTransactions > 0) await single('SELECT 1');
      await expect(execute('SELECT 1', [], { transactionId })).rejects.toMatchObject({
        name: 'TransactionNotFoundException',
      });
    });
  });

  it('leaves nothing of one call’s session to the next', async () => {
    await execute("SET application_name = 'mine'");
    expect(await single('SHOW application_name')).not.toEqual({ stringValue: 'mine' });
    await execute('BEGIN');
    await execute('CREATE TABLE left_open (i integer)');
    await execute('DROP TABLE left_open');
  });

  it('runs a batch whole or not at all', async () => {
    await execute('CREATE TABLE batched (i integer PRIMARY KEY)');
    const batch = (values: number[]) =>
      client.send(
        new BatchExecuteStatementCommand({
          resourceArn,
          secretArn,
          sql: 'INSERT INTO batched VALUES (:i)',
          parameterSets: values.map((value) => [named('i', { longValue: value })]),
        }),
      );
    expect((await batch([1, 2])).updateResults).toHaveLength(2);
    await expect(batch([3, 1])).rejects.toMatchObject({
      message: expect.stringContaining('SQLState: 23505') as string,
    });
    expect(await single('SELECT count(*) FROM batched')).toEqual({ longValue: 2 });
    await execute('DROP TABLE batched');
  });

  it('meets each fault as AWS shows it, with the work done or not', async () => {
    await execute('CREATE TABLE faulty (name text)');
    const met = async (kind: StatementFault): Promise<string> => {
      fault = kind;
      const error = await execute('INSERT INTO faulty VALUES (:n)', [
        named('n', { stringValue: kind }),
      ]).catch((thrown: unknown) => thrown);
      return (error as Error).name;
    };
    expect(await met('resuming')).toBe('DatabaseResumingException');
    expect(await met('timeoutAfterCommit')).toBe('StatementTimeoutException');
    expect(await met('droppedConnection')).not.toMatch(/Exception/);
    expect(await met('droppedAnswer')).not.toMatch(/Exception/);
    const { records = [] } = await execute('SELECT name FROM faulty ORDER BY name');
    expect(records.map(([name]) => name)).toEqual([
      { stringValue: 'droppedAnswer' },
      { stringValue: 'timeoutAfterCommit' },
    ]);
    await execute('DROP TABLE faulty');
  });
}

describe('the Data API over an embedded engine', () => {
  beforeAll(() => start('memory'));
  afterAll(stop);
  behaviour();
});

describeOnPostgres('the Data API over a server', () => {
  let drop: () => Promise<void>;
  beforeAll(async () => {
    const database = await createDatabase();
    drop = database.drop;
    await start(database.url);
  });
  afterAll(async () => {
    await stop();
    await drop();
  });
  behaviour();
});
