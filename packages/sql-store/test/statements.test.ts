import { InProcessOrchestrator } from '@stepcompute/core';
import { openPostgres } from '../src/postgres.js';
import { typeOrmStores } from '../src/typeorm-stores.js';
import {
  createDatabase,
  describeOnPostgres,
  type TestDatabase,
} from '../../../testing/postgres/databases.js';
import { Relay } from '../../../testing/postgres/relay.js';

interface Sent {
  /** The names of the settings that connections began with. */
  readonly settings: Set<string>;
  readonly statements: Set<string>;
  /** The names of prepared statements and of portals; '' is the one of the moment. */
  readonly names: Set<string>;
}

/** Reads what a connection sends. Source: PostgreSQL 18, "54.7. Message Formats". */
function readerInto({ settings, statements, names }: Sent): (data: Buffer) => void {
  let left = Buffer.alloc(0);
  let hasBegun = false;
  const read = (kind: string, texts: readonly string[]): void => {
    const [first = '', second = ''] = texts;
    if (kind === '') {
      for (let index = 0; texts[index]; index += 2) settings.add(texts[index]!);
    } else if (kind === 'Q') {
      statements.add(first);
    } else if (kind === 'P') {
      names.add(first);
      statements.add(second);
    } else if (kind === 'B') {
      names.add(first).add(second);
    }
  };
  return (data) => {
    left = Buffer.concat([left, data]);
    for (;;) {
      // The first message alone has no letter for its kind, and a protocol's version before its texts.
      const [letters, version] = hasBegun ? [1, 0] : [0, 4];
      if (left.length < letters + 4) return;
      const end = letters + left.readInt32BE(letters);
      if (left.length < end) return;
      const kind = left.toString('latin1', 0, letters);
      read(kind, left.toString('utf8', letters + 4 + version, end).split('\0'));
      left = left.subarray(end);
      hasBegun = true;
    }
  };
}

/**
 * Statements that tie a session to one client. Source: Amazon RDS User Guide, "Avoiding pinning an RDS Proxy", November
 * 2026; locks that end with their transaction, `pg_advisory_xact_lock`, do not.
 */
const pinning =
  /^\s*(SET|RESET|PREPARE|EXECUTE|DEALLOCATE|DISCARD|DECLARE|LISTEN|LOAD|CREATE\s+TEMP)|\b(set_config|(next|set|curr|last)val|pg_(try_)?advisory_lock)/i;
const longestUnpinned = 16 * 1024;

function pinningAmong(statements: Iterable<string>): string[] {
  return [...statements].filter(
    (text) => pinning.test(text) || Buffer.byteLength(text) > longestUnpinned,
  );
}

it('tells the statements that tie a session to its client', () => {
  const ties = [
    'SET search_path = sim',
    ' set local lock_timeout = 1',
    `SELECT set_config('search_path', 'sim', false)`,
    'PREPARE one AS SELECT 1',
    'CREATE TEMPORARY TABLE mine ()',
    'LISTEN news',
    'SELECT pg_advisory_lock(1)',
    `SELECT nextval('ids')`,
    'x'.repeat(longestUnpinned + 1),
  ];
  const others = ['UPDATE run SET status = 1', 'SELECT pg_advisory_xact_lock(1)', 'COMMIT'];
  expect(pinningAmong([...ties, ...others])).toEqual(ties);
});

describeOnPostgres('what is sent to a server', () => {
  let database: TestDatabase;
  let relay: Relay;
  let url: string;
  let sent: Sent;
  beforeEach(async () => {
    database = await createDatabase();
    sent = { settings: new Set(), statements: new Set(), names: new Set() };
    ({ relay, url } = await Relay.before(database, () => readerInto(sent)));
  });
  afterEach(async () => {
    relay.close();
    await database.drop();
  });

  it('ties no session to its client, but for the transaction of a migration', async () => {
    await (await openPostgres({ url })).destroy();
    expect(pinningAmong(sent.statements)).toEqual([
      `SELECT set_config('search_path', quote_ident($1), true)`,
    ]);

    sent.statements.clear();
    const dataSource = await openPostgres({ url });
    const stores = typeOrmStores(dataSource);
    const orchestrator = new InProcessOrchestrator({
      generator: {
        parameters: { text: '' },
        measures: Array.from({ length: 64 }, (_, place) => `measure${place}`),
        generate: ({ iterationId }) => {
          if (iterationId === 3) throw new Error('no value');
          return Object.fromEntries(
            Array.from({ length: 64 }, (_, place) => [`measure${place}`, iterationId / 7]),
          );
        },
      },
      stores,
    });
    const { run } = await orchestrator.run({
      repetitions: 5000,
      seed: 42,
      tolerance: 1,
      parameters: { text: 'x'.repeat(16_000) },
      idempotencyKey: 'key',
    });
    await orchestrator.resume(run.id, { repetitions: 5100 });
    await stores.runs.list({ limit: 10 });
    await dataSource.destroy();

    expect(pinningAmong(sent.statements)).toEqual([]);
    expect(sent.statements.size).toBeGreaterThan(15);
    expect([...sent.names]).toEqual(['']);
    // Those that PgBouncer takes: it keeps track of them.
    expect([...sent.settings].sort()).toEqual([
      'application_name',
      'client_encoding',
      'database',
      'user',
    ]);
  });
});
