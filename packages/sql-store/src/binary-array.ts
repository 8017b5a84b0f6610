/**
 * PostgreSQL's binary form of a one-dimensional array without nulls, which needs no text and no parsing
 * on either side. Source: PostgreSQL's `array_recv`; all numbers are big-endian.
 */
export interface ElementType {
  readonly name: 'integer' | 'double precision';
  readonly oid: number;
  readonly bytes: number;
  readonly write: (view: DataView, offset: number, element: number) => void;
}

export const integers: ElementType = {
  name: 'integer',
  oid: 23,
  bytes: 4,
  write: (view, offset, element) => view.setInt32(offset, element),
};

export const doubles: ElementType = {
  name: 'double precision',
  oid: 701,
  bytes: 8,
  write: (view, offset, element) => view.setFloat64(offset, element),
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
  const bytes = new ArrayBuffer(headerBytes + items.length * stride);
  const view = new DataView(bytes);
  [dimensions, hasNulls, type.oid, items.length, firstSubscript].forEach((field, index) => {
    view.setInt32(4 * index, field);
  });
  let offset = headerBytes;
  for (const item of items) {
    view.setInt32(offset, type.bytes);
    type.write(view, offset + 4, elementOf(item));
    offset += stride;
  }
  return Buffer.from(bytes);
}
