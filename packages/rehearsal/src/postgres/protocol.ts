/** Messages of PostgreSQL's protocol, version 3, as a server reads and writes them. */

/** The requests that come before a start, by their codes. */
export const sslRequest = 80_877_103;
export const gssRequest = 80_877_104;
const protocolVersion = 196_608;

export interface Startup {
  readonly code: number;
  /** Empty but for a start. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Cuts a stream of bytes into messages, as far as these have arrived. */
export class MessageReader {
  #rest = Buffer.alloc(0);

  push(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
  }

  /** The first message, which alone has no type. */
  startup(): Startup | undefined {
    const message = this.#take(0);
    if (message === undefined) return undefined;
    const code = message.readInt32BE(4);
    const texts = code === protocolVersion ? message.toString('utf8', 8).split('\0') : [];
    const names = texts.filter((text, index) => index % 2 === 0 && text !== '');
    const entries = names.map((name, index) => [name, texts[2 * index + 1] ?? '']);
    return { code, parameters: Object.fromEntries(entries) as Record<string, string> };
  }

  /** The next message whole, its type first. */
  message(): Buffer | undefined {
    return this.#take(1);
  }

  #take(typeBytes: number): Buffer | undefined {
    if (this.#rest.length < typeBytes + 4) return undefined;
    const length = typeBytes + this.#rest.readInt32BE(typeBytes);
    if (this.#rest.length < length) return undefined;
    const message = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return message;
  }
}

/** A message's content up to its first zero byte. */
export function textOf(message: Buffer): string {
  return message.toString('utf8', 5, message.indexOf(0, 5));
}

export function encode(type: string, ...parts: readonly (string | number)[]): Buffer {
  const content = parts.map((part) => {
    if (typeof part === 'string') return Buffer.from(`${part}\0`);
    const integer = Buffer.alloc(4);
    integer.writeInt32BE(part);
    return integer;
  });
  const length = Buffer.alloc(4);
  length.writeInt32BE(4 + content.reduce((sum, { length: bytes }) => sum + bytes, 0));
  return Buffer.concat([Buffer.from(type), length, ...content]);
}

/** `ErrorResponse` for the end of a connection. */
export function fatal(code: string, message: string): Buffer {
  return encode('E', 'SFATAL', 'VFATAL', `C${code}`, `M${message}`, '');
}

/** `ReadyForQuery`, outside of a transaction. */
export const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
