import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import pg from 'pg';
import type { TestDatabase } from './databases.js';

/** A relay on loopback before the test server, which can fall silent, or be cut. */
export class Relay {
  /** True: it takes what it is sent, and passes nothing on. */
  isSilent = false;
  #isCut = false;
  readonly #onSwallow: (() => void)[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** @param onSent is told what each connection sends, piece by piece */
  static async before(
    database: TestDatabase,
    onSent: () => (data: Buffer) => void = () => () => undefined,
  ): Promise<{ readonly relay: Relay; readonly url: string }> {
    const { host, port, user, password, database: name } = new pg.Client(database.url);
    const relay = new Relay(
      () => (host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)),
      onSent,
    );
    const login = [user ?? '', password ?? ''].map(encodeURIComponent).join(':');
    return { relay, url: `postgres://${login}@127.0.0.1:${await relay.#listen()}/${name}` };
  }

  private constructor(to: () => Socket, onSent: () => (data: Buffer) => void) {
    this.#server = createServer((near) => {
      const far = to();
      const tell = onSent();
      near.on('data', (data) => {
        if (this.isSilent) {
          this.#swallow();
          return;
        }
        tell(data);
        far.write(data);
      });
      far.on('data', (data) => (this.isSilent ? this.#swallow() : near.write(data)));
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

  async #listen(): Promise<number> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** Waits until it has taken something that it does not pass on. */
  swallowed(): Promise<void> {
    return new Promise((resolve) => {
      this.#onSwallow.push(resolve);
    });
  }

  #swallow(): void {
    for (const tell of this.#onSwallow.splice(0)) tell();
  }

  /** Breaks all connections, and each new one until it is mended. */
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
}
