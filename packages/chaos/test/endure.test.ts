import {
  InProcessOrchestrator,
  type Ledger,
  type Orchestrator,
  type RunId,
} from '@stepcompute/core';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import { ChaosSchedule, type Fault } from '../src/chaos-schedule.js';
import type { ChaosParts, ChaosSubject } from '../src/chaos-subject.js';
import { endure } from '../src/endure.js';
import { oracleVersions } from '../src/oracle.js';
import { plantedBugs } from '../src/planted-bugs.js';
import { subjectOver } from './subject.js';

describe('endure', () => {
  it.each(plantedBugs)('finds a subject whose bug $name, by its own check', async (bug) => {
    const subject = bug.plant(subjectOver(inMemoryStores()));
    const checks = new Set<string>();
    for (let number = 0; number < 40; number += 1) {
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
      'accepted change',
      'changed simulation',
      'clock jump',
      'duplicate delivery',
      'generator failure',
      'kill after',
      'kill before',
      'late delivery',
      'lost acknowledgement',
      'second process',
      'simulation without version',
      'throttling',
      'value behind a scan',
    ]);
    expect(await injected()).toEqual(first);
  });

  it('leaves runs behind that mix two simulations, and examines them', async () => {
    const stores = inMemoryStores();
    const subject = subjectOver(stores);
    for (let number = 0; number < 100; number += 1) {
      expect((await endure(new ChaosSchedule(1, number), subject)).findings).toEqual([]);
    }
    const runs = await stores.runs.list({ limit: 1000 });
    const ledgers = await Promise.all(runs.map(({ id }) => stores.failures.ledger(id)));
    const isMixed = ({ completed, changed = 0 }: Ledger): boolean =>
      changed > 0 && changed < completed;
    expect(ledgers.some(isMixed)).toBe(true);
  });

  it('finds a refused simulation that leaves a mark on the run', async () => {
    const subject = subjectOver(inMemoryStores());
    const orchestrator = ({ stores, ...parts }: ChaosParts): Orchestrator => {
      const whole = subject.orchestrator({ stores, ...parts });
      return {
        run: (request) => whole.run(request),
        resume: async (id, change) => {
          try {
            return await whole.resume(id, change);
          } catch (error) {
            if ((error as Error).name === 'ChangedSimulationError') {
              await stores.failures.clear(id as RunId);
            }
            throw error;
          }
        },
      };
    };
    const checks = new Set<string>();
    for (let number = 0; number < 20; number += 1) {
      const { findings } = await endure(new ChaosSchedule(1, number), { ...subject, orchestrator });
      for (const { check } of findings) checks.add(check);
    }
    expect(checks).toEqual(new Set(['changed simulation']));
  });

  it('lets processes with changed simulations work beside a deployed one, and asks no more of its record than was asked', async () => {
    const deployed: ChaosSubject = {
      ...subjectOver(inMemoryStores()),
      isDeployed: true,
      orchestrator: ({ simulationVersion: version, generator, ...parts }) =>
        new InProcessOrchestrator({
          ...parts,
          generator: { ...generator, name: 'deployed' },
          simulationVersion:
            version === oracleVersions.asked
              ? { bundle: 'deployed' }
              : version && { version, bundle: 'another' },
        }),
      find: async ({ runs }, { idempotencyKey }) =>
        (await runs.list({ limit: 4 })).find((run) => run.idempotencyKey === idempotencyKey),
    };
    const faults = new Set<Fault>();
    for (let number = 0; number < 20; number += 1) {
      const { injected, findings } = await endure(new ChaosSchedule(1, number), deployed);
      expect(findings).toEqual([]);
      for (const fault of injected.keys()) faults.add(fault);
    }
    expect([...faults]).toEqual(
      expect.arrayContaining([
        'accepted change',
        'changed simulation',
        'simulation without version',
      ]),
    );
  });

  it.each([
    [{ elsewere: () => inMemoryStores() }, 'elsewere'],
    [{ hooks: { kil: () => undefined } }, 'kil'],
  ])('refuses a subject with a field that there is not: %o', async (fields, name) => {
    const subject = { ...subjectOver(inMemoryStores()), ...fields } as ChaosSubject;
    await expect(endure(new ChaosSchedule(1, 0), subject)).rejects.toMatchObject({
      name: 'InvalidInputError',
      message: expect.stringContaining(`alone; got "${name}"`) as string,
    });
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
      expect(findings).toEqual([
        { check: 'end', detail: 'not after 12 lives' },
        { check: 'end', detail: 'elsewhere: not after 12 lives' },
      ]);
    }
  });
});
