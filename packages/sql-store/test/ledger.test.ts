import { IterationId, type IterationValue } from '@stepcompute/core';
import { parseRunRequest } from '@stepcompute/core/adapters';
import type { DataSource, QueryRunner } from 'typeorm';
import { openPglite } from '../src/pglite.js';
import { typeOrmStores } from '../src/typeorm-stores.js';

let dataSource: DataSource;
beforeAll(async () => {
  dataSource = await openPglite();
});
afterAll(() => dataSource.destroy());
afterEach(() => jest.restoreAllMocks());

/** Has something done once the connection of each statement is free again, and before its answer is known. */
function afterEachStatement(work: (statement: string) => Promise<unknown>): void {
  const create = dataSource.createQueryRunner.bind(dataSource);
  jest.spyOn(dataSource, 'createQueryRunner').mockImplementation((...of) => {
    const runner = create(...of);
    const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<unknown>;
    const release = runner.release.bind(runner);
    let sent = '';
    runner.query = ((statement: string, ...args: unknown[]) => {
      sent = statement;
      return query(statement, ...args);
    }) as QueryRunner['query'];
    runner.release = async () => {
      await release();
      await work(sent);
    };
    return runner;
  });
}

describe('a run’s ledger', () => {
  it('never says that all is done while an iteration is missing, whatever is stored meanwhile', async () => {
    const stores = typeOrmStores(dataSource);
    const request = { repetitions: 10, seed: 1, tolerance: 2 };
    const { id } = await stores.runs.allocate(parseRunRequest(request));
    const [failed, missing] = [3, 7];
    const row = (iterationId: number): IterationValue => ({
      iterationId: IterationId.parse(iterationId),
      value: 1,
    });
    const others = Array.from({ length: 10 }, (_, each) => each);
    const stored = others.filter((each) => each !== failed && each !== missing);
    await stores.values.write(id, stored.map(row));
    const failure = { errorName: 'Error', message: 'lost', attempts: 1 };
    await stores.failures.record(id, [{ iterationId: IterationId.parse(failed), ...failure }]);
    let isStored = false;
    afterEachStatement(async (statement) => {
      // Once something has been counted, and before the rest is.
      if (isStored || !statement.includes('count(')) return;
      isStored = true;
      await stores.values.write(id, [row(failed)]);
    });
    const ledger = await stores.failures.ledger(id);
    expect(isStored).toBe(true);
    expect(ledger.missing).toBeGreaterThanOrEqual(1);
  });
});

describe('a code that a run accepts', () => {
  it('is kept once, where the answer was lost and it is sent again', async () => {
    const stores = typeOrmStores(dataSource);
    const { id } = await stores.runs.allocate(
      parseRunRequest({ repetitions: 10, seed: 1 }, { fingerprint: { version: 'one' } }),
    );
    let hasLost = false;
    afterEachStatement((statement) => {
      if (hasLost || !statement.includes('SET simulation')) return Promise.resolve();
      hasLost = true;
      return Promise.reject(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    });
    const accepted = { version: 'two' };
    const run = await stores.runs.reopen(id, { accepted });
    expect(hasLost).toBe(true);
    expect(run.simulation).toEqual([{ version: 'one' }, accepted]);
    // The same code may be accepted once more, as where its values depend on its environment.
    jest.restoreAllMocks();
    const again = await stores.runs.reopen(id, { accepted });
    expect(again.simulation).toEqual([{ version: 'one' }, accepted, accepted]);
    const others = ['three', 'four', 'five'].map((version) => ({ version }));
    await Promise.all(others.map((other) => stores.runs.reopen(id, { accepted: other })));
    const all = (await stores.runs.get(id)).simulation;
    expect(all).toHaveLength(6);
    expect(all).toEqual(expect.arrayContaining(others));
  });
});
