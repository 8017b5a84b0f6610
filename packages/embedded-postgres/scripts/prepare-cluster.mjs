/**
 * Makes the cluster that comes with the package, so that no user's first start waits for initdb. Does
 * nothing where it is there already, for the installed PGlite.
 */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { PGlite } from '@electric-sql/pglite';

const { preparedCluster } = createRequire(import.meta.url)('../dist/cluster.js');
const archive = preparedCluster();
if (!existsSync(archive)) {
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-cluster-'));
  try {
    await (await PGlite.create(folder)).close();
    const names = readdirSync(folder, { recursive: true }).sort();
    const entries = names.map((name) => {
      const stats = statSync(join(folder, name));
      return { path: relative('.', name), bytes: stats.isDirectory() ? null : stats.size };
    });
    const files = entries.filter(({ bytes }) => bytes !== null);
    const whole = Buffer.concat([
      Buffer.from(`${JSON.stringify(entries)}\n`),
      ...files.map(({ path }) => readFileSync(join(folder, path))),
    ]);
    const compressed = brotliCompressSync(whole, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 9,
        [constants.BROTLI_PARAM_LGWIN]: 24,
        [constants.BROTLI_PARAM_SIZE_HINT]: whole.length,
      },
    });
    writeFileSync(`${archive}.new`, compressed);
    renameSync(`${archive}.new`, archive);
    console.log(`Prepared a cluster: ${compressed.length} bytes for ${whole.length}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
