import { closeSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InvalidInputError, messageOf } from '@stepcompute/core';
import { OutputError } from './errors.js';
import { writeWhole } from './standard-streams.js';

/**
 * Refuses to write a file in place of what is there.
 * @param isForced true to replace a file that is there
 * @throws InvalidInputError
 */
export function refuseExisting(option: string, file: string, isForced: boolean): void {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isFile()) throw new InvalidInputError(option, 'the name of a file', file);
  if (isForced) return;
  throw new InvalidInputError(option, 'a file that is not there yet (--force replaces it)', file);
}

/**
 * Writes a file as a whole: under another name beside it, which becomes its own at the end. A file that was
 * there before is replaced then.
 * @param signal leaves nothing behind when it is aborted
 * @throws InvalidInputError when no file can be made there; OutputError when it can't be written
 */
export async function writeFileWhole(
  option: string,
  file: string,
  content: AsyncIterable<string | Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const part = join(dirname(file), `.${basename(file)}.${process.pid}.part`);
  let descriptor: number;
  try {
    descriptor = openSync(part, 'wx');
  } catch (cause) {
    const expected = `in a folder that can be written to (${messageOf(cause)})`;
    throw new InvalidInputError(option, expected, file, { cause });
  }
  // At once: an interrupted command waits for nothing.
  const remove = (): void => rmSync(part, { force: true });
  signal.addEventListener('abort', remove, { once: true });
  try {
    try {
      for await (const piece of content) {
        const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
        refuseFailure(file, () => writeWhole(descriptor, bytes));
      }
    } finally {
      refuseFailure(file, () => closeSync(descriptor));
    }
    refuseFailure(file, () => renameSync(part, file));
  } finally {
    remove();
    signal.removeEventListener('abort', remove);
  }
}

/** @throws OutputError in place of what the file system says */
function refuseFailure(file: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    throw new OutputError(`${file} can't be written: ${messageOf(cause)}`, { cause });
  }
}
