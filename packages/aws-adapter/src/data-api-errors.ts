import { isError, messageOf, PersistenceError, nameOf } from '@stepcompute/core';
import { backOff } from 'exponential-backoff';

/** AWS has not begun the work: the cluster is waking up, or there are too many calls. */
const notBegun: readonly string[] = ['DatabaseResumingException', 'ThrottlingException'];

/** The work may be done or not. */
const ambiguous: readonly string[] = [
  'DatabaseUnavailableException',
  'InternalServerErrorException',
  'InternalServerException',
  'ServiceUnavailableError',
  'StatementTimeoutException',
  'TimeoutError',
];

/** SQLSTATE classes of which the same statement may succeed later; see sql-store. */
const passingStates = /^(08|40|53|57)/;

/** The SQLSTATE that the Data API puts at the end of its message. */
function sqlStateOf(error: unknown): string | undefined {
  return /SQLState: (\w{5})/.exec(messageOf(error))?.[1];
}

/** True when the statement, never begun or idempotent as all of ours are, may be sent again. */
function mayPass(error: unknown, inTransaction: boolean): boolean {
  if (!isError(error)) return false;
  if (notBegun.includes(error.name)) return true;
  // Within a transaction nobody knows what an ambiguous error has left; the whole is to be repeated.
  if (inTransaction) return false;
  const state = sqlStateOf(error);
  if (state !== undefined) return passingStates.test(state);
  return ambiguous.includes(error.name) || isLostAnswer(error);
}

/** No answer came at all, or one of a server between: the connection broke. */
function isLostAnswer(error: Error): boolean {
  const { $metadata, code } = error as { $metadata?: { httpStatusCode?: number }; code?: unknown };
  const status = $metadata?.httpStatusCode;
  return status === undefined ? typeof code === 'string' : status >= 500;
}

/** The longest that a call is repeated: a cluster takes half a minute and more to wake up. */
const defaultPatienceMs = 90_000;

/**
 * Sends until it succeeds, fails for good, or the time is up, with exponential delays and full jitter
 * so that many functions that wake a cluster together do not come back together.
 * @throws PersistenceError, or for an error of PostgreSQL one with its SQLSTATE as `code`
 */
export async function send<T>(
  call: () => Promise<T>,
  { inTransaction, patienceMs = defaultPatienceMs }: SendOptions,
): Promise<T> {
  const deadline = Date.now() + patienceMs;
  try {
    return await backOff(call, {
      numOfAttempts: Infinity,
      startingDelay: 200,
      maxDelay: 5000,
      jitter: 'full',
      retry: (error) => mayPass(error, inTransaction) && Date.now() < deadline,
    });
  } catch (error) {
    throw translate(error);
  }
}

interface SendOptions {
  readonly inTransaction: boolean;
  /** How long to repeat a call that may pass, in milliseconds. Default: 90,000. */
  readonly patienceMs?: number | undefined;
}

function translate(cause: unknown): Error {
  const code = sqlStateOf(cause);
  if (code !== undefined) return Object.assign(new Error(messageOf(cause), { cause }), { code });
  const name = nameOf(cause);
  return new PersistenceError(`the Data API refused: ${name}: ${messageOf(cause)}`, {
    cause,
    retryable: mayPass(cause, false),
  });
}
