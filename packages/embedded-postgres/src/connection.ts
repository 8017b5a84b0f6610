import { Duplex } from 'node:stream';

/**
 * A connection for pg's `stream`, which it takes for a socket that it connects by itself: made when pg asks
 * for it, by whichever way leads to the database.
 */
export class Connection extends Duplex {
  #inner: Duplex | undefined;
  #continue: (() => void) | undefined;

  /** @param open makes the connection */
  constructor(private readonly open: () => Promise<Duplex>) {
    super({ allowHalfOpen: false });
  }

  /** For pg: a host and a port are of no account. */
  connect(): this {
    this.open().then(
      (inner) => this.#join(inner),
      (error: unknown) => this.destroy(error as Error),
    );
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this.#each('ref');
  }

  unref(): this {
    return this.#each('unref');
  }

  #each(name: 'ref' | 'unref'): this {
    (this.#inner as { ref?(): void; unref?(): void } | undefined)?.[name]?.();
    return this;
  }

  #join(inner: Duplex): void {
    if (this.destroyed) {
      inner.destroy();
      return;
    }
    this.#inner = inner;
    inner.on('data', (bytes) => {
      if (!this.push(bytes)) inner.pause();
    });
    inner.on('end', () => this.push(null));
    inner.on('drain', () => {
      this.#continue?.();
      this.#continue = undefined;
    });
    inner.on('error', (error) => this.destroy(error));
    inner.on('close', () => {
      if (!inner.readableEnded) this.destroy();
    });
    inner.resume();
    this.emit('connect');
  }

  override _read(): void {
    this.#inner?.resume();
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#inner === undefined) done(new Error('the connection is not open yet'));
    else if (this.#inner.write(bytes)) done();
    else this.#continue = done;
  }

  override _final(done: (error?: Error | null) => void): void {
    // Whoever ends it waits for its end.
    this.ref();
    this.#inner?.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#inner?.destroy();
    done(error);
  }
}
