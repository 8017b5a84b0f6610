import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InvalidInputError, messageOf } from '@stepcompute/core';
import { OutputError } from './errors.js';

/** A file that is about to be written. */
export interface NewFile {
  /**
   * Writes the whole file, or nothing of it.
   * @returns its size in bytes
   * @throws OutputError
   */
  readonly write: (text: string) => Promise<number>;
}

/**
 * Looks whether a file can be written, before the work for it begins.
 * @param option what names the file
 * @param force true to write over a file that is there
 * @throws InvalidInputError when there is one already, or something else than a file
 * @throws OutputError when its folder takes no file
 */
export async function openNewFile(option: string, file: string, force: boolean): Promise<NewFile> {
  if (file === '') throw new InvalidInputError(option, 'the name of a file', file);
  await refusePresent(option, file, force);
  // A link goes on leading to the file.
  const target = await realpath(file).catch(() => resolve(file));
  await access(dirname(target), constants.W_OK).catch((cause: unknown) => {
    throw outputError(file, cause);
  });
  return {
    write: async (text) => {
      const bytes = Buffer.from(text);
      const draft = `${target}.${randomUUID()}.draft`;
      try {
        await writeFile(draft, bytes, { flag: 'wx' });
        await refusePresent(option, file, force);
        await rename(draft, target);
      } catch (cause) {
        await rm(draft, { force: true }).catch(() => undefined);
        throw cause instanceof InvalidInputError ? cause : outputError(file, cause);
      }
      return bytes.length;
    },
  };
}

async function refusePresent(option: string, file: string, force: boolean): Promise<void> {
  const present = await stat(file).catch(() => undefined);
  if (present === undefined) return;
  if (!present.isFile()) throw new InvalidInputError(option, 'the name of a file', file);
  if (force) return;
  throw new InvalidInputError(option, 'a file that is not there yet, or given with --force', file);
}

function outputError(file: string, cause: unknown): OutputError {
  return new OutputError(`${file} can't be written: ${messageOf(cause)}`, { cause });
}
