/** What is taken through chaos, and how each of its lives begins. */
import { InProcessOrchestrator, inMemoryStores, VirtualClock } from '@stepcompute/inmemory-adapter';
import { typeOrmStores } from '@stepcompute/sql-store';

/**
 * @param {string} name
 * @param {() => import('@stepcompute/core').Stores | Promise<import('@stepcompute/core').Stores>} open
 * @param {import('@stepcompute/core/testing').ChaosHooks} [hooks]
 * @returns {import('@stepcompute/core/testing').ChaosSubject}
 */
function inProcess(name, open, hooks) {
  return {
    name,
    open,
    hooks,
    orchestrator: (parts) => new InProcessOrchestrator(parts),
    clock: () => new VirtualClock(),
  };
}

/** @param {(stores: import('@stepcompute/core').Stores) => import('@stepcompute/core').Stores} [plant] */
export function inMemory(plant = (stores) => stores) {
  const stores = plant(inMemoryStores());
  return inProcess('in memory', () => stores);
}

/**
 * @param {'pglite' | 'postgres'} engine
 * @param {string} place a folder, or a URL
 * @param {import('@stepcompute/core/testing').ChaosHooks} hooks
 */
export async function inSql(engine, place, hooks) {
  const dataSource =
    engine === 'pglite'
      ? await (await import('@stepcompute/sql-store/pglite')).openPglite({ folder: place })
      : await (await import('@stepcompute/sql-store/postgres')).openPostgres({ url: place });
  return inProcess(engine, () => typeOrmStores(dataSource), hooks);
}
