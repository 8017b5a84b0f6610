import { looked } from './base.js';
import { describeValue } from './masking.js';

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
