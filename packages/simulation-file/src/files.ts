import { createHash } from 'node:crypto';

/** True for the path or URL of a TypeScript file. */
export function isTypeScript(file: string): boolean {
  return /\.[cm]?ts(?:[?#].*)?$/.test(file);
}

/** SHA-256 in hex. */
export function digestOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
