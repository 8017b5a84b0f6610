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
  /** As they came: put together when a message is whole, so that a long one is copied once. */
  #pieces: Buffer[] = [];
  #bytes = 0;

  push(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.#bytes += bytes.length;
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
    if (this.#bytes < typeBytes + 4) return undefined;
    const [first = Buffer.alloc(0)] = this.#pieces;
    const head = first.length < typeBytes + 4 ? this.#whole() : first;
    const length = typeBytes + head.readInt32BE(typeBytes);
    if (this.#bytes < length) return undefined;
    const all = head.length < length ? this.#whole() : head;
    const rest = all.subarray(length);
    this.#pieces.shift();
    if (rest.length > 0) this.#pieces.unshift(rest);
    this.#bytes -= length;
    return all.subarray(0, length);
  }

  #whole(): Buffer {
    const whole = Buffer.concat(this.#pieces);
    this.#pieces = [whole];
    return whole;
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

/** `AuthenticationOk`. */
export const authenticated = encode('R', 0);

/** `ReadyForQuery`, outside of a transaction. */
export const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

/** The rest of a start, after {@link authenticated}: the settings that a server tells of, and drivers read. */
export function greeting(statuses: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat([
    ...Object.entries(statuses).map(([name, value]) => encode('S', name, value)),
    // A key to cancel statements with, which nobody can here.
    encode('K', 0, 0),
    ready,
  ]);
}

/** Parameters of a start that say who connects, and set nothing. */
const unset = ['user', 'database', 'options', 'client_encoding', 'application_name', 'replication'];

/** The settings that a client begins with: parameters of its start, and those among its `options`. */
export function settingsOf({
  options = '',
  ...parameters
}: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  const further = [...options.matchAll(/(?:-c\s*|--)([\w.]+)=((?:\\.|\S)*)/g)].map(
    ([, name = '', value = '']) => [name, value.replace(/\\(.)/g, '$1')] as const,
  );
  return [...Object.entries(parameters).filter(([name]) => !unset.includes(name)), ...further];
}

/** The SQLSTATE of the first error in an answer. */
export function sqlStateIn(answer: Buffer): string | undefined {
  for (let at = 0; at < answer.length; at += 1 + answer.readInt32BE(at + 1)) {
    if (answer[at] !== 0x45) continue;
    const end = at + 1 + answer.readInt32BE(at + 1);
    return /(?:^|\0)C([^\0]{5})\0/.exec(answer.toString('latin1', at + 5, end))?.[1];
  }
  return undefined;
}
