import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createSecureContext, TLSSocket } from 'node:tls';

/** True where there is the program that makes certificates. */
export function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version']);
    return true;
  } catch {
    return false;
  }
}

/** An authority of our own, and a certificate of its for the host `localhost`. */
export function makeCertificates(folder: string): void {
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
export function relay(to: () => Socket, folder: string, encrypts: boolean): Server {
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
