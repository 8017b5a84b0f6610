import { IterationId, type RunId } from '@stepcompute/core';
import { countOf, IterationRange, iterationsOf } from '@stepcompute/core/adapters';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { dataApi, wire, type Dialect } from '../src/dialect.js';
import { missingRanges } from '../src/missing-ranges.js';
import { openPglite } from '../src/pglite.js';
import { typeOrmStores } from '../src/typeorm-stores.js';
import { parseNewRun } from './new-run.js';

let dataSource: DataSource;
beforeAll(async () => {
  dataSource = await openPglite();
});
afterAll(() => dataSource.destroy());

/** A run with a value for each of `count` iterations, `step` apart, from `first` on. */
async function runWith(count: number, first: number, step: number): Promise<RunId> {
  const run = parseNewRun({ repetitions: 1_000_000_000, seed: 1 });
  const { id } = await typeOrmStores(dataSource).runs.allocate(run);
  await dataSource.query(
    `INSERT INTO stepcompute_value
     SELECT $1::integer, $2::integer + number * $3::integer, 0
     FROM generate_series(0, $4::integer - 1) AS number`,
    [id, first, step, count],
  );
  return id;
}

/** The dialect, with a note of the iterations that each statement looks at. */
function noting(dialect: Dialect): { readonly dialect: Dialect; readonly asked: number[] } {
  const asked: number[] = [];
  const noted: Dialect = {
    ...dialect,
    tableOf: (name, columns, rows, placeholder) => {
      asked.push(countOf(rows as readonly unknown[] as readonly IterationRange[]));
      return dialect.tableOf(name, columns, rows, placeholder);
    },
  };
  return { dialect: noted, asked };
}

/** The gaps of one range, found one iteration at a time. */
function gapsOf(range: IterationRange, stored: readonly number[]): IterationRange[] {
  const gaps: IterationRange[] = [];
  for (const first of iterationsOf([range])) {
    if (stored.includes(first)) continue;
    const last = gaps.at(-1);
    if (last !== undefined && last.first + last.count === first) {
      gaps[gaps.length - 1] = { ...last, count: last.count + 1 };
    } else {
      gaps.push({ first, count: 1 });
    }
  }
  return gaps;
}

describe.each([
  ['by wire', wire],
  ['by the Data API', dataApi],
])('missing ranges %s', (_, dialect) => {
  it('are those that have no value, however few of them a statement looks at', async () => {
    const { runs, values } = typeOrmStores(dataSource);
    const places = fc.uniqueArray(fc.nat(39), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(
        places,
        places,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 4 }),
        async (stored, cuts, mostValues, mostRanges) => {
          const { id } = await runs.allocate(parseNewRun({ repetitions: 40, seed: 1 }));
          const batch = stored.map((place) => ({
            iterationId: IterationId.parse(place),
            value: 1,
          }));
          await values.write(id, batch);
          // Each cut ends a range and begins another; every third range is left out.
          const ends = [0, ...cuts.sort((a, b) => a - b), 40];
          const ranges = ends
            .flatMap((end, index) => IterationRange.between(ends[index - 1] ?? 0, end) ?? [])
            .filter((_range, index) => index % 3 !== 2);
          const gaps = ranges.flatMap((range) => gapsOf(range, stored));
          const limits = { values: mostValues, ranges: mostRanges };
          expect(await missingRanges(dataSource, id, ranges, dialect, limits)).toEqual(gaps);
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  it('take time in proportion to the values, whatever plan PostgreSQL chooses', async () => {
    const totals: number[] = [];
    for (const count of [1_000, 2_000, 4_000]) {
      const id = await runWith(count, 0, 2);
      const whole = IterationRange.parse({ first: 0, count: 2 * count });
      const noted = noting(dialect);
      const limits = { values: 100, ranges: 10 };
      const gaps = await missingRanges(dataSource, id, [whole], noted.dialect, limits);
      expect(gaps).toHaveLength(count);
      totals.push(noted.asked.reduce((total, asked) => total + asked, 0) / count);
    }
    // Iterations looked at for each value. There are two of them.
    expect(Math.max(...totals)).toBeLessThan(4);
  });

  it('of a run in which nothing is stored take a few statements, however long it is', async () => {
    const id = await runWith(0, 0, 1);
    const whole = IterationRange.parse({ first: 0, count: 1_000_000_000 });
    const noted = noting(dialect);
    expect(await missingRanges(dataSource, id, [whole], noted.dialect)).toEqual([whole]);
    expect(noted.asked.length).toBeLessThan(20);
  });

  it('come in answers and rows that the Data API allows', async () => {
    // The longest text for each value: no two of them adjacent, all with ids of nine digits.
    const count = 90_000;
    const first = 1_000_000_000 - 2 * count;
    const id = await runWith(count, first, 2);
    const answers: string[][] = [];
    const overheard = {
      options: dataSource.options,
      hasMetadata: () => false,
      createQueryRunner: () => {
        const runner = dataSource.createQueryRunner();
        const query = async (...asked: Parameters<typeof runner.query>): Promise<unknown> => {
          const answer = (await runner.query(...asked)) as { records: { islands: string }[] };
          answers.push(answer.records.map(({ islands }) => islands));
          return answer;
        };
        return { query, release: () => runner.release() };
      },
    } as unknown as DataSource;
    const ranges = [IterationRange.parse({ first, count: 2 * count })];
    expect(await missingRanges(overheard, id, ranges, dialect)).toHaveLength(count);
    const lengths = answers.map((rows) => rows.join('').length);
    expect(Math.max(...lengths)).toBeGreaterThan(400_000);
    expect(Math.max(...lengths)).toBeLessThan(2 ** 20);
    for (const row of answers.flat()) expect(row.length).toBeLessThan(64_000);
  });
});
