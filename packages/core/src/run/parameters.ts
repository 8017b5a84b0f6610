import { looked } from '../errors/base.js';
import { InvalidInputError } from '../errors/invalid-input-error.js';
import { nameIn } from './text.js';

/** Anything that JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [name: string]: Json;
}

/** In bytes of UTF-8. A row of the Data API holds 64 KB. */
const longestText = 16_384;
const greatestDepth = 32;

/**
 * The JSON object that a run gives its simulation: part of the run's record, never of its random
 * numbers. Its canonical text has sorted names and no spaces, and is at most 16 KiB long.
 */
export const RunParameters = {
  none: Object.freeze({}) as JsonObject,
  /**
   * @param field the object, as its giver knows it
   * @returns the same as its canonical text says it, frozen throughout. A field that is undefined is left out
   * @throws InvalidInputError unless it is an object of JSON's types with names such as `strike_2`, at
   *   most 32 deep, whose text is well-formed and at most 16 KiB long
   */
  parse: (value: unknown, field = 'parameters'): JsonObject => {
    if (!isPlainObject(value)) throw new InvalidInputError(field, 'an object', value);
    for (const name of Object.keys(value)) nameIn('a parameter’s name')(name);
    const text = new CanonicalText(field).of(value);
    return frozen(JSON.parse(text) as JsonObject);
  },
  /** The canonical text: two are the same when their texts are. */
  text: (parameters: JsonObject): string => new CanonicalText('parameters').of(parameters),
  /** The parameters that a canonical text says, frozen throughout. */
  fromText: (text: string): JsonObject => frozen(JSON.parse(text) as JsonObject),
} as const;

/** Writes one value, and counts its bytes. */
class CanonicalText {
  #bytes = 0;

  constructor(private readonly field: string) {}

  of(value: unknown, path = '', depth = 0): string {
    const where = path === '' ? this.field : `${this.field}, at ${path},`;
    if (depth > greatestDepth) {
      throw new InvalidInputError(where, `at most ${greatestDepth} deep`, value);
    }
    if (Array.isArray(value)) {
      // By position: a hole is refused like any other undefined.
      const items = Array.from(value, (item: unknown, index) =>
        this.of(item, `${path}[${index}]`, depth + 1),
      );
      return this.#counted(`[${items.join(',')}]`, Math.max(2, items.length + 1));
    }
    if (isPlainObject(value)) {
      const fields = Object.keys(value)
        .filter((name) => value[name] !== undefined)
        .sort()
        .map((name) => {
          const inner = path === '' ? name : `${path}.${name}`;
          return `${this.#textOf(name, where)}:${this.of(value[name], inner, depth + 1)}`;
        });
      return this.#counted(`{${fields.join(',')}}`, Math.max(2, 2 * fields.length + 1));
    }
    if (typeof value === 'string') return this.#textOf(value, where);
    if (value === null || typeof value === 'boolean' || Number.isFinite(value)) {
      const text = JSON.stringify(value);
      return this.#counted(text, text.length);
    }
    throw new InvalidInputError(
      where,
      'a finite number, a text, true, false, null, or an array or object of these',
      value,
    );
  }

  #textOf(value: string, where: string): string {
    if (/\0|\p{Surrogate}/u.test(value)) {
      throw new InvalidInputError(where, 'well-formed text without NUL characters', value);
    }
    const text = JSON.stringify(value);
    return this.#counted(text, utf8Length(text));
  }

  /** @param bytes how many of the text were not counted yet */
  #counted(text: string, bytes: number): string {
    this.#bytes += bytes;
    if (this.#bytes > longestText) {
      throw new InvalidInputError(
        this.field,
        `at most ${longestText} bytes of JSON (put more into a file, and give its name)`,
        `more`,
      );
    }
    return text;
  }
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** True of what JSON would write as an object, of any realm; a Date or a Map is none. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  return looked(() => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const prototype: unknown = Object.getPrototypeOf(value);
    return prototype === null || Object.getPrototypeOf(prototype) === null;
  }, false);
}

/** Freezes what was just parsed, throughout. */
function frozen<T extends Json>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(frozen);
    Object.freeze(value);
  }
  return value;
}
