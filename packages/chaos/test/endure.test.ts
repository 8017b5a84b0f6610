import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import { ChaosSchedule, type Fault } from '../src/chaos-schedule.js';
import { endure } from '../src/endure.js';
import { plantedBugs } from '../src/planted-bugs.js';
import { subjectOver } from './subject.js';

describe('endure', () => {
  it.each(plantedBugs)('finds stores whose bug $name, by its own check', async (bug) => {
    const subject = subjectOver(bug.plant(inMemoryStores()));
    const checks = new Set<string>();
    for (let number = 0; number < 30; number += 1) {
      const { findings } = await endure(new ChaosSchedule(1, number), subject);
      for (const { check } of findings) checks.add(check);
    }
    expect(checks).toContain(bug.foundBy);
  });

  it('finds nothing in correct stores, and injects every fault: the same ones for the same seed', async () => {
    const injected = async (): Promise<[Fault, number][]> => {
      const subject = subjectOver(inMemoryStores());
      const counts = new Map<Fault, number>();
      for (let number = 0; number < 60; number += 1) {
        const outcome = await endure(new ChaosSchedule(2, number), subject);
        expect(outcome.findings).toEqual([]);
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

  it('restarts the database where the subject can, and only there', async () => {
    let restarts = 0;
    const restart = async (): Promise<void> => {
      restarts += 1;
    };
    const subject = { ...subjectOver(inMemoryStores()), hooks: { restart } };
    let injected = 0;
    for (let number = 0; number < 20; number += 1) {
      const outcome = await endure(new ChaosSchedule(1, number), subject);
      expect(outcome.findings).toEqual([]);
      injected += outcome.injected.get('database restart') ?? 0;
    }
    expect(restarts).toBe(injected);
    expect(restarts).toBeGreaterThan(0);
  });

  it('reports a run that no life brings to its end', async () => {
    const hopeless = {
      ...subjectOver(inMemoryStores()),
      orchestrator: () => ({
        run: () => Promise.reject(new Error('injected: no end')),
        resume: () => Promise.reject(new Error('injected: no end')),
      }),
    };
    for (const life of [0, 12, 50]) {
      const { findings } = await endure(new ChaosSchedule(1, 0), hopeless, life);
      expect(findings).toEqual([{ check: 'end', detail: 'not after 12 lives' }]);
    }
  });
});
