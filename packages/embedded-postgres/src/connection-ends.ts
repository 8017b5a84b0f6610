import { Duplex } from 'node:stream';

/** One end of a connection within the process. Node has pairs of them from 22.6 on. */
class ConnectionEnd extends Duplex {
  peer: ConnectionEnd | undefined;

  override _read(): void {
    // Bytes are pushed when they are written.
  }

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    // Read later, as from a socket.
    setImmediate(() => {
      if (this.peer?.destroyed === false) this.peer.push(bytes);
      done();
    });
  }

  override _final(done: () => void): void {
    this.peer?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // The other may still read what was written up to the end.
    if (!this.writableFinished) this.peer?.destroy();
    done(error);
  }
}

export function connectionEnds(): readonly [Duplex, Duplex] {
  const [client, server] = [new ConnectionEnd(), new ConnectionEnd()];
  client.peer = server;
  server.peer = client;
  return [client, server];
}
