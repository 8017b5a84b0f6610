import { testChaos } from '@stepcompute/chaos';
import { InProcessOrchestrator } from '@stepcompute/core';
import { inMemoryStores } from '../src/inmemory-stores.js';
import { VirtualClock } from '../src/virtual-clock.js';
import { times } from '../../../testing/exhaustive.js';

const stores = inMemoryStores();
const elsewhere = inMemoryStores();
testChaos(
  { describe, it },
  {
    name: 'in process, in memory',
    open: () => stores,
    orchestrator: (parts) => new InProcessOrchestrator(parts),
    elsewhere: () => elsewhere,
    clock: () => new VirtualClock(),
  },
  { schedules: times(50, 200) },
);
