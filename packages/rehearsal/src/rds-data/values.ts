import { ServiceError } from '../service-error.js';

/** A field as it travels in the Data API's JSON. */
export type Field =
  | { readonly isNull: true }
  | { readonly longValue: number }
  | { readonly doubleValue: number | string }
  | { readonly stringValue: string }
  | { readonly booleanValue: boolean }
  | { readonly blobValue: string };

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
    if (text !== undefined && typeof text !== 'string') throw malformed('parameter', given);
  }
  return {
    name: name as string | undefined,
    value: withoutNulls(value ?? {}, 'value'),
    typeHint: typeHint as string | undefined,
  };
}

/** @throws ServiceError for what is no list of parameters */
export function parameterSetOf(given: unknown): readonly Parameter[] {
  if (!Array.isArray(given)) throw malformed('parameter set', given);
  return given.map(parameterOf);
}

function withoutNulls(given: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw malformed(what, given);
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
}

function malformed(what: string, given: unknown): ServiceError {
  return new ServiceError('SerializationException', `${JSON.stringify(given)} is no ${what}`);
}

/** @throws ServiceError when AWS takes no such parameter */
export function toTypedText({ name = '', value, typeHint }: Parameter): TypedText {
  const [kind, ...others] = Object.keys(value);
  if (kind === undefined || others.length > 0) {
    throw badRequest(`Parameter "${name}" needs one value`);
  }
  const given = value[kind];
  switch (kind) {
    case 'isNull':
      return { text: null, type: undefined };
    case 'longValue':
      if (typeof given !== 'number' || !Number.isInteger(given)) break;
      return { text: String(given), type: 'bigint' };
    case 'doubleValue':
      if (typeof given !== 'number' && !['NaN', 'Infinity', '-Infinity'].includes(String(given))) {
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
      throw badRequest('Array parameters are not supported.');
  }
  throw badRequest(`Parameter "${name}" is no ${kind}`);
}

function hintedType(name: string, text: string, typeHint: string | undefined): string {
  if (typeHint === undefined) return 'text';
  const hint = Object.hasOwn(hints, typeHint) ? hints[typeHint] : undefined;
  if (hint === undefined) throw badRequest(`Unknown type hint ${typeHint}`);
  const [type, shape] = hint;
  if (!shape.test(text)) {
    throw badRequest(`Parameter "${name}" has the wrong format for its type hint ${typeHint}`);
  }
  return type;
}

type Reading = (text: string) => Field;

const asString: Reading = (text) => ({ stringValue: text });
const asLong: Reading = (text) => ({ longValue: Number(text) });
/** JSON has no NaN; the service writes it as text. */
const asDouble: Reading = (text) => ({
  doubleValue: Number.isFinite(Number(text)) ? Number(text) : text,
});
/** Without the offset, which is always that of UTC here. */
const asUtc: Reading = (text) => ({ stringValue: text.replace(/[+-]00(:00)?$/, '') });

/** The types that the Data API answers with, by their object ids, and how. */
const types: Readonly<Record<number, readonly [name: string, reading: Reading]>> = {
  16: ['bool', (text) => ({ booleanValue: text === 't' || text === 'true' })],
  17: ['bytea', (text) => ({ blobValue: Buffer.from(text.slice(2), 'hex').toString('base64') })],
  19: ['name', asString],
  20: ['int8', asLong],
  21: ['int2', asLong],
  23: ['int4', asLong],
  25: ['text', asString],
  114: ['json', asString],
  700: ['float4', asDouble],
  701: ['float8', asDouble],
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

export function typeNameOf(oid: number): string {
  return typeOf(oid)[0];
}

export function toField(text: string | null, oid: number): Field {
  return text === null ? { isNull: true } : typeOf(oid)[1](text);
}

/** @throws ServiceError for a type that Serverless v2 does not answer with, such as regclass or void */
function typeOf(oid: number): readonly [string, Reading] {
  const type = types[oid];
  if (type === undefined) {
    throw new ServiceError(
      'UnsupportedResultException',
      `The result contains the unsupported data type with object id ${oid}`,
    );
  }
  return type;
}

export function badRequest(message: string): ServiceError {
  return new ServiceError('BadRequestException', message);
}
