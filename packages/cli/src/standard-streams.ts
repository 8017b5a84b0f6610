import { createReadStream, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { Writable, type Readable } from 'node:stream';
import { isatty, ReadStream, WriteStream } from 'node:tty';

/**
 * Gives this thread the process's standard streams as the main thread has them. Node's own for a thread go
 * through the main thread, are no terminal, and tell of no error.
 */
export function openStandardStreams(): void {
  const stdout = openOutput(1);
  const stderr = openOutput(2);
  let stdin: Readable | undefined;
  Object.defineProperties(process, {
    stdout: { value: stdout },
    stderr: { value: stderr },
    // Opened by who reads it: that alone takes something from it.
    stdin: { get: () => (stdin ??= openInput(0)) },
  });
}

function openOutput(fd: number): Writable {
  const stream = isatty(fd)
    ? new WriteStream(fd)
    : (openPipe(fd, { readable: false, writable: true }) ?? new FileOutput(fd));
  // Each write hears of its error; and where nobody reads the notes, none are missed.
  return stream.on('error', () => undefined);
}

function openInput(fd: number): Readable {
  if (isatty(fd)) return new ReadStream(fd);
  return (
    openPipe(fd, { readable: true, writable: false }) ??
    createReadStream('', { fd, autoClose: false })
  );
}

/**
 * Undefined where it is no pipe or socket. `fstatSync` would tell too, but after one of a pipe Node's
 * `realpathSync` takes the next link for a file, and loads modules twice (seen on Node 20).
 */
function openPipe(
  fd: number,
  direction: { readonly readable: boolean; readonly writable: boolean },
): Socket | undefined {
  try {
    return new Socket({ fd, ...direction });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_INVALID_FD_TYPE') return undefined;
    throw error;
  }
}

/** A file, written to at once and as a whole. */
class FileOutput extends Writable {
  constructor(readonly fd: number) {
    super({ decodeStrings: true });
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    try {
      writeWhole(this.fd, chunk);
      done();
    } catch (error) {
      done(error as Error);
    }
  }
}

/** Writes all of it, or throws. Node's own takes a write that a full disk has cut short for a whole one. */
export function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written);
}
