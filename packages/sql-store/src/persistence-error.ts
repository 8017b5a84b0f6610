import { isStepComputeError, messageOf, PersistenceError } from '@stepcompute/core';
import { QueryFailedError } from 'typeorm';

/**
 * PostgreSQL error classes after which the same statement may succeed: connection exceptions,
 * transaction rollbacks (serialization, deadlock), insufficient resources, operator intervention.
 */
const retryableClasses: readonly string[] = ['08', '40', '53', '57'];

/** What Node says of a connection that is not there, or no more. */
const connectionCodes: readonly string[] = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
];

/** The five-character SQLSTATE, or Node's code, of what a driver threw. */
export function codeOf(error: unknown): string | undefined {
  const source: unknown = error instanceof QueryFailedError ? error.driverError : error;
  if (typeof source !== 'object' || source === null || !('code' in source)) return undefined;
  return typeof source.code === 'string' ? source.code : undefined;
}

/** What a store throws in place of a driver's error; errors of the taxonomy pass unchanged. */
function persistenceError(error: unknown): unknown {
  if (isStepComputeError(error)) return error;
  const code = codeOf(error);
  const lostConnection = /connection terminated|connection ended/i.test(messageOf(error));
  return new PersistenceError(`the database could not do its work: ${reasonOf(error)}`, {
    cause: error,
    retryable:
      lostConnection ||
      (code !== undefined &&
        (connectionCodes.includes(code) || retryableClasses.includes(code.slice(0, 2)))),
  });
}

/** Several refused addresses make an AggregateError, whose own message is empty. */
export function reasonOf(error: unknown): string {
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
