import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { openPostgres } from '../src/postgres.js';
import {
  createDatabase,
  hasPostgres,
  type TestDatabase,
} from '../../../testing/postgres/databases.js';
import { hasOpenssl, makeCertificates, relay } from '../../../testing/postgres/tls.js';

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
