import { existsSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { refuseUnknown } from '@stepcompute/core/adapters';
import { DataSource } from 'typeorm';
import { lockFolder } from './folder-lock.js';
import { migrateSchema, migrationOptions } from './migrate-schema.js';
import { warnOfUntested } from './peers.js';
import { persistenceError } from './persistence-error.js';
import { PglitePool } from './pglite-pool.js';
import { schemas } from './schema.js';

export interface OpenPgliteOptions {
  /** Where the database is kept, created if need be. Default: in memory. */
  readonly folder?: string | undefined;
}

/**
 * Opens an embedded PostgreSQL, which belongs to this process until `destroy()`, and brings its
 * schema up to date.
 * @throws PersistenceError when the folder can't be used or belongs to a running process, or the
 *   schema is newer than this version of the package
 * @example
 * const dataSource = await openPglite({ folder: 'my-runs' });
 * const stores = typeOrmStores(dataSource);
 */
export async function openPglite(options: OpenPgliteOptions = {}): Promise<DataSource> {
  const { folder } = refuseUnknown(options, 'options', { folder: true });
  warnOfUntested('@electric-sql/pglite');
  const held = folder === undefined ? undefined : await holdPglite(folder);
  let pglite: PGlite | undefined;
  try {
    pglite = await PGlite.create(held?.dataFolder);
    return await connect(pglite, () => held?.release());
  } catch (cause) {
    // The first error is the one that counts.
    if (pglite?.closed === false) await pglite.close().catch(() => undefined);
    held?.release();
    throw openingError(cause, folder);
  }
}

/** An embedded PostgreSQL that belongs to this process, and is not open. */
export interface HeldPglite {
  /** The folder that PGlite itself opens. */
  readonly dataFolder: string;
  readonly release: () => void;
}

/**
 * Takes the embedded PostgreSQL in a folder for this process, as {@link openPglite} does, creating it
 * if need be, for a caller who opens it with PGlite by himself.
 * @throws PersistenceError when the folder can't be used or belongs to a running process
 */
export async function holdPglite(folder: string): Promise<HeldPglite> {
  const release = lockFolder(resolve(folder));
  try {
    return { dataFolder: await clusterIn(resolve(folder)), release };
  } catch (cause) {
    release();
    throw openingError(cause, folder);
  }
}

function openingError(cause: unknown, folder: string | undefined): Error {
  const place = folder === undefined ? '' : ` in ${resolve(folder)}`;
  return persistenceError(
    cause,
    `the embedded database${place} cannot be opened${spaceLeft(folder)}`,
  );
}

/** A cluster takes seconds to create: it gets its name when it is whole, so that a kill leaves no half of one. */
async function clusterIn(folder: string): Promise<string> {
  const cluster = join(folder, 'postgres');
  if (!existsSync(cluster)) {
    const draft = join(folder, 'postgres.new');
    rmSync(draft, { recursive: true, force: true });
    const created = await PGlite.create(draft);
    await created.close();
    renameSync(draft, cluster);
  }
  return cluster;
}

async function connect(pglite: PGlite, unlock: () => void): Promise<DataSource> {
  // A function that TypeORM calls with `new`, and that answers with a pool over this database.
  function Pool(): PglitePool {
    return new PglitePool(pglite, unlock);
  }
  const dataSource = new DataSource({
    type: 'postgres',
    driver: { Pool },
    installExtensions: false,
    entities: schemas,
    ...migrationOptions,
  });
  await dataSource.initialize();
  await migrateSchema(dataSource);
  return dataSource;
}

/** So much an embedded database needs now and then; without it PGlite says nothing of use. */
const scarceMegabytes = 64;

/** A word about the disk when it is nearly full. */
function spaceLeft(folder: string | undefined): string {
  if (folder === undefined || !existsSync(folder)) return '';
  const { bavail, bsize } = statfsSync(folder);
  const megabytes = Math.floor((bavail * bsize) / 2 ** 20);
  return megabytes < scarceMegabytes ? ` (its disk has ${megabytes} MB left)` : '';
}
