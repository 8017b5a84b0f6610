import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import satisfies from 'semver/functions/satisfies.js';

const own = '@stepcompute/sql-store';
const known = new Set<string>();

/**
 * Warns of a peer's version that is out of the range that this package asks for: a package manager may have
 * been told to install it all the same. Once for each peer; nothing is said where a version can't be told, as
 * in a bundle.
 */
export function warnOfUntested(peer: string, version = manifestOf(peer)?.version): void {
  const range = manifestOf(own)?.peerDependencies?.[peer];
  if (known.has(peer) || version === undefined || range === undefined) return;
  if (satisfies(version, range)) return;
  known.add(peer);
  const message = `${peer} ${version} is installed, and ${own} was tested with ${range}`;
  process.emitWarning(message, { type: 'StepComputeWarning' });
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** The manifest of an installed package, from its file: not every package exports it. */
function manifestOf(name: string): Manifest | undefined {
  let folder: string;
  try {
    folder = dirname(require.resolve(name));
  } catch {
    return undefined;
  }
  for (; folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (!existsSync(file)) continue;
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as Manifest;
    if (manifest.name === name) return manifest;
  }
  return undefined;
}
