/**
 * Statements answer with texts alone. A pool, and pg for all pools, may have parsers of their owner's for any
 * other type, and a session may be set to write numbers and times in another way: none of it is to make a
 * stored number look like another one.
 */

/** A double as the SQL text of its eight bytes, which {@link doubleOf} reads; null of null. */
export function doubleText(expression: string): string {
  return `encode(float8send(${expression}), 'hex')`;
}

export function doubleOf(text: string): number {
  return Buffer.from(text, 'hex').readDoubleBE();
}

/** A time as the SQL text of its milliseconds since 1970, which {@link timeOf} reads; null of null. */
export function timeText(expression: string): string {
  return `(extract(epoch FROM ${expression}) * 1000)::bigint::text`;
}

export function timeOf(text: string): Date {
  return new Date(Number(text));
}
