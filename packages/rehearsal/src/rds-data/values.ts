import { parse } from 'postgres-array';
import { ServiceError } from '../service-error.js';

/** The members of a field that has a value. */
type Scalar =
  | { readonly longValue: bigint }
  | { readonly doubleValue: number | string }
  | { readonly stringValue: string }
  | { readonly booleanValue: boolean }
  | { readonly blobValue: string };

/** A field as it travels in the Data API's JSON. */
export type Field =
  Scalar | { readonly isNull: true } | { readonly arrayValue: Readonly<Record<string, unknown[]>> };

export interface Parameter {
  readonly name: string | undefined;
  readonly value: Readonly<Record<string, unknown>>;
  readonly typeHint: string | undefined;
}

/** A parameter as PostgreSQL gets it: its text, and the type that it is sent as. */
export interface TypedText {
  readonly text: string | null;
  /** Undefined for a null, which has whatever type its place has. */
  readonly type: string | undefined;
}

const hints: Readonly<Record<string, readonly [type: string, shape: RegExp]>> = {
  DATE: ['date', /^\d{4}-\d\d-\d\d$/],
  DECIMAL: ['numeric', /^-?\d+(\.\d+)?$/],
  JSON: ['json', /^[\s\S]*$/],
  TIME: ['time', /^\d\d:\d\d:\d\d(\.\d{1,6})?$/],
  TIMESTAMP: ['timestamp', /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?$/],
  UUID: ['uuid', /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i],
};

/** @throws ServiceError for what is no parameter */
export function parameterOf(given: unknown): Parameter {
  const { name, value, typeHint } = withoutNulls(given, 'parameter');
  for (const text of [name, typeHint]) {
    if (text !== undefined && typeof text !== 'string') throw malformed('parameter');
  }
  return {
    name: name as string | undefined,
    value: withoutNulls(value ?? {}, 'value'),
    typeHint: typeHint as string | undefined,
  };
}

/** @throws ServiceError for what is no list of parameters */
export function parameterSetOf(given: unknown): readonly Parameter[] {
  if (!Array.isArray(given)) throw malformed('parameter set');
  return given.map(parameterOf);
}

function withoutNulls(given: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw malformed(what);
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
}

function malformed(what: string): ServiceError {
  return new ServiceError('SerializationException', `the body has a ${what} that is none`);
}

const mostLong = 2n ** 63n;

/** @throws ServiceError when AWS takes no such parameter */
export function toTypedText({ name = '', value, typeHint }: Parameter): TypedText {
  const [kind, ...others] = Object.keys(value);
  if (kind === undefined || others.length > 0) {
    throw invalid(`Parameter "${name}" needs one value`);
  }
  const given = value[kind];
  switch (kind) {
    case 'isNull':
      return { text: null, type: undefined };
    case 'longValue':
      if (!Number.isInteger(given) && typeof given !== 'bigint') break;
      if (BigInt(given as number) >= mostLong || BigInt(given as number) < -mostLong) break;
      return { text: String(given), type: 'bigint' };
    case 'doubleValue':
      if (
        typeof given !== 'number' &&
        typeof given !== 'bigint' &&
        !['NaN', 'Infinity', '-Infinity'].includes(String(given))
      ) {
        break;
      }
      return { text: String(given), type: 'double precision' };
    case 'booleanValue':
      if (typeof given !== 'boolean') break;
      return { text: String(given), type: 'boolean' };
    case 'blobValue':
      if (typeof given !== 'string') break;
      return { text: `\\x${Buffer.from(given, 'base64').toString('hex')}`, type: 'bytea' };
    case 'stringValue':
      if (typeof given !== 'string') break;
      return { text: given, type: hintedType(name, given, typeHint) };
    case 'arrayValue':
      throw invalid('Array parameters are not supported.');
  }
  throw invalid(`Parameter "${name}" is no ${kind}`);
}

function hintedType(name: string, text: string, typeHint: string | undefined): string {
  if (typeHint === undefined) return 'text';
  const hint = Object.hasOwn(hints, typeHint) ? hints[typeHint] : undefined;
  if (hint === undefined) throw invalid(`Unknown type hint ${typeHint}`);
  const [type, shape] = hint;
  if (!shape.test(text)) {
    throw invalid(`Parameter "${name}" has the wrong format for its type hint ${typeHint}`);
  }
  return type;
}

/** A type's text as the Data API answers with it: a field, or as an item of an array, its one value. */
type Reading = (text: string) => Scalar;

/** A type of a result's column. */
export interface ColumnType {
  readonly name: string;
  readonly read: (text: string) => Field;
}

const asString: Reading = (text) => ({ stringValue: text });
const asLong: Reading = (text) => ({ longValue: BigInt(text) });
/** JSON has no NaN; the service writes it as text. */
const asDouble: Reading = (text) => ({
  doubleValue: Number.isFinite(Number(text)) ? Number(text) : text,
});
/** Without the offset, which is always that of UTC here. */
const asUtc: Reading = (text) => ({ stringValue: text.replace(/[+-]00(:00)?$/, '') });

/**
 * The types that the Data API answers with, by their object ids, and how; beside them enumerations and
 * one-dimensional arrays of these. Data API operations reference, Aurora User Guide, November 2026.
 */
const types: Readonly<Record<number, readonly [name: string, reading: Reading]>> = {
  16: ['bool', (text) => ({ booleanValue: text === 't' || text === 'true' })],
  17: ['bytea', (text) => ({ blobValue: Buffer.from(text.slice(2), 'hex').toString('base64') })],
  19: ['name', asString],
  20: ['int8', asLong],
  21: ['int2', asLong],
  23: ['int4', asLong],
  25: ['text', asString],
  114: ['json', asString],
  650: ['cidr', asString],
  700: ['float4', asDouble],
  701: ['float8', asDouble],
  869: ['inet', asString],
  1042: ['bpchar', asString],
  1043: ['varchar', asString],
  1082: ['date', asString],
  1083: ['time', asString],
  1114: ['timestamp', asString],
  1184: ['timestamptz', asUtc],
  1700: ['numeric', asString],
  2950: ['uuid', asString],
  3802: ['jsonb', asString],
};

/** A type as PostgreSQL's catalogue has it. */
export interface CatalogueType {
  readonly oid: number;
  readonly name: string;
  readonly isEnumeration: boolean;
  /** The type of an array's items; undefined for what is no array. */
  readonly items: number | undefined;
}

/** The types of these object ids that the catalogue has to be asked for, and those of their items. */
export const catalogueQuery = `
  WITH RECURSIVE asked AS (
    SELECT unnest(string_to_array($1, ','))::oid AS oid
    UNION SELECT typelem FROM pg_type JOIN asked USING (oid) WHERE typcategory = 'A'
  )
  SELECT oid, typname, typtype = 'e', CASE WHEN typcategory = 'A' THEN typelem END
  FROM pg_type JOIN asked USING (oid)`;

/** @returns those that need a look into the catalogue */
export function unknownTypes(oids: readonly number[]): readonly number[] {
  return [...new Set(oids)].filter((oid) => !Object.hasOwn(types, oid));
}

/** @throws ServiceError for a type that Serverless v2 does not answer with, such as regclass or void */
export function columnTypeOf(oid: number, catalogue: readonly CatalogueType[]): ColumnType {
  const known = types[oid];
  if (known !== undefined) return { name: known[0], read: known[1] };
  const found = catalogue.find((type) => type.oid === oid);
  if (found?.isEnumeration === true) return { name: found.name, read: asString };
  if (found?.items !== undefined) {
    const { name, read } = columnTypeOf(found.items, catalogue);
    // An array value has no member for blobs.
    if (name !== 'bytea') return { name: found.name, read: arrayReading(read as Reading, found) };
  }
  throw new ServiceError(
    'UnsupportedResultException',
    `The result contains the unsupported data type ${(found?.name ?? String(oid)).toUpperCase()}.`,
  );
}

function arrayReading(read: Reading, { name }: CatalogueType): (text: string) => Field {
  // The member that an empty array has, too: a zero is a number, and a text of each other type.
  const [member = ''] = Object.keys(read('0'));
  return (text) => {
    const items = parse(text, (item: string) => Object.values(read(item))[0] as unknown);
    if (items.some((item) => item === null || Array.isArray(item))) {
      throw new ServiceError(
        'UnsupportedResultException',
        `The result contains an array of the type ${name} with a dimension more, or a NULL.`,
      );
    }
    return { arrayValue: { [`${member}s`]: items } };
  };
}

/** For input that Serverless v2 refuses, whose `BadRequestException` is v1's alone. */
export function invalid(message: string): ServiceError {
  return new ServiceError('ValidationException', message);
}
