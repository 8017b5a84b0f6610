import { contractSimulations, testOrchestrator, testStores } from '@stepcompute/core/testing';
import { InProcessOrchestrator } from '@stepcompute/core';
import { inMemoryStores } from '../src/inmemory-stores.js';
import { VirtualClock } from '../src/virtual-clock.js';

testStores({ describe, it }, { name: 'in memory', stores: inMemoryStores });

testOrchestrator(
  { describe, it },
  {
    name: 'in process, in memory',
    open: (simulation) => {
      const stores = inMemoryStores();
      const generator = contractSimulations[simulation];
      const clock = new VirtualClock();
      return { stores, orchestrator: new InProcessOrchestrator({ generator, stores, clock }) };
    },
  },
);
