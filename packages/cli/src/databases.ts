import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { InvalidInputError, PersistenceError, type Stores } from '@stepcompute/core';
import { withoutSecrets } from '@stepcompute/core/adapters';
import { holdsDatabase } from '@stepcompute/embedded-postgres';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import type { typeOrmStores } from '@stepcompute/sql-store';
import { openDeployed, type DeployedPlace } from './deployments.js';
import type { Interruption } from './interruption.js';

export interface Database {
  readonly stores: Stores;
  readonly close: () => Promise<void>;
}

/** Where runs are kept: `memory`, a PostgreSQL URL, or else a folder. */
type DatabaseKind = 'memory' | 'server' | 'folder';

function kindOf(location: string): DatabaseKind {
  if (location === 'memory') return 'memory';
  if (/^postgres(ql)?:\/\//i.test(location)) return 'server';
  if (location === '' || isMistyped(location)) {
    throw new InvalidInputError(
      'database',
      '"memory", a folder, or postgres://user:password@host:port/database',
      location === '' ? '' : 'another text',
    );
  }
  return 'folder';
}

/** A URL without its scheme, or of another one: its text may hold a password. Not a drive of Windows. */
function isMistyped(location: string): boolean {
  return (
    location.includes('://') ||
    /^postgres(ql)?[:/]/i.test(location) ||
    // libpq's other form, and a user with a password.
    /(^|\s)(host|hostaddr|port|user|password|passwd|dbname|service)\s*=/i.test(location) ||
    ((/[^/\\:]:[^]*@/.test(location) || withoutSecrets(location) !== location) &&
      !existsSync(location))
  );
}

/** Opens the database to run simulations in, creating it if need be. */
export async function openDatabase(
  location: string,
  announce: (message: string) => void,
): Promise<Database> {
  switch (kindOf(location)) {
    case 'memory':
      return { stores: inMemoryStores(), close: () => Promise.resolve() };
    case 'server':
      return openServer(location, { create: true });
    case 'folder':
      if (!holdsDatabase(location)) announce(`Creating a database in ${location} …`);
      return openFolder(location);
  }
}

/**
 * The location, of a database that somebody else opens.
 * @throws InvalidInputError when it is none
 */
export function checkedLocation(location: string): string {
  kindOf(location);
  return location;
}

/** Opens a database that must be there already. */
export async function openExistingDatabase(location: string): Promise<Database> {
  const kind = kindOf(location);
  if (kind === 'memory') {
    throw new InvalidInputError(
      'database',
      'a folder or a PostgreSQL URL, since memory is gone when its run ends',
      location,
    );
  }
  if (kind === 'folder' && !holdsDatabase(location)) {
    throw new PersistenceError(
      `there is no database in ${resolve(location)}: \`stepcompute run\` creates one, --db names another`,
      { retryable: false },
    );
  }
  return kind === 'server' ? openServer(location, { create: false }) : openFolder(location);
}

/** Where a command looks for runs. */
export interface Place {
  readonly db: string;
  /** Takes the place of the database. */
  readonly on: DeployedPlace | undefined;
}

/**
 * Opens a database that is there already, for as long as the work takes. An interruption abandons it.
 * @param unsettled the message when nothing is left that could end the work
 */
export async function withStores(
  { db, on }: Place,
  interruption: Interruption,
  work: (stores: Stores) => Promise<void>,
  unsettled = 'the database never answers',
): Promise<void> {
  const openAndWork = async (): Promise<void> => {
    const { stores, close } = await (on === undefined
      ? openExistingDatabase(db)
      : openDeployed(on));
    try {
      await work(stores);
    } finally {
      await close();
    }
  };
  await interruption.race(openAndWork(), unsettled);
}

/** Brings the schema of a PostgreSQL server up to date; an embedded one always is. */
export async function migrateDatabase(location: string): Promise<void> {
  if (kindOf(location) === 'server') {
    await (await openServer(location, { create: true, migrate: true })).close();
  } else {
    await (await openExistingDatabase(location)).close();
  }
}

// The database packages take half a second to load: a run in memory does without them.

const longestCloseMs = 2000;

async function openServer(
  url: string,
  schema: { readonly create: boolean; readonly migrate?: boolean },
): Promise<Database> {
  const { openPostgres } = await import('@stepcompute/sql-store/postgres');
  const { stores, close } = await overDataSource(await openPostgres({ url, ...schema }));
  // One that has fallen silent is left behind, and its connections end with this process.
  return { stores, close: () => Promise.race([close(), wait(longestCloseMs)]) };
}

async function openFolder(folder: string): Promise<Database> {
  const { openPglite } = await import('@stepcompute/sql-store/pglite');
  return overDataSource(await openPglite({ folder }));
}

async function overDataSource(dataSource: Parameters<typeof typeOrmStores>[0]): Promise<Database> {
  const sqlStore = await import('@stepcompute/sql-store');
  return { stores: sqlStore.typeOrmStores(dataSource), close: () => dataSource.destroy() };
}
