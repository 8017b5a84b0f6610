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
  const array = new BinaryArray(type, items.length);
  for (const item of items) array.add(elementOf(item));
  return array.bytes;
}

/** The elements of arrays of equal length, one after the other. */
export function binaryArrayOfAll<T>(
  type: ElementType,
  items: readonly T[],
  length: number,
  elementsOf: (item: T) => readonly number[],
): Buffer {
  const array = new BinaryArray(type, items.length * length);
  for (const item of items) {
    const elements = elementsOf(item);
    for (let index = 0; index < length; index += 1) array.add(elements[index]!);
  }
  return array.bytes;
}

class BinaryArray {
  readonly bytes: Buffer;
  readonly #view: DataView;
  #offset = headerBytes;

  constructor(
    private readonly type: ElementType,
    length: number,
  ) {
    const bytes = new ArrayBuffer(headerBytes + length * (4 + type.bytes));
    this.bytes = Buffer.from(bytes);
    this.#view = new DataView(bytes);
    [dimensions, hasNulls, type.oid, length, firstSubscript].forEach((field, index) => {
      this.#view.setInt32(4 * index, field);
    });
  }

  add(element: number): void {
    this.#view.setInt32(this.#offset, this.type.bytes);
    this.type.write(this.#view, this.#offset + 4, element);
    this.#offset += 4 + this.type.bytes;
  }
}
