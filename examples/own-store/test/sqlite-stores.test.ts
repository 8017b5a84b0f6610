import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testChaos } from '@stepcompute/chaos';
import { InProcessOrchestrator, type Stores } from '@stepcompute/core';
import { contractSimulations, testOrchestrator, testStores } from '@stepcompute/core/testing';
import { VirtualClock } from '@stepcompute/inmemory-adapter';
import { times } from '../../../testing/exhaustive.js';
import { sqliteStores } from '../src/sqlite-stores.js';

const folder = mkdtempSync(join(tmpdir(), 'stepcompute-own-store-'));
const opened: { readonly close: () => void }[] = [];
afterAll(() => {
  for (const { close } of opened) close();
  rmSync(folder, { recursive: true, force: true });
});

function open(file: string): Stores {
  const { close, ...stores } = sqliteStores(join(folder, file));
  opened.push({ close });
  return stores;
}

const stores = open('contract.sqlite');
testStores({ describe, it }, { name: 'SQLite', stores: () => stores });
testOrchestrator(
  { describe, it },
  {
    name: 'in process, on SQLite',
    open: (simulation) => ({
      stores,
      orchestrator: new InProcessOrchestrator({
        generator: contractSimulations[simulation],
        stores,
        clock: new VirtualClock(),
      }),
    }),
  },
);

const [here, elsewhere] = [open('chaos.sqlite'), open('chaos-elsewhere.sqlite')];
testChaos(
  { describe, it },
  {
    name: 'in process, on SQLite',
    open: () => here,
    elsewhere: () => elsewhere,
    orchestrator: (parts) => new InProcessOrchestrator(parts),
    clock: () => new VirtualClock(),
  },
  { schedules: times(20, 200), seed: 1 },
);

it('keeps a run in its file', async () => {
  const before = sqliteStores(join(folder, 'kept.sqlite'));
  const orchestrator = new InProcessOrchestrator({
    generator: contractSimulations.measured,
    stores: {
      runs: before.runs,
      tombstones: before.tombstones,
      values: before.values,
      failures: before.failures,
      averages: before.averages,
    },
  });
  const { run, average, averages } = await orchestrator.run({ repetitions: 100, seed: 42 });
  before.close();
  const again = open('kept.sqlite');
  expect(await again.runs.get(run.id)).toEqual(run);
  expect(await again.averages.history(run.id)).toEqual([
    { ...average, more: { delta: averages.delta } },
  ]);
});
