import { randomUUID } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  linkSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  type Stats,
} from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { InvalidInputError, messageOf } from '@stepcompute/core';
import { OutputError } from './errors.js';
import { writeWhole } from './standard-streams.js';

/** A file to write, as a whole or not at all: it grows under another name beside its own. */
export class OutputFile {
  /** A link goes on leading to its file. */
  readonly #target: string;
  /** Who may read and write a file that is replaced. */
  #mode: number | undefined;

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
    if (file === '' || file === '-') {
      throw new InvalidInputError(option, 'the name of a file, as ./- is', file);
    }
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
    signal.throwIfAborted();
    const part = join(dirname(this.#target), `.${randomUUID()}.part`);
    const descriptor = this.#orRefuse(() => openSync(part, 'wx', this.#mode));
    // At once: an interrupted command waits for nothing.
    const remove = (): void => rmSync(part, { force: true });
    signal.addEventListener('abort', remove, { once: true });
    let size = 0;
    try {
      try {
        if (this.#mode !== undefined) fchmodSync(descriptor, this.#mode);
        for await (const piece of content) {
          const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
          this.#orRefuse(() => writeWhole(descriptor, bytes));
          size += bytes.length;
        }
      } finally {
        this.#orRefuse(() => closeSync(descriptor));
      }
      this.#take(part);
    } finally {
      remove();
      signal.removeEventListener('abort', remove);
    }
    return size;
  }

  /** Gives the part the file's name. */
  #take(part: string): void {
    if (!this.isForced) {
      try {
        // Unlike a new name, a link is never in place of another file, which may have come meanwhile.
        linkSync(part, this.#target);
        return;
      } catch {
        // Some file systems have none.
        this.#refuseExisting();
      }
    }
    this.#orRefuse(() => renameSync(part, this.#target));
  }

  #refuseExisting(): void {
    const found = this.#found();
    if (found === undefined) return;
    if (!found.isFile()) {
      throw new InvalidInputError(this.option, 'the name of a file', this.file);
    }
    this.#mode = found.mode & 0o777;
    if (this.isForced) return;
    const expected = 'a file that is not there yet (--force replaces it)';
    throw new InvalidInputError(this.option, expected, this.file);
  }

  /** The file that is there; undefined too where its folder is none. */
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
  for (const find of [realpathSync, linkedFrom]) {
    try {
      return find(file);
    } catch {
      // It is not there, or no link.
    }
  }
  return resolve(file);
}

/** Where a link leads, which need not be there. */
function linkedFrom(file: string): string {
  return resolve(dirname(file), readlinkSync(file));
}
