import { RandomStream, IterationId, Seed } from '@stepcompute/core';
import { times } from '../../../testing/exhaustive.js';
import { parseConnectionString } from '../src/server/connection-string.js';

/** The words about a URL that is refused; undefined of one that is not. */
function refusal(url: unknown): string | undefined {
  try {
    parseConnectionString(url);
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ name: 'InvalidInputError', field: 'database url' });
    return (error as Error).message;
  }
}

describe('a connection string', () => {
  it.each<[string, object]>([
    ['postgres://', {}],
    ['postgresql://host', { host: 'host' }],
    ['POSTGRES://u@host:5433/db', { user: 'u', host: 'host', port: '5433', dbname: 'db' }],
    ['postgres://u:p@host/db', { user: 'u', password: 'p', host: 'host', dbname: 'db' }],
    ['postgres://u:a:b@host', { user: 'u', password: 'a:b', host: 'host' }],
    [
      'postgres://u:p%40%2F%3A%23%3F%25%20%C3%A9@h/d',
      { user: 'u', password: 'p@/:#?% é', host: 'h', dbname: 'd' },
    ],
    ['postgres://ü:é漢@h/d%C3%A9', { user: 'ü', password: 'é漢', host: 'h', dbname: 'dé' }],
    ['postgres://u@[::1]:5432/d', { user: 'u', host: '::1', port: '5432', dbname: 'd' }],
    ['postgres://u@/d?host=/var/run', { user: 'u', dbname: 'd', host: '/var/run' }],
    ['postgres://u@localhost/d?host=/var/run', { user: 'u', dbname: 'd', host: '/var/run' }],
    ['postgres://u@%2Fvar%2Frun/d', { user: 'u', dbname: 'd', host: '/var/run' }],
    [
      'postgres:///d?user=u&password=p%26%3D&port=6&schema=sim&sslmode=require',
      {
        dbname: 'd',
        user: 'u',
        password: 'p&=',
        port: '6',
        schema: 'sim',
        sslmode: 'require',
      },
    ],
    [
      'postgres://h/d?options=-c%20statement_timeout=5s',
      { host: 'h', dbname: 'd', options: '-c statement_timeout=5s' },
    ],
  ])('%s is taken apart', (url, parts) => {
    expect(parseConnectionString(url)).toEqual(parts);
  });

  it.each<[unknown, string]>([
    ['mysql://u:Secret@h/d', 'postgres://user:password@host:port/database'],
    ['u:Secret@h/d', 'postgres://user:password@host:port/database'],
    [undefined, 'postgres://user:password@host:port/database'],
    [{ url: 'Secret' }, 'postgres://user:password@host:port/database'],
    ['postgres://u:Sec@ret@h/d', '@ as %40'],
    ['postgres://u:Sec/ret@h/d', '/ as %2F'],
    ['postgres://u:Sec?ret@h/d', '? as %3F'],
    ['postgres://u:Sec#ret@h/d', '# as %23'],
    ['postgres://u:Sec%ret@h/d', '% as %25'],
    ['postgres://u:50%off@h/d', '% as %25'],
    ['postgres://u:Sec ret@h/d', '  as %20'],
    ['postgres://u:Sec\nret@h/d', '  as %20'],
    ['postgres://u:%FFSecret@h/d', 'percent-encoded characters are UTF-8'],
    ['postgres://u:%00Secret@h/d', 'without NUL characters'],
    ['postgres://u:\ud800Secret@h/d', 'well-formed'],
    ['postgres://u:Secret/d', 'a port from 1 to 65535'],
    ['postgres://u@h:0/d', 'a port from 1 to 65535'],
    ['postgres://u@h:65536/d', 'a port from 1 to 65535'],
    ['postgres://u@h/d?port=Secret', 'a port from 1 to 65535'],
    ['postgres://u@h1,h2/d', 'one host'],
    ['postgres://u@h/d?Secret=1', 'parameters of these alone: host, port, dbname'],
    ['postgres://u@h/d?Secret', 'parameters of these alone'],
    ['postgres://u@h/d?toString=1', 'parameters of these alone'],
    ['postgres://u@[h/d', 'postgres://user:password@host:port/database'],
  ])('%j is refused with a remedy, and not repeated', (url, remedy) => {
    const message = refusal(url);
    expect(message).toContain(remedy);
    for (const piece of ['Secret', 'Sec', 'ret@', '50%']) expect(message).not.toContain(piece);
  });

  it('is parsed as it was meant or refused, whatever a password holds, and no piece of it is told', () => {
    const special = [
      '@',
      '/',
      ':',
      '#',
      '?',
      '%',
      ' ',
      '%4',
      '%40',
      '&',
      '=',
      'é',
      '漢',
      '🎲',
      '\\',
      '[',
      ']',
    ];
    const draws = new RandomStream(Seed.parse(7), IterationId.parse(0));
    for (let round = 0; round < times(2000, 100_000); round += 1) {
      const pieces = Array.from(
        { length: draws.integer(1, 4) },
        () => `Zq${draws.integer(10, 99)}x`,
      );
      const password = pieces
        .map((piece) => piece + (special[draws.integer(0, special.length - 1)] ?? ''))
        .join('');
      const encoded = `postgres://u:${encodeURIComponent(password)}@h:5432/d`;
      expect(parseConnectionString(encoded)).toMatchObject({ password, host: 'h', dbname: 'd' });
      const raw = `postgres://u:${password}@h:5432/d`;
      const message = refusal(raw);
      if (message === undefined) {
        const parts = parseConnectionString(raw);
        expect(parts).toEqual({
          user: 'u',
          password: decodeURIComponent(password),
          host: 'h',
          port: '5432',
          dbname: 'd',
        });
      } else {
        for (const piece of pieces) expect(message).not.toContain(piece);
      }
    }
  });
});
