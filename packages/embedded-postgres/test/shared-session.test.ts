import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { connectionEnds } from '../src/connection-ends.js';
import { inMemory } from '../src/index.js';
import { encode, MessageReader, ready, sqlStateIn } from '../src/protocol.js';
import { SharedSession } from '../src/shared-session.js';

describe('a database in memory', () => {
  it('is one for all that its pools ask, and gone when it is closed', async () => {
    const database = await inMemory();
    const [pool, other] = [new pg.Pool(database.settings), new pg.Pool(database.settings)];
    await pool.query('CREATE TABLE numbers AS SELECT generate_series(1, 3) AS n');
    expect((await other.query('SELECT sum(n)::int AS sum FROM numbers')).rows).toEqual([
      { sum: 6 },
    ]);
    await pool.end();
    await other.end();
    await database.close();
    await database.close();
  });
});

describe('a client that holds a transaction without a word', () => {
  it('is hung up on, so that others go on', async () => {
    const pglite = await PGlite.create();
    const session = new SharedSession({
      pglite,
      idleInTransactionMs: 1,
      onBroken: () => undefined,
    });
    const connect = (): AsyncIterator<Buffer, undefined> & { write: (bytes: Buffer) => void } => {
      const [client, server] = connectionEnds();
      void session.serve(server, {}).catch(() => server.destroy());
      const bytes = client[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
      return { next: () => bytes.next(), write: (message) => client.write(message) };
    };
    const [idle, other] = [connect(), connect()];
    idle.write(encode('Q', 'BEGIN; CREATE TABLE numbers (n int)'));
    other.write(encode('Q', "SELECT to_regclass('numbers') AS found"));
    let said = '';
    for (;;) {
      const { value, done } = await idle.next();
      if (done === true) break;
      said += value.toString('latin1');
    }
    expect(said).toContain('25P03');
    const reader = new MessageReader();
    const types: string[] = [];
    // Its greeting, and the answer, are each followed by the word that it may go on.
    while (types.filter((type) => type === 'Z').length < 2) {
      const { value } = await other.next();
      reader.push(value ?? Buffer.alloc(0));
      for (let message = reader.message(); message !== undefined; message = reader.message()) {
        const type = message.toString('latin1', 0, 1);
        types.push(type);
        // One column, which is NULL: there is no such table.
        if (type === 'D') expect(message.readInt32BE(7)).toBe(-1);
      }
    }
    expect(types).toContain('D');
    await pglite.close();
  });
});

describe('a disk that is full', () => {
  /** A PGlite that has no space at its second statement; like the real one it answers nothing after that. */
  function fullDisk(): PGlite {
    let asked = 0;
    return {
      query: () => Promise.resolve({ rows: [{ version: '17' }] }),
      exec: () => Promise.resolve([]),
      execProtocolRaw: () => {
        asked += 1;
        if (asked > 2) return new Promise(() => undefined);
        const answer = asked === 1 ? encode('C', 'SELECT 1') : encode('E', 'SERROR', 'C53100', '');
        return Promise.resolve(Buffer.concat([answer, ready]));
      },
    } as unknown as PGlite;
  }

  it('is told to who meets it, and ends the session for all', async () => {
    const [client, server] = connectionEnds();
    const broken = new Promise<unknown>((resolve) => {
      const props = { pglite: fullDisk(), idleInTransactionMs: 60_000, onBroken: resolve };
      void new SharedSession(props).serve(server, {});
    });
    const states: (string | undefined)[] = [];
    // After its greeting, a statement that is answered and one that is not.
    for await (const bytes of client.iterator({ destroyOnReturn: false })) {
      states.push(sqlStateIn(bytes as Buffer));
      if (states.length === 3) break;
      client.write(encode('Q', 'SELECT 1'));
    }
    expect(states).toEqual([undefined, undefined, '53100']);
    expect(await broken).toMatchObject({ message: 'PostgreSQL’s error 53100' });
  });
});

describe('messages', () => {
  const messages = [encode('Q', 'SELECT 1'), encode('S'), encode('d', 'x'.repeat(1000)), ready];

  it.each([1, 2, 3, 5, 7, 100, 10_000])(
    'are the same, however they arrive: %d bytes at a time',
    (size) => {
      const bytes = Buffer.concat(messages);
      const reader = new MessageReader();
      const read: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) {
        reader.push(bytes.subarray(at, at + size));
        for (let message = reader.message(); message !== undefined; message = reader.message()) {
          read.push(message);
        }
      }
      expect(read.map(String)).toEqual(messages.map(String));
    },
  );

  it('tell the state of an error among them', () => {
    const error = encode('E', 'SERROR', 'VERROR', 'C53100', 'Mdisk full C99999', '');
    expect(sqlStateIn(Buffer.concat([encode('1'), error, ready]))).toBe('53100');
    expect(sqlStateIn(Buffer.concat([encode('D', 'C53100'), ready]))).toBeUndefined();
  });
});
