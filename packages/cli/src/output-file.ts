import { randomUUID } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  type Stats,
} from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { InvalidInputError, messageOf } from '@stepcompute/core';
import { OutputError } from './errors.js';
import { writeWhole } from './standard-streams.js';

/** A file to write, as a whole or not at all: it grows under another name beside its own. */
export class OutputFile {
  /** A link goes on leading to its file. */
  readonly #target: string;

  /**
   * Looks whether it can be written, before the work for it begins.
   * @param option what names the file
   * @param isForced true to replace a file that is there
   * @throws InvalidInputError when there is one already, or something else than a file, or no folder for it
   */
  constructor(
    private readonly option: string,
    private readonly file: string,
    private readonly isForced: boolean,
  ) {
    if (file === '') throw new InvalidInputError(option, 'the name of a file', file);
    this.#refuseExisting();
    this.#target = targetOf(file);
    try {
      accessSync(dirname(this.#target) + sep, constants.W_OK);
    } catch (cause) {
      const expected = `in a folder that can be written to (${messageOf(cause)})`;
      throw new InvalidInputError(option, expected, file, { cause });
    }
  }

  /**
   * @param signal leaves nothing behind when it is aborted
   * @returns its size in bytes
   * @throws OutputError when it can't be written
   */
  async write(
    content: Iterable<string> | AsyncIterable<string | Uint8Array>,
    signal: AbortSignal,
  ): Promise<number> {
    const part = join(dirname(this.#target), `.${basename(this.#target)}.${randomUUID()}.part`);
    const descriptor = this.#orRefuse(() => openSync(part, 'wx'));
    // At once: an interrupted command waits for nothing.
    const remove = (): void => rmSync(part, { force: true });
    signal.addEventListener('abort', remove, { once: true });
    let size = 0;
    try {
      try {
        for await (const piece of content) {
          const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
          this.#orRefuse(() => writeWhole(descriptor, bytes));
          size += bytes.length;
        }
      } finally {
        this.#orRefuse(() => closeSync(descriptor));
      }
      // Another may have come meanwhile.
      this.#refuseExisting();
      this.#orRefuse(() => renameSync(part, this.#target));
    } finally {
      remove();
      signal.removeEventListener('abort', remove);
    }
    return size;
  }

  #refuseExisting(): void {
    const found = this.#found();
    if (found === undefined) return;
    if (!found.isFile()) {
      throw new InvalidInputError(this.option, 'the name of a file', this.file);
    }
    if (this.isForced) return;
    const expected = 'a file that is not there yet (--force replaces it)';
    throw new InvalidInputError(this.option, expected, this.file);
  }

  /** What is there; undefined too where its folder is none. */
  #found(): Stats | undefined {
    try {
      return statSync(this.file);
    } catch {
      return undefined;
    }
  }

  /** @throws OutputError in place of what the file system says */
  #orRefuse<T>(write: () => T): T {
    try {
      return write();
    } catch (cause) {
      throw new OutputError(`${this.file} can't be written: ${messageOf(cause)}`, { cause });
    }
  }
}

function targetOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return resolve(file);
  }
}
