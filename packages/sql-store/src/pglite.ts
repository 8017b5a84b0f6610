import { resolve } from 'node:path';
import { PersistenceError } from '@stepcompute/core';
import { refuseUnknown } from '@stepcompute/core/adapters';
import {
  DatabaseFolderError,
  inFolder,
  inMemory,
  type EmbeddedPostgres,
} from '@stepcompute/embedded-postgres';
import type { DataSource } from 'typeorm';
import { warnOfUntested } from './peers.js';
import { persistenceError } from './persistence-error.js';
import { openPool } from './postgres.js';
import { heldPool } from './server/pool.js';

export interface OpenPgliteOptions {
  /** Where the database is kept, created if need be. Default: in memory. */
  readonly folder?: string | undefined;
}

/**
 * Opens an embedded PostgreSQL and brings its schema up to date. Any number of processes of a machine may
 * have a folder open; `destroy()` of the last one leaves it to nobody.
 * @throws PersistenceError when the folder can't be used or belongs to a process of another machine, or
 *   the schema is newer than this version of the package
 * @example
 * const dataSource = await openPglite({ folder: 'my-runs' });
 * const stores = typeOrmStores(dataSource);
 */
export async function openPglite(options: OpenPgliteOptions = {}): Promise<DataSource> {
  const { folder } = refuseUnknown(options, 'options', { folder: true });
  warnOfUntested('@stepcompute/embedded-postgres');
  warnOfUntested('pg');
  let database: EmbeddedPostgres | undefined;
  try {
    database = await (folder === undefined ? inMemory() : inFolder(folder));
    const held = heldPool(database.settings, limits);
    const { close } = database;
    const end = (): Promise<void> => held.end().then(close);
    return await openPool({ ...held, end }, undefined, { create: true, migrate: true });
  } catch (cause) {
    // The first error is the one that counts.
    await database?.close().catch(() => undefined);
    throw openingError(cause, folder);
  }
}

/** The session is one for all, so a statement waits for those of others; the last to go, for the folder to be closed. */
const limits = {
  max: 4,
  connectionTimeoutMillis: 60_000,
  statementTimeoutMs: 60_000,
  closeTimeoutMs: 60_000,
};

function openingError(cause: unknown, folder: string | undefined): Error {
  if (cause instanceof DatabaseFolderError) {
    return new PersistenceError(cause.message, { cause, retryable: cause.isInUse });
  }
  const place = folder === undefined ? '' : ` in ${resolve(folder)}`;
  return persistenceError(cause, `the embedded database${place} cannot be opened`);
}
