import { InProcessOrchestrator, type Stores } from '@stepcompute/core';
import { inMemoryStores, VirtualClock } from '@stepcompute/inmemory-adapter';
import type { ChaosHooks, ChaosSubject } from '../chaos-subject.js';

/** In two places, whose runs get the same ids. */
export function inMemory(): ChaosSubject {
  const [here, there] = [inMemoryStores(), inMemoryStores()];
  return { ...inProcess('in memory', here), elsewhere: () => there };
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
