import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TLSSocket, createSecureContext, type SecureContext } from 'node:tls';
import type { Engine } from './engine.js';
import type { Certificate } from './certificate.js';
import {
  authenticated,
  encode,
  MessageReader,
  fatal,
  gssRequest,
  sslRequest,
  textOf,
  type Startup,
} from '@stepcompute/embedded-postgres/protocol';

export interface PostgresServerProps {
  readonly engine: Engine;
  readonly certificate: Certificate;
  /** The password of whichever user; a token of IAM's is taken, too. */
  readonly password: string;
  readonly host: string;
}

/** PostgreSQL as RDS has it at an endpoint: encrypted connections alone, and a password. */
export class PostgresServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #secureContext: SecureContext;

  constructor(private readonly props: PostgresServerProps) {
    const { key, certificate } = props.certificate;
    this.#secureContext = createSecureContext({ key, cert: certificate });
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      // Whoever hangs up says no more.
      socket.on('error', () => undefined);
      void this.#serve(socket).catch(() => socket.destroy());
    });
  }

  /** @returns the port */
  async listen(): Promise<number> {
    this.#server.listen({ host: this.props.host, port: 0 });
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #serve(socket: Socket): Promise<void> {
    const plain = new MessageReader();
    let startup = await startupFrom(socket, plain);
    while (startup?.code === gssRequest) {
      socket.write('N');
      startup = await startupFrom(socket, plain);
    }
    if (startup?.code !== sslRequest) {
      const { user = '', database = user } = startup?.parameters ?? {};
      const client = `host "127.0.0.1", user "${user}", database "${database}"`;
      // RDS has `rds.force_ssl` on since PostgreSQL 15.
      socket.end(fatal('28000', `no pg_hba.conf entry for ${client}, no encryption`));
      return;
    }
    socket.write('S');
    const secure = new TLSSocket(socket, { isServer: true, secureContext: this.#secureContext });
    secure.on('error', () => socket.destroy());
    const reader = new MessageReader();
    const started = await startupFrom(secure, reader);
    if (started === undefined) return;
    const { user = '' } = started.parameters;
    // AuthenticationCleartextPassword, within the encryption.
    secure.write(encode('R', 3));
    const answer = await messageFrom(secure, reader);
    const password = answer === undefined ? '' : textOf(answer);
    if (password !== this.props.password && !/[?&]Action=connect(?:&|$)/.test(password)) {
      secure.end(fatal('28P01', `password authentication failed for user "${user}"`));
      return;
    }
    secure.write(authenticated);
    await this.props.engine.serve(secure, started.parameters);
  }
}

async function startupFrom(socket: Socket, reader: MessageReader): Promise<Startup | undefined> {
  return next(socket, reader, () => reader.startup());
}

async function messageFrom(socket: Socket, reader: MessageReader): Promise<Buffer | undefined> {
  return next(socket, reader, () => reader.message());
}

/** @returns undefined when the connection ends before */
function next<T>(
  socket: Socket,
  reader: MessageReader,
  read: () => T | undefined,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    const settle = (value: T | undefined): void => {
      socket.off('data', gather).off('close', ended);
      socket.pause();
      resolve(value);
    };
    const gather = (bytes: Buffer): void => {
      reader.push(bytes);
      const value = read();
      if (value !== undefined) settle(value);
    };
    const ended = (): void => settle(undefined);
    socket.on('data', gather).once('close', ended);
    socket.resume();
  });
}
