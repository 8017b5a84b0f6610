import { isStepComputeError, messageOf, PersistenceError } from '@stepcompute/core';

/**
 * PostgreSQL error classes after which the same statement may succeed: connection exceptions,
 * transaction rollbacks (serialization, deadlock), insufficient resources, operator intervention.
 */
const retryableClasses: readonly string[] = ['08', '40', '53', '57'];

/** Node's codes for a connection that is not there, or no more. */
const connectionCodes: readonly string[] = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
];

/** The five-character SQLSTATE, or Node's code, of what a driver threw, also through TypeORM, whichever copy of it. */
export function codeOf(error: unknown): string | undefined {
  const { driverError: source = error } = (error ?? {}) as { readonly driverError?: unknown };
  if (typeof source !== 'object' || source === null || !('code' in source)) return undefined;
  return typeof source.code === 'string' ? source.code : undefined;
}

/** node-postgres's words, without a code, for a connection that broke or that its pool could not give. */
const lostConnection =
  /connection (terminated|ended)|not queryable|timeout exceeded when trying to connect/i;

const authority =
  'give its authority’s certificate as sslrootcert, a file; sslmode=require encrypts and verifies nothing';

/** By SQLSTATE, or by Node's code. */
const remedies: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: authority,
  SELF_SIGNED_CERT_IN_CHAIN: authority,
  UNABLE_TO_GET_ISSUER_CERT: authority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: authority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: authority,
  ERR_TLS_CERT_ALTNAME_INVALID:
    'connect by a name that the certificate has, or by sslmode=verify-ca, which does not ask for it',
  '42P01':
    'its tables are created by `stepcompute migrate`, and on AWS by the Migrate function on each deployment',
  '42501':
    'the role needs GRANT USAGE ON SCHEMA and GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ' +
    '(SELECT to look alone), and GRANT CREATE ON SCHEMA to create the tables',
};

/** A pooler's refusal of a session's setting at the start of a connection: PgBouncer's words, and RDS Proxy's. */
const poolerRefusal = /unsupported startup parameter|support command-line options/i;

/** Says if the same statement may succeed later: the trouble lies with the connection or the moment. */
function isRetryable(error: unknown): boolean {
  const { errors } = (error ?? {}) as { errors?: unknown };
  if (Array.isArray(errors)) return errors.some(isRetryable);
  if (poolerRefusal.test(messageOf(error))) return false;
  const code = codeOf(error);
  if (code === undefined) return lostConnection.test(messageOf(error));
  return connectionCodes.includes(code) || retryableClasses.includes(code.slice(0, 2));
}

/**
 * The error to throw in place of a driver's; errors of the taxonomy pass unchanged.
 * @param failed what could not be done, to precede the driver's reason
 */
export function persistenceError(
  cause: unknown,
  failed = 'the database could not do its work',
): Error {
  if (isStepComputeError(cause)) return cause;
  const remedy = remedies[codeOf(cause) ?? ''] ?? remedyOf(messageOf(cause));
  return new PersistenceError(
    `${failed}: ${reasonOf(cause)}${remedy === undefined ? '' : `; ${remedy}`}`,
    {
      cause,
      retryable: isRetryable(cause),
    },
  );
}

const noTls = /does not support SSL/i;
const tlsAlone = /no encryption|SSL off/i;

/** Where an error has no code of its own. */
function remedyOf(message: string): string | undefined {
  if (poolerRefusal.test(message)) {
    return 'a pooler takes none that is of a session: name the schema as `schema`, and leave such settings to the role';
  }
  if (noTls.test(message)) return 'sslmode=disable does without';
  return tlsAlone.test(message) ? 'sslmode=require encrypts' : undefined;
}

/** Says if a server refused a connection for being encrypted, or for not being so. */
export function isOfEncryption(error: unknown): boolean {
  const message = messageOf(error);
  return noTls.test(message) || tlsAlone.test(message);
}

/** Several refused addresses make an AggregateError, whose own message is empty. */
function reasonOf(error: unknown): string {
  const { errors } = (error ?? {}) as { errors?: unknown };
  return Array.isArray(errors) ? errors.map(reasonOf).join('; ') : messageOf(error);
}

/** Runs a store's work, its driver errors translated. */
export async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw persistenceError(error);
  }
}

/** SQLSTATEs of a server that stops, starts or is full of connections, and of a deadlock. */
const passingState = /^(08|40|53300|57P0)/;

/** Says if the error is likely to be gone soon: a server that restarts, a connection that broke. */
export function isPassing(error: unknown): boolean {
  if (!isRetryable(error)) return false;
  const code = codeOf(error);
  return code === undefined || connectionCodes.includes(code) || passingState.test(code);
}
