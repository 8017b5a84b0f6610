import { InProcessOrchestrator, type Stores } from '@stepcompute/core';
import { inMemoryStores, VirtualClock } from '@stepcompute/inmemory-adapter';
import type { ChaosHooks, ChaosSubject } from '../chaos-subject.js';

/** @param plant replaces the stores, by ones with a bug */
export function inMemory(plant: (stores: Stores) => Stores = (stores) => stores): ChaosSubject {
  const stores = plant(inMemoryStores());
  return inProcess('in memory', stores);
}

/** A kind of database. */
export type Engine = 'pglite' | 'postgres';

/** @param place the folder of an embedded database, or the URL of a server */
export async function inSql(
  engine: Engine,
  place: string,
  hooks: ChaosHooks,
): Promise<ChaosSubject> {
  const { typeOrmStores } = await import('@stepcompute/sql-store');
  const dataSource =
    engine === 'pglite'
      ? await (await import('@stepcompute/sql-store/pglite')).openPglite({ folder: place })
      : await (await import('@stepcompute/sql-store/postgres')).openPostgres({ url: place });
  return inProcess(engine, typeOrmStores(dataSource), hooks);
}

function inProcess(name: string, stores: Stores, hooks?: ChaosHooks): ChaosSubject {
  return {
    name,
    open: () => stores,
    hooks,
    orchestrator: (parts) => new InProcessOrchestrator(parts),
    clock: () => new VirtualClock(),
  };
}
