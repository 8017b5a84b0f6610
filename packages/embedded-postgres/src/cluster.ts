import {
  closeSync,
  createReadStream,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createBrotliDecompress } from 'node:zlib';
import type { PGliteInterface } from '@electric-sql/pglite';

/** The folder of the cluster, within that of the database. */
function clusterOf(folder: string): string {
  return join(folder, 'postgres');
}

/** Says if there is a database in the folder. */
export function holdsDatabase(folder: string): boolean {
  return existsSync(clusterOf(folder));
}

// PGlite is loaded where it is opened: its clients do without.

/** PGlite over the cluster in a folder that this process has, created if need be. */
export async function openCluster(folder: string): Promise<PGliteInterface> {
  if (!holdsDatabase(folder)) await create(folder);
  return openPglite(clusterOf(folder));
}

/** @param folder of a cluster; none for one in memory */
export async function openPglite(folder?: string): Promise<PGliteInterface> {
  const { PGlite } = await import('@electric-sql/pglite');
  // PostgreSQL's 128 MB of buffers are of no use beside the system's own cache.
  const startParams = [...PGlite.defaultStartParams, '-c', 'shared_buffers=16MB'];
  return folder === undefined
    ? await PGlite.create({ startParams })
    : await PGlite.create(folder, { startParams });
}

/** A cluster takes a while to create: it gets its name when it is whole, so that a kill leaves no half of one. */
async function create(folder: string): Promise<void> {
  const draft = join(folder, 'postgres.new');
  rmSync(draft, { recursive: true, force: true });
  const prepared = preparedCluster();
  if (existsSync(prepared)) await unpack(prepared, draft);
  else await (await openPglite(draft)).close();
  renameSync(draft, clusterOf(folder));
}

/**
 * The file of the cluster that comes with this package, as the installed PGlite creates it.
 * @public for the script that makes it
 */
export function preparedCluster(): string {
  return join(__dirname, `../dist/cluster-${pgliteVersion()}.br`);
}

function pgliteVersion(): string {
  const entry = require.resolve('@electric-sql/pglite');
  const manifest = readFileSync(join(dirname(entry), '../package.json'), 'utf8');
  return (JSON.parse(manifest) as { readonly version: string }).version;
}

/** An entry of the prepared cluster: a file with its bytes, or a folder. */
interface Entry {
  readonly path: string;
  /** Null for a folder. */
  readonly bytes: number | null;
}

/**
 * Unpacks a prepared cluster: compressed, a line of JSON that lists its entries, then the bytes of the
 * files, one after the other.
 */
async function unpack(archive: string, folder: string): Promise<void> {
  mkdirSync(folder);
  const source = createReadStream(archive).pipe(createBrotliDecompress());
  let head: Buffer | undefined = Buffer.alloc(0);
  let entries: Entry[] = [];
  let file: { readonly fd: number; left: number } | undefined;
  const next = (): void => {
    while (file === undefined || file.left === 0) {
      if (file !== undefined) closeSync(file.fd);
      file = undefined;
      const entry = entries.shift();
      if (entry === undefined) return;
      const path = join(folder, entry.path);
      if (entry.bytes === null) mkdirSync(path);
      else file = { fd: openSync(path, 'w'), left: entry.bytes };
    }
  };
  for await (const piece of source as AsyncIterable<Buffer>) {
    let rest = piece;
    if (head !== undefined) {
      head = Buffer.concat([head, piece]);
      const end = head.indexOf('\n');
      if (end < 0) continue;
      entries = JSON.parse(head.toString('utf8', 0, end)) as Entry[];
      rest = head.subarray(end + 1);
      head = undefined;
      next();
    }
    while (rest.length > 0 && file !== undefined) {
      const written: number = writeSync(file.fd, rest, 0, Math.min(rest.length, file.left));
      file.left -= written;
      rest = rest.subarray(written);
      next();
    }
  }
}
