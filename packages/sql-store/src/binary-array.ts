/**
 * PostgreSQL's binary form of a one-dimensional array without nulls, which needs no text and no parsing
 * on either side. Source: PostgreSQL's `array_recv`; all numbers are big-endian.
 */
interface ElementType {
  readonly oid: number;
  readonly bytes: number;
  readonly write: (buffer: Buffer, element: number, offset: number) => void;
}

/** `integer[]`. */
export const integers: ElementType = {
  oid: 23,
  bytes: 4,
  write: (buffer, element, offset) => buffer.writeInt32BE(element, offset),
};

/** `double precision[]`. */
export const doubles: ElementType = {
  oid: 701,
  bytes: 8,
  write: (buffer, element, offset) => buffer.writeDoubleBE(element, offset),
};

const dimensions = 1;
const hasNulls = 0;
const firstSubscript = 1;
const headerBytes = 20;

/** As a parameter this is binary to node-postgres and to PGlite. */
export function binaryArray<T>(
  type: ElementType,
  items: readonly T[],
  elementOf: (item: T) => number,
): Buffer {
  const stride = 4 + type.bytes;
  const buffer = Buffer.allocUnsafe(headerBytes + items.length * stride);
  [dimensions, hasNulls, type.oid, items.length, firstSubscript].forEach((field, index) => {
    buffer.writeInt32BE(field, 4 * index);
  });
  let offset = headerBytes;
  for (const item of items) {
    buffer.writeInt32BE(type.bytes, offset);
    type.write(buffer, elementOf(item), offset + 4);
    offset += stride;
  }
  return buffer;
}
