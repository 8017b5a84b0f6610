import { isStepComputeError, looked } from './base.js';
import { describeValue, withoutSecrets } from './masking.js';

/** True when `thrown` is an error, also of another realm: under Jest, Node's own errors are no `instanceof Error`. */
export function isError(thrown: unknown): thrown is Error {
  return looked(() => {
    if (thrown instanceof Error) return true;
    if (typeof thrown !== 'object' || thrown === null) return false;
    const { name, message } = thrown as { name?: unknown; message?: unknown };
    return typeof name === 'string' && typeof message === 'string';
  }, false);
}

/** The name of whatever was thrown; `Error` when it has none. */
export function nameOf(thrown: unknown): string {
  return looked(() => {
    const name: unknown = isError(thrown) ? thrown.name : undefined;
    return typeof name === 'string' && name !== '' ? name : 'Error';
  }, 'Error');
}

/** The message of whatever was thrown, which need not be an Error. */
export function messageOf(thrown: unknown): string {
  return looked(() => {
    const message: unknown = isError(thrown) ? thrown.message : undefined;
    return typeof message === 'string' ? message : describeValue(thrown);
  }, 'an object that may not be looked at');
}

/** The stack of whatever was thrown; undefined when there is none, or it may not be looked at. */
export function stackOf(thrown: unknown): string | undefined {
  return looked(() => {
    const stack: unknown = isError(thrown) ? thrown.stack : undefined;
    return typeof stack === 'string' ? stack : undefined;
  }, undefined);
}

/** True when the same call may succeed later, unchanged, as an error with `retryable` says of itself. */
export function isRetryable(thrown: unknown): boolean {
  return looked(() => isError(thrown) && 'retryable' in thrown && thrown.retryable === true, false);
}

/** A line of a stack that is not of the platform's own code. */
const frame = /^\s+at (?:.*\()?(?:file:\/\/)?(?!node:)([^()]+?):(\d+):(\d+)\)?$/;

/**
 * Where in its own code whatever was thrown comes from: a file's name with line and column, such as
 * `pricing.ts:12:9`. Undefined when its stack doesn't say.
 */
export function placeOf(thrown: unknown): string | undefined {
  for (const line of stackOf(thrown)?.split('\n', 30) ?? []) {
    const [, path, row, column] = frame.exec(line) ?? [];
    if (path === undefined || /[\\/]node_modules[\\/]/.test(path)) continue;
    // A module that is loaded anew has a query behind its name.
    const name = path.replace(/\?.*$/, '').split(/[\\/]/).at(-1) ?? path;
    return `${name}:${row}:${column}`;
  }
  return undefined;
}

/** So many errors of a chain are told. */
const longestChain = 5;

/**
 * Why something was thrown, in short: its message, those of its causes, and where in its own code it comes
 * from, as in `fetch failed: connect ECONNREFUSED 127.0.0.1:80, at pricing.ts:12:9`. An error of this
 * taxonomy says all that by its message.
 */
export function reasonOf(thrown: unknown): string {
  if (isStepComputeError(thrown)) return messageOf(thrown);
  const told = [messageOf(thrown)];
  let place = placeOf(thrown);
  let error = causeOf(thrown);
  for (let length = 1; error !== undefined && length < longestChain; length += 1) {
    // A library's error has fields that were not written for a record.
    const text = withoutSecrets(messageOf(error));
    if (!told.some((before) => before.includes(text))) told.push(text);
    place ??= placeOf(error);
    error = causeOf(error);
  }
  const message = told.filter((text) => text !== '').join(': ');
  return (message === '' ? nameOf(thrown) : message) + (place === undefined ? '' : `, at ${place}`);
}

/** The cause of an error; of several errors in one, the first. Undefined when there is none. */
export function causeOf(thrown: unknown): unknown {
  return looked(() => {
    if (!isError(thrown)) return undefined;
    const { cause, errors } = thrown as { cause?: unknown; errors?: unknown };
    return cause ?? (Array.isArray(errors) ? (errors[0] as unknown) : undefined);
  }, undefined);
}
