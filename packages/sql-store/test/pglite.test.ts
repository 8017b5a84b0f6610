import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InProcessOrchestrator } from '@stepcompute/core';
import { parseNewRun } from './new-run.js';
import { openPglite } from '../src/pglite.js';
import { typeOrmStores } from '../src/typeorm-stores.js';

describe('an embedded database folder', () => {
  let parent: string;
  let folder: string;
  beforeAll(() => {
    parent = mkdtempSync(join(tmpdir(), 'stepcompute-pglite-'));
    folder = join(parent, 'deep', 'database');
  });
  afterAll(() => rmSync(parent, { recursive: true, force: true }));

  it('is created where there is none, starts at run 1, and remembers', async () => {
    const first = await openPglite({ folder });
    const run = await typeOrmStores(first).runs.allocate(parseNewRun({ repetitions: 3, seed: 1 }));
    expect(run.id).toBe(1);
    await first.destroy();

    const second = await openPglite({ folder });
    expect(await typeOrmStores(second).runs.get(run.id)).toEqual(run);
    await second.destroy();
    expect(existsSync(join(folder, 'lock'))).toBe(false);
  });

  it('may be open several times over, each seeing what the others store', async () => {
    const dataSources = await Promise.all([1, 2, 3].map(() => openPglite({ folder })));
    const allStores = dataSources.map((dataSource) => typeOrmStores(dataSource));
    const runs = await Promise.all(
      allStores.map(({ runs }, seed) => runs.allocate(parseNewRun({ repetitions: 1, seed }))),
    );
    expect(new Set(runs.map(({ id }) => id)).size).toBe(3);
    for (const { runs: store } of allStores) {
      for (const run of runs) expect(await store.get(run.id)).toEqual(run);
    }
    for (const dataSource of dataSources) await dataSource.destroy();
  });

  it('goes on with a run where the process that has it open is killed', async () => {
    const dataSource = await openPglite({ folder });
    const stores = typeOrmStores(dataSource);
    const { pid } = JSON.parse(readFileSync(join(folder, 'lock'), 'utf8')) as { pid: number };
    const orchestrator = new InProcessOrchestrator({
      stores,
      concurrency: 10,
      generator: ({ iterationId }) => {
        if (iterationId === 500) process.kill(pid, 'SIGKILL');
        return iterationId;
      },
    });
    const { average, ledger } = await orchestrator.run({ repetitions: 1000, seed: 1 });
    expect(average).toMatchObject({ count: 1000, mean: 499.5 });
    expect(ledger).toMatchObject({ completed: 1000, failed: 0, missing: 0 });
    await dataSource.destroy();
  });

  it('is refused when it cannot be a folder', async () => {
    const file = join(parent, 'file');
    writeFileSync(file, '');
    for (const place of [file, join(file, 'below')]) {
      await expect(openPglite({ folder: place })).rejects.toMatchObject({
        name: 'PersistenceError',
        retryable: false,
        message: expect.stringContaining(place) as string,
      });
    }
  });

  it('is refused when what it holds is no cluster, and left unlocked', async () => {
    const broken = join(parent, 'broken');
    mkdirSync(join(broken, 'postgres'), { recursive: true });
    writeFileSync(join(broken, 'postgres', 'PG_VERSION'), '9.0\n');
    await expect(openPglite({ folder: broken })).rejects.toMatchObject({
      name: 'PersistenceError',
      message: expect.stringContaining(broken) as string,
    });
    expect(existsSync(join(broken, 'lock'))).toBe(false);
  });
});
