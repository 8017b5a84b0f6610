import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InProcessOrchestrator, uniformInteger, type ValueGenerator } from '@stepcompute/core';
import { typeOrmStores } from '@stepcompute/sql-store';
import { openPglite } from '@stepcompute/sql-store/pglite';

interface Outcome {
  readonly code: number;
  readonly output: string;
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-verify-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs command lines in one process: a database is opened faster there the second time. */
function stepcompute(...lines: readonly string[][]): Outcome[] {
  const output = execFileSync(process.execPath, [join(__dirname, 'arguments-runner.mjs')], {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS: '', STEPCOMPUTE_DB: 'runs' },
    input: JSON.stringify(lines),
    encoding: 'utf8',
  });
  return JSON.parse(output) as Outcome[];
}

/** The JSON object that a command printed last. */
function jsonOf(outcome: Outcome | undefined): Record<string, unknown> {
  return JSON.parse(outcome?.output.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
}

const mismatch = { code: 6 };

it('verifies the averages of complete runs, and finds each alteration in the tables', async () => {
  const dataSource = await openPglite({ folder: join(folder, 'runs') });
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
  const outcomes = stepcompute(
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
  expect(first?.code).toBe(0);
  expect(first?.output).toContain('verified\tyes, to the bit\n');
  expect(jsonOf(firstAsJson)).toMatchObject({ runId: intact, count: 10, verified: true });
  expect(second?.code).toBe(0);
  expect(second?.output).toContain('averaged\t9\n');
  expect(second?.output).toContain('verified\tyes, to the bit\n');

  expect(altered.slice(0, 6)).toMatchObject(Array.from({ length: 6 }, () => mismatch));
  const said = altered.map(({ output }) => output);
  expect(said[0]).toContain(`run ${oneValue}'s values do not come to its stored average: the mean`);
  expect(said[1]).toContain('the standardDeviation stored is');
  expect(said[2]).toContain('can no longer be averaged: the values are too large');
  expect(said[3]).toContain('can no longer be averaged: run 6 has 9 of 10 values');
  expect(said[4]).toContain('the maximum stored is');
  expect(jsonOf(altered[5])).toMatchObject({ error: { name: 'MismatchError', code: 'MISMATCH' } });
  expect(altered[6]?.code).toBe(0);
});

it('has nothing to verify in a run that is not complete, extended or not', () => {
  // Fails from iteration 10 on.
  const simulation =
    'export default ({ iterationId }) => { if (iterationId > 9) throw new Error("boom"); return 1; }';
  writeFileSync(join(folder, 'simulation.mjs'), simulation);
  const begin = ['run', '--generator', 'simulation.mjs', '-n'];
  const outcomes = stepcompute(
    [...begin, '11'],
    ['show', '1', '--verify'],
    [...begin, '10'],
    ['show', '2', '--verify'],
    ['extend', '2', '--to', '11'],
    ['show', '2', '--verify', '--json'],
  );
  expect(outcomes.map(({ code }) => code)).toEqual([3, 3, 0, 0, 3, 3]);
  expect(outcomes[1]?.output).toBe(
    'stepcompute: run 1 has no average yet: there is nothing to verify\n',
  );
  expect(jsonOf(outcomes[5])).toMatchObject({
    error: { code: 'NOTHING_TO_VERIFY', message: expect.stringContaining('all') as string },
  });
});

it('resumes a complete run from its stored average when its simulation is gone', () => {
  const file = join(folder, 'simulation.mjs');
  writeFileSync(file, 'export default ({ random }) => random.integer(1, 6);');
  const begin = ['run', '-n', '20', '--seed', '1', '--generator', 'simulation.mjs', '--json'];
  const [run] = stepcompute(begin);
  rmSync(file);
  const outcomes = stepcompute(
    ['resume', '1', '--json'],
    ['resume', '1'],
    ['resume', '1', '--delay', '1ms'],
    ['extend', '1', '--to', '21'],
    ['show', '1', '--json'],
  );
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 2, 2, 0]);
  const { elapsedMs, ...report } = jsonOf(run);
  expect(elapsedMs).toEqual(expect.any(Number));
  expect(jsonOf(outcomes[0])).toEqual({ ...report, elapsedMs: expect.any(Number) as number });
  expect(outcomes[1]?.output).toContain('20 of them stored already\nrun\t1\n');
  expect(outcomes[2]?.output).toContain('generator must be a file that exists');
  expect(jsonOf(outcomes[4])).toMatchObject({ status: 'completed', delayMs: 0, repetitions: 20 });
});

it('loads no simulation to resume a complete run, and takes up one whose failures were tolerated', () => {
  const file = join(folder, 'simulation.mjs');
  const source =
    'export default ({ iterationId }) => { if (iterationId === 3) throw 0; return 1; }';
  writeFileSync(file, source);
  const run = ['run', '--generator', 'simulation.mjs', '--tolerate', '1', '-n'];
  const begun = stepcompute([...run, '3'], [...run, '5']);
  expect(begun.map(({ code }) => code)).toEqual([0, 0]);
  writeFileSync(file, 'throw new Error("loaded");');
  const [complete, tolerated] = stepcompute(['resume', '1'], ['resume', '2']);
  expect(complete?.code).toBe(0);
  expect(tolerated?.code).toBe(2);
  expect(tolerated?.output).toContain('loaded');
  writeFileSync(file, 'export default () => 1;');
  const [mended] = stepcompute(['resume', '2', '--json']);
  expect(jsonOf(mended)).toMatchObject({ count: 5, failed: 0 });
});
