import { ChaosSchedule, endure, plantedBugs, testChaos } from '@stepcompute/core/testing';
import type { ChaosSubject } from '@stepcompute/core/testing';
import type { Stores } from '@stepcompute/core';
import { InProcessOrchestrator } from '../src/in-process-orchestrator.js';
import { inMemoryStores } from '../src/inmemory-stores.js';
import { VirtualClock } from '../src/virtual-clock.js';
import { times } from '../../../testing/exhaustive.js';

/** Processes that come and go around stores in memory, as if that were another machine. */
function subjectOver(stores: Stores): ChaosSubject {
  return {
    name: 'in process, in memory',
    open: () => stores,
    orchestrator: (parts) => new InProcessOrchestrator(parts),
    clock: () => new VirtualClock(),
  };
}

testChaos({ describe, it }, subjectOver(inMemoryStores()), { schedules: times(50, 200) });

describe('the oracle', () => {
  it.each(plantedBugs)('finds stores whose bug $name', async ({ plant, foundBy }) => {
    const subject = subjectOver(plant(inMemoryStores()));
    const checks = new Set<string>();
    for (let number = 0; number < 30; number += 1) {
      const { findings } = await endure(new ChaosSchedule(1, number), subject);
      for (const { check } of findings) checks.add(check);
    }
    expect(checks).toContain(foundBy);
  });

  it('goes through every fault, the same ones for the same seed', async () => {
    const injected = async (): Promise<[string, number][]> => {
      const subject = subjectOver(inMemoryStores());
      const counts = new Map<string, number>();
      for (let number = 0; number < 60; number += 1) {
        const outcome = await endure(new ChaosSchedule(2, number), subject);
        for (const [fault, count] of outcome.injected) {
          counts.set(fault, (counts.get(fault) ?? 0) + count);
        }
      }
      return [...counts].sort();
    };
    const first = await injected();
    expect(first.map(([fault]) => fault)).toEqual([
      'clock jump',
      'duplicate delivery',
      'generator failure',
      'kill after',
      'kill before',
      'late delivery',
      'lost acknowledgement',
      'second process',
      'throttling',
    ]);
    expect(await injected()).toEqual(first);
  });
});
