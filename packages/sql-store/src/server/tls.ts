import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { InvalidInputError, messageOf } from '@stepcompute/core';
import type { ConnectionParts, ParameterName } from './connection-string.js';

/** As libpq has them; `no-verify` is node-postgres' word for its `require`. */
const modes = ['disable', 'allow', 'prefer', 'require', 'no-verify', 'verify-ca', 'verify-full'];

/** With these options, or not at all. */
type Encryption = ConnectionOptions | false;

/**
 * How to encrypt, by `sslmode` and the files beside it, as libpq does: the first way, and the second where
 * the server does not take that one. Without a mode nothing is encrypted.
 * Source: PostgreSQL 18, "34.19. SSL Support", read 2026-11.
 * @throws InvalidInputError when there is no such mode, or a file can't be read
 */
export function encryptionsOf(parts: ConnectionParts): readonly [Encryption, Encryption?] {
  const { ssl, sslrootcert, sslcert, sslkey } = parts;
  const fallback = ssl === undefined ? 'disable' : sslOf(ssl);
  const mode = parts.sslmode ?? fallback;
  if (!modes.includes(mode))
    throw new InvalidInputError('sslmode', `one of ${modes.join(', ')}`, 'another text');
  if (mode === 'disable') return [false];
  const isSystem = sslrootcert === 'system';
  const hasRoot = sslrootcert !== undefined && !isSystem;
  // With a root certificate at hand, libpq's `require` verifies by it.
  const verifies =
    mode === 'verify-full' || mode === 'verify-ca' || (mode === 'require' && hasRoot);
  const encrypted: ConnectionOptions = {
    rejectUnauthorized: verifies,
    ...(hasRoot && { ca: fileOf('sslrootcert', sslrootcert) }),
    ...(sslcert !== undefined && { cert: fileOf('sslcert', sslcert) }),
    ...(sslkey !== undefined && { key: fileOf('sslkey', sslkey) }),
    // Only `verify-full` asks if the certificate is that of the host.
    ...(mode !== 'verify-full' && { checkServerIdentity: () => undefined }),
  };
  if (mode === 'allow') return [false, encrypted];
  return mode === 'prefer' ? [encrypted, false] : [encrypted];
}

function sslOf(text: string): string {
  switch (text) {
    case 'true':
    case '1':
      return 'verify-full';
    case 'false':
    case '0':
      return 'disable';
    default:
      throw new InvalidInputError('ssl', 'true or false; sslmode says more', 'another text');
  }
}

function fileOf(name: ParameterName, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const reason = (cause as { code?: string }).code ?? messageOf(cause);
    throw new InvalidInputError(name, `a file that can be read (${reason})`, path, { cause });
  }
}
