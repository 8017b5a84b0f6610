import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { InvalidInputError, PersistenceError, type Stores } from '@stepcompute/core';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import { typeOrmStores } from '@stepcompute/sql-store';
import { openPglite } from '@stepcompute/sql-store/pglite';
import { openPostgres } from '@stepcompute/sql-store/postgres';

export interface Database {
  readonly stores: Stores;
  readonly close: () => Promise<void>;
}

/** Where runs are kept: `memory`, a PostgreSQL URL, or else a folder. */
type DatabaseKind = 'memory' | 'server' | 'folder';

function kindOf(location: string): DatabaseKind {
  if (location === 'memory') return 'memory';
  if (/^postgres(ql)?:\/\//i.test(location)) return 'server';
  if (location === '' || location.includes('://')) {
    throw new InvalidInputError(
      'database',
      '"memory", a folder, or postgres://user:password@host:port/database',
      location.replace(/:\/\/.*$/s, '://…'),
    );
  }
  return 'folder';
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
      return overDataSource(await openPostgres({ url: location }));
    case 'folder':
      if (!holdsCluster(location)) announce(`Creating a database in ${location} …`);
      return overDataSource(await openPglite({ folder: location }));
  }
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
  if (kind === 'folder' && !holdsCluster(location)) {
    throw new PersistenceError(
      `there is no database in ${resolve(location)}: \`stepcompute run\` creates one, --db names another`,
      { retryable: false },
    );
  }
  return openDatabase(location, () => undefined);
}

/** Brings the schema of a PostgreSQL server up to date; an embedded one always is. */
export async function migrateDatabase(location: string): Promise<void> {
  if (kindOf(location) === 'server') {
    const dataSource = await openPostgres({ url: location, migrate: true });
    await dataSource.destroy();
  } else {
    const { close } = await openExistingDatabase(location);
    await close();
  }
}

function holdsCluster(folder: string): boolean {
  return existsSync(join(folder, 'postgres'));
}

function overDataSource(dataSource: Awaited<ReturnType<typeof openPglite>>): Database {
  return { stores: typeOrmStores(dataSource), close: () => dataSource.destroy() };
}
