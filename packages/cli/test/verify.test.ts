import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InProcessOrchestrator, uniformInteger, type ValueGenerator } from '@stepcompute/core';
import { typeOrmStores } from '@stepcompute/sql-store';
import { openPglite } from '@stepcompute/sql-store/pglite';
import { inOneProcess, lastLine, putDatabase } from './support.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-verify-'));
  putDatabase(folder);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const mismatch = { code: 6 };

it('verifies the averages of complete runs, and finds each alteration in the tables', async () => {
  const dataSource = await openPglite({ folder: join(folder, '.stepcompute') });
  const stores = typeOrmStores(dataSource);
  const run = async (generator: ValueGenerator, tolerance = 0): Promise<number> => {
    const orchestrator = new InProcessOrchestrator({ generator, stores });
    return (await orchestrator.run({ repetitions: 10, seed: 42, tolerance })).run.id;
  };
  const alterValue = async (id: number, iteration: number, value: string): Promise<void> => {
    const at = `run_id = ${id} AND iteration_id = ${iteration}`;
    await dataSource.query(`UPDATE stepcompute_value SET value = ${value} WHERE ${at}`);
  };
  const flaky: ValueGenerator = (context) => {
    if (context.iterationId === 7) throw new Error('boom');
    return uniformInteger(context);
  };

  const intact = await run(uniformInteger);
  const tolerant = await run(flaky, 1);

  const oneValue = await run(uniformInteger);
  await alterValue(oneValue, 3, 'value + 1e-9');
  const balanced = await run(uniformInteger);
  await alterValue(balanced, 3, 'value - 1');
  await alterValue(balanced, 4, 'value + 1');
  const tooLarge = await run(uniformInteger);
  await alterValue(tooLarge, 3, '1.7e308');
  await alterValue(tooLarge, 4, '1.7e308');
  const deleted = await run(uniformInteger);
  await dataSource.query(
    `DELETE FROM stepcompute_value WHERE run_id = ${deleted} AND iteration_id = 3`,
  );
  const average = await run(uniformInteger);
  await dataSource.query(
    `UPDATE stepcompute_average SET maximum = maximum + 1 WHERE run_id = ${average}`,
  );
  await dataSource.destroy();

  const verify = (id: number): string[] => ['show', String(id), '--verify'];
  const outcomes = inOneProcess(
    folder,
    verify(intact),
    [...verify(intact), '--json'],
    verify(tolerant),
    verify(oneValue),
    verify(balanced),
    verify(tooLarge),
    verify(deleted),
    verify(average),
    [...verify(average), '--json'],
    ['show', String(average)],
  );
  const [first, firstAsJson, second, ...altered] = outcomes;
  expect(first.code).toBe(0);
  expect(first.stdout).toContain('verified\tyes, to the bit\n');
  expect(lastLine(firstAsJson)).toMatchObject({ runId: intact, count: 10, verified: true });
  expect(second.code).toBe(0);
  expect(second.stdout).toContain('averaged\t9\n');
  expect(second.stdout).toContain('verified\tyes, to the bit\n');

  expect(altered.slice(0, 6)).toMatchObject(Array.from({ length: 6 }, () => mismatch));
  const said = altered.map(({ stdout, stderr }) => stdout + stderr);
  expect(said[0]).toContain(`run ${oneValue}'s values do not come to its stored average: the mean`);
  expect(said[1]).toContain('the standardDeviation stored is');
  expect(said[2]).toContain('can no longer be averaged: the values are too large');
  expect(said[3]).toContain('can no longer be averaged: run 6 has 9 of 10 values');
  expect(said[4]).toContain('the maximum stored is');
  expect(lastLine(altered[5])).toMatchObject({
    error: { name: 'MismatchError', code: 'MISMATCH' },
  });
  expect(altered[6].code).toBe(0);
});

it('has nothing to verify in a run that is not complete, extended or not', () => {
  // Fails from iteration 10 on.
  const simulation =
    'export default ({ iterationId }) => { if (iterationId > 9) throw new Error("boom"); return 1; }';
  writeFileSync(join(folder, 'simulation.mjs'), simulation);
  const begin = ['run', '--generator', 'simulation.mjs', '-n'];
  const outcomes = inOneProcess(
    folder,
    [...begin, '11'],
    ['show', '1', '--verify'],
    [...begin, '10'],
    ['show', '2', '--verify'],
    ['extend', '2', '--to', '11'],
    ['show', '2', '--verify', '--json'],
  );
  expect(outcomes.map(({ code }) => code)).toEqual([3, 3, 0, 0, 3, 3]);
  expect(outcomes[1].stderr).toBe(
    'stepcompute: run 1 has no average yet: there is nothing to verify\n',
  );
  expect(lastLine(outcomes[5])).toMatchObject({
    error: { code: 'NOTHING_TO_VERIFY', message: expect.stringContaining('all') as string },
  });
});

it('resumes a complete run from its stored average when its simulation is gone', () => {
  const file = join(folder, 'simulation.mjs');
  writeFileSync(file, 'export default ({ random }) => random.integer(1, 6);');
  const begin = ['run', '-n', '20', '--seed', '1', '--generator', 'simulation.mjs', '--json'];
  const [run] = inOneProcess(folder, begin);
  rmSync(file);
  const outcomes = inOneProcess(
    folder,
    ['resume', '1', '--json'],
    ['resume', '1'],
    ['resume', '1', '--delay', '1ms'],
    ['extend', '1', '--to', '21'],
    ['show', '1', '--json'],
  );
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 2, 2, 0]);
  const { elapsedMs, ...report } = lastLine(run);
  expect(elapsedMs).toEqual(expect.any(Number));
  expect(lastLine(outcomes[0])).toEqual({ ...report, elapsedMs: expect.any(Number) as number });
  expect(outcomes[1].stderr).toContain('20 of them stored already\n');
  expect(outcomes[1].stdout).toMatch(/^run\t1\n/);
  expect(outcomes[2].stderr).toContain('generator must be a file that exists');
  expect(lastLine(outcomes[4])).toMatchObject({ status: 'completed', delayMs: 0, repetitions: 20 });
});

it('loads no simulation to resume a complete run, and takes up one whose failures were tolerated', () => {
  const file = join(folder, 'simulation.mjs');
  const source =
    'export default ({ iterationId }) => { if (iterationId === 3) throw 0; return 1; }';
  writeFileSync(file, source);
  const run = ['run', '--generator', 'simulation.mjs', '--tolerate', '1', '-n'];
  const begun = inOneProcess(folder, [...run, '3'], [...run, '5']);
  expect(begun.map(({ code }) => code)).toEqual([0, 0]);
  writeFileSync(file, 'throw new Error("loaded");');
  const [complete, tolerated] = inOneProcess(folder, ['resume', '1'], ['resume', '2']);
  expect(complete.code).toBe(0);
  expect(tolerated.code).toBe(2);
  expect(tolerated.stderr).toContain('loaded');
  writeFileSync(file, 'export default () => 1;');
  const accept = '--accept-changed-simulation';
  const [mended] = inOneProcess(folder, ['resume', '2', '--json', accept]);
  expect(lastLine(mended)).toMatchObject({ count: 5, failed: 0 });
});
