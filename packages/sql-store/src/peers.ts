import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The versions of peers that this package's tests ran with, as its `peerDependencies` have them. */
const tested = {
  '@electric-sql/pglite': { range: '^0.5.16', pattern: /^0\.5\.(1[6-9]|[2-9]\d)/ },
  inversify: { range: '^7.11.0 || ^8.0.0', pattern: /^(7\.(1[1-9]|[2-9]\d)|8)\./ },
  pg: { range: '^8.16.0', pattern: /^8\.(1[6-9]|[2-9]\d)\./ },
  typeorm: { range: '^0.3.20 || ^1.0.0', pattern: /^(0\.3\.([2-9]\d)|1\.)/ },
} as const;

export type Peer = keyof typeof tested;

export const testedRanges: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(tested).map(([name, { range }]) => [name, range]),
);

const known = new Set<Peer>();

/**
 * Warns of a peer's version that is out of range: a package manager may have been told to install it all the
 * same. Once for each peer; nothing is said where the version can't be told, as in a bundle.
 */
export function warnOfUntested(peer: Peer, version = versionOf(peer)): void {
  const { range, pattern } = tested[peer];
  if (known.has(peer) || version === undefined || pattern.test(version)) return;
  known.add(peer);
  process.emitWarning(
    `${peer} ${version} is installed, and @stepcompute/sql-store was tested with ${range}`,
    { type: 'StepComputeWarning' },
  );
}

function versionOf(peer: Peer): string | undefined {
  try {
    // Not every package exports its package.json.
    for (let folder = dirname(require.resolve(peer)); ; folder = dirname(folder)) {
      const file = join(folder, 'package.json');
      if (existsSync(file)) {
        const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
        if (name === peer) return version;
      }
      if (folder === dirname(folder)) return undefined;
    }
  } catch {
    return undefined;
  }
}
