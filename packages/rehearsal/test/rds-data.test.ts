import type { AddressInfo } from 'node:net';
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
import {
  createDatabase,
  describeOnPostgres,
  type TestDatabase,
} from '../../../testing/postgres/databases.js';
import { Faults } from '../src/faults.js';
import { createServer } from '../src/http-server.js';
import { Meter } from '../src/meter.js';
import { openEngine, type Engine } from '../src/postgres/engine.js';
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
const meter = new Meter();
/** Of each call, whether it was to end a transaction. */
const faultsAsked: boolean[] = [];

async function start(location: string, statementTimeoutMs?: number): Promise<void> {
  engine = await openEngine(location, statementTimeoutMs);
  service = new RdsDataService({
    clusters: [{ resourceArn, secretArn, database: 'd', engine }],
    statementTimeoutMs,
    onCall: (call) => meter.countDataApiCall(call),
    nextFault: (endsTransaction) => {
      faultsAsked.push(endsTransaction);
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

/** The body of an answer, as it is on the wire. */
async function post(path: string, body: string): Promise<string> {
  const { port } = server.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}${path}`;
  const headers = { authorization: 'any' };
  return (await fetch(url, { method: 'POST', body, headers })).text();
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

  it('answers with arrays, enumerations and addresses', async () => {
    await execute("CREATE TYPE mood AS ENUM ('calm', 'a \"wild\", one')");
    const rows: [string, string, unknown][] = [
      ["'calm'::mood", 'mood', { stringValue: 'calm' }],
      ["'10.1.2.3/8'::inet", 'inet', { stringValue: '10.1.2.3/8' }],
      ["'10.0.0.0/8'::cidr", 'cidr', { stringValue: '10.0.0.0/8' }],
      ['ARRAY[1, 2]', '_int4', { arrayValue: { longValues: [1, 2] } }],
      ["'{}'::bigint[]", '_int8', { arrayValue: { longValues: [] } }],
      ['ARRAY[0.5::float8]', '_float8', { arrayValue: { doubleValues: [0.5] } }],
      ['ARRAY[true, false]', '_bool', { arrayValue: { booleanValues: [true, false] } }],
      [
        `ARRAY['a,b', 'c"d', '{e}', 'NULL', '']`,
        '_text',
        { arrayValue: { stringValues: ['a,b', 'c"d', '{e}', 'NULL', ''] } },
      ],
      ['ARRAY[1.50]', '_numeric', { arrayValue: { stringValues: ['1.50'] } }],
      ["ARRAY['2026-11-24'::date]", '_date', { arrayValue: { stringValues: ['2026-11-24'] } }],
      ["ARRAY['10.1.2.3'::inet]", '_inet', { arrayValue: { stringValues: ['10.1.2.3'] } }],
      [
        `'{"calm","a \\"wild\\", one"}'::mood[]`,
        '_mood',
        { arrayValue: { stringValues: ['calm', 'a "wild", one'] } },
      ],
    ];
    for (const [expression, typeName, field] of rows) {
      const { records, columnMetadata } = await execute(`SELECT ${expression}`, [], {
        includeResultMetadata: true,
      });
      expect([expression, records?.[0]?.[0]]).toEqual([expression, field]);
      expect(columnMetadata).toMatchObject([{ typeName }]);
    }
    await execute('DROP TYPE mood');
  });

  it('carries integers beyond 2^53 to the last digit, both ways', async () => {
    const sent = (value: string, more: object = {}) =>
      JSON.stringify({
        resourceArn,
        secretArn,
        sql: 'SELECT :1, ARRAY[:1]',
        parameters: [{ name: '1', value: { longValue: '@' } }],
        ...more,
      }).replace('"@"', value);
    for (const value of ['9223372036854775807', '-9223372036854775808', '9007199254740993']) {
      const [fields, formatted] = await Promise.all([
        post('/Execute', sent(value)),
        post('/Execute', sent(value, { formatRecordsAs: 'JSON' })),
      ]);
      expect(fields).toContain(
        `"records":[[{"longValue":${value}},{"arrayValue":{"longValues":[${value}]}}]]`,
      );
      expect(formatted).toContain(`[{\\"int8\\":${value},\\"array\\":[${value}]}]`);
    }
    expect(await post('/Execute', sent('9223372036854775808'))).toContain('is no longValue');
    const text = { resultSetOptions: { longReturnType: 'STRING' as const } };
    const { records } = await execute('SELECT 9007199254740993', [], text);
    expect(records).toEqual([[{ stringValue: '9007199254740993' }]]);
  });

  it('keeps the columns of one name apart in formatted records', async () => {
    const { formattedRecords, records } = await execute(
      "SELECT 1 AS a, 'x' AS a, NULL AS b, ARRAY['y'] AS c, true AS d",
      [],
      { formatRecordsAs: 'JSON' },
    );
    expect(formattedRecords).toBe('[{"a":1,"a":"x","b":null,"c":["y"],"d":true}]');
    expect(records).toBeUndefined();
    const nothing = await execute('SELECT 1 AS a WHERE false', [], { formatRecordsAs: 'JSON' });
    expect(nothing.formattedRecords).toBe('[]');
  });

  it('makes longs and doubles of decimals where that is asked for', async () => {
    const resultSetOptions = { decimalReturnType: 'DOUBLE_OR_LONG' as const };
    const { records } = await execute('SELECT 12::numeric, 12.0, 1e19::numeric', [], {
      resultSetOptions,
    });
    expect(records).toEqual([[{ longValue: 12 }, { doubleValue: 12 }, { doubleValue: 1e19 }]]);
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
    ).rejects.toMatchObject({ name: 'ValidationException' });
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
      await expect(execute(sql)).rejects.toMatchObject({ name: 'DatabaseErrorException' });
    },
  );

  it('runs one statement a call', async () => {
    await expect(execute('SELECT 1; SELECT 2')).rejects.toMatchObject({
      name: 'ValidationException',
      message: "Multistatements aren't supported",
    });
    expect(await single('SELECT 1;')).toEqual({ longValue: 1 });
  });

  it.each([
    [
      'an array',
      'SELECT :v',
      [named('v', { arrayValue: { longValues: [1] } })],
      'ValidationException',
    ],
    ['a missing parameter', 'SELECT :v', [], 'ValidationException'],
    [
      'a long that is none',
      'SELECT :v',
      [named('v', { longValue: 2 ** 63 })],
      'ValidationException',
    ],
    ['regclass', "SELECT 'pg_class'::regclass", [], 'UnsupportedResultException'],
    ['void', 'SELECT pg_advisory_xact_lock(1)', [], 'UnsupportedResultException'],
    ['interval', "SELECT '1 day'::interval", [], 'UnsupportedResultException'],
    ['a point', "SELECT '(1,2)'::point", [], 'UnsupportedResultException'],
    [
      'an array of what has no answer',
      "SELECT '{1 day}'::interval[]",
      [],
      'UnsupportedResultException',
    ],
    ['an array of blobs', "SELECT ARRAY['\\x01'::bytea]", [], 'UnsupportedResultException'],
    ['an array of arrays', 'SELECT ARRAY[[1], [2]]', [], 'UnsupportedResultException'],
    ['an array with a null', 'SELECT ARRAY[1, NULL]', [], 'UnsupportedResultException'],
    ['a fault in the SQL', 'SELEKT 1', [], 'DatabaseErrorException'],
    [
      'a large result',
      "SELECT repeat('x', 60000) FROM generate_series(1, 20)",
      [],
      'UnsupportedResultException',
    ],
    ['a large row', "SELECT repeat('x', 70000)", [], 'UnsupportedResultException'],
  ])('refuses %s', async (_, sql, parameters, name) => {
    await expect(execute(sql, parameters)).rejects.toMatchObject({ name });
    expect(await single('SELECT 1')).toEqual({ longValue: 1 });
  });

  it('refuses a request over 4 MiB', async () => {
    const value = named('v', { stringValue: 'x'.repeat(4 * 1_048_576) });
    await expect(execute('SELECT length(:v)', [value])).rejects.toMatchObject({
      name: 'RequestEntityTooLargeException',
    });
  });

  it.each([
    [{ resourceArn: `${resourceArn}x` }, 'HttpEndpointNotEnabledException'],
    [{ secretArn: `${secretArn}x` }, 'SecretsErrorException'],
    [{ database: 'other' }, 'DatabaseErrorException'],
    [{ schema: 'public' }, 'ValidationException'],
    [{ formatRecordsAs: 'XML' as never }, 'ValidationException'],
    [{ transactionId: 'unknown' }, 'TransactionNotFoundException'],
  ])('refuses %j', async (wrong, name) => {
    await expect(execute('SELECT 1', [], wrong)).rejects.toMatchObject({ name });
  });

  it('is billed by the 32 KB of a request and its answer', async () => {
    const billed = async (call: () => Promise<unknown>): Promise<number> => {
      meter.reset();
      await call();
      return meter.costs([], new Map()).dataApiRequests;
    };
    const text = named('text', { stringValue: 'x'.repeat(20_000) });
    expect(await billed(() => execute('SELECT 1'))).toBe(1);
    expect(await billed(() => execute('SELECT length(:text)', [text]))).toBe(1);
    expect(await billed(() => execute('SELECT :text', [text]))).toBe(2);
    expect(
      await billed(() => execute("SELECT repeat('x', 20000) FROM generate_series(1, 10)")),
    ).toBe(Math.ceil(200_000 / 32_768));
    const lost = async (): Promise<void> => {
      fault = 'droppedAnswer';
      await expect(execute('SELECT :text', [text])).rejects.toThrow();
    };
    expect(await billed(lost)).toBe(2);
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

    it('is not said to meet a cluster that resumes at its end', async () => {
      faultsAsked.length = 0;
      const transactionId = await begin();
      await execute('SELECT 1', [], { transactionId });
      await client.send(new RollbackTransactionCommand({ ...names, transactionId }));
      expect(faultsAsked).toEqual([false, false, true]);
      const faults = new Faults({ rate: 1 });
      const drawn = Array.from({ length: 100 }, () => faults.nextStatement(true));
      expect(new Set(drawn)).toEqual(
        new Set(['timeoutAfterCommit', 'droppedConnection', 'droppedAnswer']),
      );
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

    it('is rolled back by a commit after an error, which says so', async () => {
      const transactionId = await begin();
      await execute('INSERT INTO kept VALUES (4)', [], { transactionId });
      await expect(execute('SELECT 1 / 0', [], { transactionId })).rejects.toThrow();
      await expect(
        client.send(new CommitTransactionCommand({ ...names, transactionId })),
      ).rejects.toMatchObject({
        name: 'DatabaseErrorException',
        message: expect.stringMatching(/returned ROLLBACK.*SQLState: 25P02/) as string,
      });
      expect(await single('SELECT count(*) FROM kept WHERE i = 4')).toEqual({ longValue: 0 });
      await expect(execute('SELECT 1', [], { transactionId })).rejects.toMatchObject({
        name: 'TransactionNotFoundException',
      });
    });

    it('is committed once an error was undone to a savepoint', async () => {
      const transactionId = await begin();
      await execute('SAVEPOINT before', [], { transactionId });
      await expect(execute('SELECT 1 / 0', [], { transactionId })).rejects.toThrow();
      await execute('ROLLBACK TO SAVEPOINT before', [], { transactionId });
      const committed = await client.send(
        new CommitTransactionCommand({ ...names, transactionId }),
      );
      expect(committed.transactionStatus).toBe('Transaction Committed');
    });

    it('takes one call at a time', async () => {
      const transactions = new Transactions(engine);
      const id = await transactions.begin();
      let finish!: () => void;
      const first = transactions.use(id, () => new Promise<void>((resolve) => (finish = resolve)));
      await expect(transactions.use(id, () => Promise.resolve())).rejects.toMatchObject({
        name: 'DatabaseErrorException',
        message: 'Transaction is still running a query',
      });
      finish();
      await first;
      await transactions.end(id, 'ROLLBACK');
    });

    it('that is at work when all ends keeps nobody', async () => {
      const transactions = new Transactions(engine);
      const id = await transactions.begin();
      let finish!: () => void;
      const work = transactions.use(id, () => new Promise<void>((resolve) => (finish = resolve)));
      await transactions.close();
      expect(transactions.count).toBe(0);
      expect(await single('SELECT 1')).toEqual({ longValue: 1 });
      finish();
      await work;
    });

    it('expires when nobody uses it, and frees what it held', async () => {
      const transactions = new Transactions(engine, 1);
      // Nothing comes between: its idle time begins after the insert.
      const id = await transactions.begin();
      await transactions.use(id, (session) => session.query('INSERT INTO kept VALUES (3)', []));
      // On the embedded engine this waits for the one session, which the transaction has.
      while (transactions.count > 0) await single('SELECT 1');
      expect(await single('SELECT count(*) FROM kept WHERE i = 3')).toEqual({ longValue: 0 });
      await expect(transactions.use(id, () => Promise.resolve())).rejects.toMatchObject({
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
    expect((await batch([1, 2])).updateResults).toEqual([
      { generatedFields: [] },
      { generatedFields: [] },
    ]);
    await expect(batch([3, 1])).rejects.toMatchObject({
      message: expect.stringContaining('SQLState: 23505') as string,
    });
    expect(await single('SELECT count(*) FROM batched')).toEqual({ longValue: 2 });
    const many = Array.from({ length: 1_500 }, (_, index) => index + 3);
    expect((await batch(many)).updateResults).toHaveLength(1_500);
    expect((await batch([])).updateResults).toEqual([]);
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
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase();
    await start(database.url);
  });
  afterAll(async () => {
    await stop();
    await database.drop();
  });
  behaviour();

  describe('a statement that runs too long', () => {
    beforeAll(async () => {
      await stop();
      await start(database.url, 500);
    });
    const slowly = 'INSERT INTO slow SELECT i FROM (SELECT :i::int AS i, pg_sleep(1)) AS slept';
    const tried = (i: number, continueAfterTimeout: boolean) =>
      execute(slowly, [named('i', { longValue: i })], { continueAfterTimeout });
    const count = (i: number) => single(`SELECT count(*) FROM slow WHERE i = ${i}`);

    it('is stopped, unless it is to continue', async () => {
      await execute('CREATE TABLE slow (i integer)');
      const timedOut = { name: 'StatementTimeoutException' };
      await expect(tried(1, true)).rejects.toMatchObject(timedOut);
      await expect(tried(2, false)).rejects.toMatchObject(timedOut);
      while (JSON.stringify(await count(1)) !== '{"longValue":1}');
      expect(await count(2)).toEqual({ longValue: 0 });
      // The time-out of later calls is as it was.
      await expect(execute('SELECT pg_sleep(1)::text')).rejects.toMatchObject(timedOut);
    });
  });
});
