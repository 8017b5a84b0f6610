import { InProcessOrchestrator, type Stores } from '@stepcompute/core';
import { inMemoryStores, VirtualClock } from '@stepcompute/inmemory-adapter';
import type { ChaosSubject } from '../src/chaos-subject.js';

/** Processes that come and go around stores in memory, as if these were another machine. */
export function subjectOver(stores: Stores): ChaosSubject {
  const elsewhere = inMemoryStores();
  return {
    name: 'in process, in memory',
    open: () => stores,
    orchestrator: (parts) => new InProcessOrchestrator(parts),
    elsewhere: () => elsewhere,
    clock: () => new VirtualClock(),
  };
}
