import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, TLSSocket } from 'node:tls';
import pg from 'pg';
import { openPostgres } from '../src/postgres.js';
import {
  createDatabase,
  hasPostgres,
  type TestDatabase,
} from '../../../testing/postgres/databases.js';

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version']);
    return true;
  } catch {
    return false;
  }
}

/** An authority of our own, and a certificate of its for the host `localhost`. */
function makeCertificates(folder: string): void {
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-days',
    '2',
    '-subj',
    '/CN=An authority',
  );
  openssl(
    ...['req', '-x509', ...key, '-keyout', 'server.key', '-out', 'server.crt', '-days', '2'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
    ...['-CA', 'ca.crt', '-CAkey', 'ca.key'],
  );
}

/** A server that encrypts, or does not, in front of the test server's socket. */
function relay(to: () => Socket, folder: string, encrypts: boolean): Server {
  const secureContext = createSecureContext({
    key: readFileSync(join(folder, 'server.key')),
    cert: readFileSync(join(folder, 'server.crt')),
  });
  return createServer((client) => {
    client.on('error', () => undefined);
    client.once('data', (first) => {
      const server = to().on('error', () => client.destroy());
      client.once('close', () => server.destroy());
      const isRequest = first.length === 8 && first.readInt32BE(4) === 80_877_103;
      if (!isRequest) {
        server.write(first);
        client.pipe(server).pipe(client);
        return;
      }
      client.write(encrypts ? 'S' : 'N');
      if (!encrypts) return;
      const plain = new TLSSocket(client, { isServer: true, secureContext });
      plain.on('error', () => server.destroy());
      plain.pipe(server).pipe(plain);
    });
  });
}

const describeWithOpenssl = hasPostgres && hasOpenssl() ? describe : describe.skip;

describeWithOpenssl('with a server that encrypts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-tls-'));
  let database: TestDatabase;
  let server: Server;
  let plainServer: Server;
  let name = '';
  let user = '';
  beforeAll(async () => {
    makeCertificates(folder);
    database = await createDatabase();
    const client = new pg.Client({ connectionString: database.url });
    const { host, port } = client;
    name = client.database ?? '';
    user = client.user ?? '';
    const to = (): Socket =>
      host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
    server = relay(to, folder, true);
    plainServer = relay(to, folder, false);
    for (const each of [server, plainServer]) {
      await new Promise<void>((resolve) => {
        each.listen(0, '127.0.0.1', resolve);
      });
    }
  });
  afterAll(async () => {
    server.close();
    plainServer.close();
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  const urlOf = (parameters: string, host = 'localhost', to = server): string =>
    `postgres://${user}:pw@${host}:${(to.address() as AddressInfo).port}/${name}?${parameters}`;
  const root = `sslrootcert=${encodeURIComponent(join(folder, 'ca.crt'))}`;

  it.each([
    ['sslmode=require', 'localhost'],
    ['sslmode=no-verify', 'localhost'],
    [`sslmode=require&${root}`, '127.0.0.1'],
    [`sslmode=verify-ca&${root}`, '127.0.0.1'],
    [`sslmode=verify-full&${root}`, 'localhost'],
    ['sslmode=disable', 'localhost'],
    ['sslmode=prefer', 'localhost'],
    ['', 'localhost'],
  ])('connects by %s to %s', async (parameters, host) => {
    const dataSource = await openPostgres({ url: urlOf(parameters, host) });
    expect(await dataSource.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await dataSource.destroy();
  });

  it.each([
    ['sslmode=verify-full', 'localhost', 'sslrootcert'],
    ['sslmode=verify-ca', 'localhost', 'sslrootcert'],
    ['ssl=true', 'localhost', 'sslrootcert'],
    [`sslmode=verify-full&${root}`, '127.0.0.1', 'verify-ca'],
  ])('refuses by %s and %s, with a remedy in one line', async (parameters, host, remedy) => {
    const error: unknown = await openPostgres({ url: urlOf(parameters, host) }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ name: 'PersistenceError', retryable: false });
    const { message } = error as Error;
    expect(message).toContain(remedy);
    expect(message).not.toContain('\n');
  });

  it('does without where encryption is preferred, and the server has none', async () => {
    const url = urlOf('sslmode=prefer', 'localhost', plainServer);
    const dataSource = await openPostgres({ url });
    expect(await dataSource.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await dataSource.destroy();
  });

  it('says what would be right where the server does not encrypt', async () => {
    await expect(
      openPostgres({ url: urlOf('sslmode=require', 'localhost', plainServer) }),
    ).rejects.toMatchObject({
      name: 'PersistenceError',
      retryable: false,
      message: expect.stringContaining('sslmode=disable') as string,
    });
  });
});
