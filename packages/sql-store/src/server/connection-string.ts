import { InvalidInputError } from '@stepcompute/core';

/** The parts of a connection string that are given, decoded. Names are libpq's, but for `schema`. */
export type ConnectionParts = Readonly<Partial<Record<ParameterName, string>>>;

/** Source: PostgreSQL 18, "34.1.2. Parameter Key Words", read 2026-11; `schema` and `ssl` are not libpq's. */
const parameterNames = [
  'host',
  'port',
  'dbname',
  'user',
  'password',
  'service',
  'schema',
  'ssl',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'application_name',
  'options',
  'connect_timeout',
] as const;

export type ParameterName = (typeof parameterNames)[number];

const field = 'database url';

/** Says what would be right; of what was given nothing, since any part of it may be one of a password. */
function refused(expected: string): InvalidInputError {
  return new InvalidInputError(field, expected, 'another text');
}

const encodings: Readonly<Record<string, string>> = {
  '@': '%40',
  '/': '%2F',
  '?': '%3F',
  '#': '%23',
  '%': '%25',
  ' ': '%20',
};

function unencoded(...characters: string[]): InvalidInputError {
  const list = characters.map((character) => `${character} as ${encodings[character]}`).join(', ');
  return refused(`a URL whose user and password are percent-encoded: write ${list}`);
}

/**
 * Takes a connection string apart: `postgres://user:password@host:port/database?name=value`. It is strict
 * where a password could be taken for something else, and its errors repeat nothing of what was given.
 * @throws InvalidInputError
 */
export function parseConnectionString(text: unknown): ConnectionParts {
  const shape = /^postgres(?:ql)?:\/\/(.*)$/is.exec(typeof text === 'string' ? text : '');
  if (shape === null) throw refused('postgres://user:password@host:port/database');
  const [, rest = ''] = shape;
  if (/[\s\p{Cc}]/u.test(rest)) throw unencoded(' ');
  if (/\p{Surrogate}/u.test(rest)) throw refused('well-formed text');
  if (rest.includes('#')) throw unencoded('#');
  if (/%(?![0-9a-f]{2})/i.test(rest)) throw unencoded('%');
  // The authority ends where a path or a query begins; an @ after that is one of a password that has more.
  const [, authority = '', path = '', query] =
    /^([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(rest) ?? [];
  if (path.includes('@') || query?.includes('@') === true) throw unencoded('@', '/', '?');
  const [userInfo, hosts, ...others] = authority.includes('@')
    ? authority.split('@')
    : [undefined, authority];
  if (others.length > 0) throw unencoded('@');
  return {
    ...userParts(userInfo),
    ...hostParts(hosts),
    ...(path !== '' && { dbname: decoded(path) }),
    // As in libpq, these count where both say something: a socket's folder is given so.
    ...Object.fromEntries(parametersOf(query)),
  };
}

function userParts(text: string | undefined): ConnectionParts {
  if (text === undefined) return {};
  const [user = '', ...rest] = text.split(':');
  const password = rest.join(':');
  return {
    ...(user !== '' && { user: decoded(user) }),
    ...(password !== '' && { password: decoded(password) }),
  };
}

/** A name, an IPv4 or a bracketed IPv6 address, with a port. */
function hostParts(text: string): ConnectionParts {
  if (text.includes(',')) throw refused('a URL with one host');
  const shape = /^(\[[0-9a-f:.%]+\]|[^:[\]]*)(?::(.*))?$/is.exec(text);
  if (shape === null) throw refused('postgres://user:password@host:port/database');
  const [, host = '', port] = shape;
  return {
    ...(host !== '' && { host: decoded(host.replace(/^\[(.*)\]$/, '$1')) }),
    ...(port !== undefined && { port: parsePort(port) }),
  };
}

export function parsePort(text: string): string {
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535) return text;
  throw refused(
    'postgres://user:password@host:port/database, with a port from 1 to 65535, and a : in the password as %3A where no @ follows it',
  );
}

function* parametersOf(query: string | undefined): Generator<[ParameterName, string], void> {
  const seen = new Set<string>();
  for (const pair of query === undefined || query === '' ? [] : query.split('&')) {
    const [rawName = '', ...rest] = pair.split('=');
    const name = parameterNames.find((each) => each === rawName);
    if (name === undefined || rest.length === 0) {
      throw refused(`a URL with parameters of these alone: ${parameterNames.join(', ')}`);
    }
    if (seen.has(name)) throw refused(`a URL that gives ${name} once`);
    seen.add(name);
    const text = rest.join('=');
    if (text === '' && name !== 'schema') throw refused(`a URL whose ${name} is not empty`);
    // A space as URLSearchParams writes it.
    const value = decoded(name === 'options' ? text.replaceAll('+', ' ') : text);
    yield [name, name === 'port' ? parsePort(value) : value];
  }
}

function decoded(text: string): string {
  let result: string;
  try {
    result = decodeURIComponent(text);
  } catch {
    throw refused('a URL whose percent-encoded characters are UTF-8');
  }
  if (result.includes('\0')) throw refused('a URL without NUL characters');
  return result;
}
