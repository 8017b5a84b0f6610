import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isStepComputeError, RunId, type Run } from '@stepcompute/core';
import { averageOfRun } from '@stepcompute/core/adapters';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { openPglite } from '../src/pglite.js';
import { typeOrmStores } from '../src/typeorm-stores.js';
import { times } from '../../../testing/exhaustive.js';

/** Whatever the work comes to, an error is one of the taxonomy. */
async function endsOrSaysWhy(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isStepComputeError(error)) throw error;
  }
}

describe('rows that another hand has put into the tables', () => {
  let dataSource: DataSource;
  beforeAll(async () => {
    dataSource = await openPglite();
  });
  afterAll(() => dataSource.destroy());

  const integer = fc.oneof(
    fc.integer({ min: -2, max: 12 }),
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  );
  const double = fc.oneof(
    fc.double().map(String),
    fc.constantFrom('NaN', 'Infinity', '-Infinity', '1e308', '-0', '5e-324'),
  );
  const text = fc.oneof(
    fc.constantFrom('0', '5', '1%', '100%', '', '-1', '1.5', '999%', 'started', 'NaN'),
    fc.string({ unit: 'binary', maxLength: 40 }).map((any) => any.replaceAll('\0', '')),
  );
  const rows = fc.record({
    run: fc.tuple(
      integer,
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      double,
      text,
      text,
    ),
    values: fc.array(fc.tuple(integer, double), { maxLength: 12 }),
    failures: fc.array(fc.tuple(integer, text, text, integer), { maxLength: 6 }),
    averages: fc.array(fc.tuple(integer, double, double, double, double), { maxLength: 3 }),
  });

  it('are refused by the tables, or read as what they are, or complained about', async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(rows, async ({ run, values, failures, averages }) => {
        const insert = (table: string, row: readonly unknown[]): Promise<unknown> => {
          const places = row.map((_, index) => `$${index + 1}`).join();
          const statement = `INSERT INTO stepcompute_${table} VALUES (${places}) ON CONFLICT DO NOTHING`;
          // A row that the table refuses is not there to be read.
          return dataSource.query(statement, [...row]).catch(() => undefined);
        };
        runs += 1;
        const id = RunId.parse(runs);
        const [repetitions, seed, delayMs, generator, tolerance] = run;
        await insert('run', [id, repetitions, String(seed), delayMs, generator, null, 'started']);
        await dataSource
          .query('UPDATE stepcompute_run SET tolerance = $1 WHERE id = $2', [tolerance, id])
          .catch(() => undefined);
        // Every other run is one that could be averaged.
        if (runs % 2 === 0) await insert('run', [id, 3, '1', 0, 'g', null, 'started']);
        for (const row of values) await insert('value', [id, ...row]);
        for (const [iteration, name, message, attempts] of failures) {
          await insert('failure', [id, iteration, name, message, new Date(), attempts]);
        }
        for (const row of averages) await insert('average', [id, ...row]);

        const stores = typeOrmStores(dataSource);
        await endsOrSaysWhy(async () => {
          const read: Run = await stores.runs.get(id);
          expect(read.repetitions).toBeGreaterThan(0);
          expect(Number.isSafeInteger(read.seed)).toBe(true);
        });
        await endsOrSaysWhy(async () => {
          for await (const batch of stores.values.read(id)) {
            for (const { value } of batch) expect(Number.isFinite(value)).toBe(true);
          }
        });
        await endsOrSaysWhy(async () => {
          const { requested, completed, failed, missing } = await stores.failures.ledger(id);
          expect(completed + failed + missing).toBe(requested);
          expect(Math.min(completed, failed, missing)).toBeGreaterThanOrEqual(0);
        });
        await endsOrSaysWhy(() => stores.values.missing(id));
        await endsOrSaysWhy(async () => {
          const average = await averageOfRun(stores, await stores.runs.get(id));
          expect(Number.isFinite(average.mean)).toBe(true);
        });
        await endsOrSaysWhy(async () => {
          for (const { mean } of await stores.averages.history(id)) {
            expect(Number.isFinite(mean)).toBe(true);
          }
        });
      }),
      { numRuns: times(40, 150), seed: 1 },
    );
  });
});

describe('a folder that holds something else than a database', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'stepcompute-fuzz-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['an empty cluster', {}],
    ['a cluster of garbage', { PG_VERSION: 'garbage', 'postgresql.conf': '\0\0\0' }],
    ['a cluster of another version', { PG_VERSION: '9' }],
  ])('is refused when that is %s', async (_, files: Readonly<Record<string, string>>) => {
    mkdirSync(join(folder, 'postgres'));
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(folder, 'postgres', name), content);
    }
    await endsOrSaysWhy(async () => (await openPglite({ folder })).destroy());
  });

  it('is taken when that is a lock of garbage', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (content) => {
        writeFileSync(join(folder, 'lock'), content);
        const dataSource = await openPglite({ folder });
        await dataSource.destroy();
      }),
      { numRuns: times(1, 5), seed: 1 },
    );
  });
});
