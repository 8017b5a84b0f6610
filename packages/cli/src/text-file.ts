import { createReadStream } from 'node:fs';
import { InvalidInputError, messageOf } from '@stepcompute/core';

/** In bytes: what is written by hand is far below, and YAML of so many has taken 20 s and 900 MB. */
const largestFile = 4_000_000;

/**
 * The text of a file, without its byte order mark.
 * @param option what names the file
 * @throws InvalidInputError when it can't be read, is larger than 4 MB, or is no text in UTF-8
 */
export async function readTextFile(option: string, file: string): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    // One byte more than is wanted; a pipe has no size that could be looked at.
    const bytes = createReadStream(file, { end: largestFile }) as AsyncIterable<Buffer>;
    for await (const chunk of bytes) chunks.push(chunk);
  } catch (cause) {
    const expected = `a file that can be read (${messageOf(cause)})`;
    throw new InvalidInputError(option, expected, file, { cause });
  }
  const content = Buffer.concat(chunks);
  if (content.length > largestFile) {
    throw new InvalidInputError(option, `a file of at most ${largestFile / 1e6} MB`, file);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (cause) {
    throw new InvalidInputError(option, 'a file of text in UTF-8', file, { cause });
  }
}
