import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import pg from 'pg';

/** A relay before a test database, which can fall silent or be out of reach. */
export class Relay {
  /** True: it takes what it is sent, and passes nothing on. */
  isSilent = false;
  #isCut = false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #database: pg.Client;

  /** @param url of the database */
  constructor(url: string) {
    this.#database = new pg.Client({ connectionString: url });
    this.#server = createServer((near) => {
      const far = this.#connect();
      near.on('data', (data) => this.isSilent || far.write(data));
      far.on('data', (data) => this.isSilent || near.write(data));
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
      }
      if (this.#isCut) near.destroy();
    });
  }

  /** @returns the URL of the database by way of the relay */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = this.#server.address() as AddressInfo;
    return `postgres://${this.#database.user}@127.0.0.1:${port}/${this.#database.database}`;
  }

  /** Breaks all connections, and each new one. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #connect(): Socket {
    const { host, port } = this.#database;
    return host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
  }
}
