import { averageOf } from '../statistics/averaging.js';
import type { Orchestrator, Progress } from '../ports/orchestrator.js';
import type { IterationFailure, Stores } from '../ports/stores.js';
import { IterationId, Repetitions, RunId } from '../run/numbers.js';
import { parseRunRequest, type RunRequest } from '../run/request.js';
import { deleteRun } from '../steps/delete-run.js';
import { assert, assertEqual, assertRejects, type TestRunner } from './assertions.js';
import {
  expectedAverage,
  expectedValues,
  failingIterations,
  measuredOf,
  type ContractSimulation,
} from './simulations.js';

/** The orchestrators under test. */
export interface OrchestratorSubject {
  /** Heads the suite's report. */
  readonly name: string;
  /** An orchestrator of the named simulation, with the stores that it works on. Asked once per test. */
  readonly open: (simulation: ContractSimulation) => OpenOrchestrator | Promise<OpenOrchestrator>;
}

export interface OpenOrchestrator {
  readonly orchestrator: Orchestrator;
  readonly stores: Stores;
}

/** The behaviour that all orchestrators share; one is right when it passes. */
export function testOrchestrator(runner: TestRunner, subject: OrchestratorSubject): void {
  const { describe, it } = runner;

  describe(`${subject.name}: orchestrator`, () => {
    it('stores every value and averages them, to the bit', async () => {
      const { orchestrator, stores } = await subject.open('uniform');
      const { run, ledger, average } = await orchestrator.run({ repetitions: 200, seed: 42 });
      assertEqual(average, expectedAverage(42, 200), 'the average');
      assertEqual(ledger, { requested: 200, completed: 200, failed: 0, missing: 0 }, 'the ledger');
      assertEqual(run.status, 'completed', 'status');
      assertEqual(await valuesOf(stores, run.id), expectedValues(42, 200), 'the stored values');
      assertEqual(await stores.averages.history(run.id), [average], 'the stored averages');
      assertEqual((await stores.runs.get(run.id)).status, 'completed', 'the stored status');
    });

    it('runs a single repetition', async () => {
      const { orchestrator } = await subject.open('uniform');
      const { average } = await orchestrator.run({ repetitions: 1, seed: 7 });
      assertEqual(average, expectedAverage(7, 1), 'the average');
    });

    it('chooses and records a seed when none is given, from which the run can be repeated', async () => {
      const { orchestrator } = await subject.open('uniform');
      const first = await orchestrator.run({ repetitions: 20 });
      const second = await orchestrator.run({ repetitions: 20, seed: first.run.seed });
      assertEqual(second.average, first.average, 'the repeated average');
      assert(second.run.id !== first.run.id, 'a repeated run must be a new run');
    });

    it('runs the document’s 10-minute delay', async () => {
      const { orchestrator } = await subject.open('uniform');
      const { run, average } = await orchestrator.run({
        repetitions: 10,
        seed: 42,
        delayMs: 600_000,
      });
      assertEqual(run.delayMs, 600_000, 'delay');
      assertEqual(average, expectedAverage(42, 10), 'the average');
    });

    it('keeps runs apart that go on at the same time', async () => {
      const { orchestrator } = await subject.open('uniform');
      const results = await Promise.all(
        [1, 2, 3].map((seed) => orchestrator.run({ repetitions: 50, seed })),
      );
      assertEqual(new Set(results.map(({ run }) => run.id)).size, 3, 'distinct run ids');
      for (const { run, average } of results) {
        assertEqual(average, expectedAverage(run.seed, 50), 'the average');
      }
    });

    it('answers a repeated idempotency key with the same run and average', async () => {
      const { orchestrator } = await subject.open('uniform');
      const request = { repetitions: 30, idempotencyKey: uniqueKey() };
      const first = await orchestrator.run(request);
      const second = await orchestrator.run(request);
      assertEqual(second.run.id, first.run.id, 'the run id');
      assertEqual(second.average, first.average, 'the average');
    });

    it('refuses an idempotency key that comes back with another input', async () => {
      const { orchestrator } = await subject.open('uniform');
      const idempotencyKey = uniqueKey();
      await orchestrator.run({ repetitions: 3, seed: 1, idempotencyKey });
      await assertRejects(
        orchestrator.run({ repetitions: 4, seed: 1, idempotencyKey }),
        'ConflictingRunError',
      );
      await assertRejects(
        orchestrator.run({ repetitions: 3, seed: 2, idempotencyKey }),
        'ConflictingRunError',
      );
    });

    it('records a label, which a repeated key may leave out, and may not change', async () => {
      const { orchestrator, stores } = await subject.open('uniform');
      const request = { repetitions: 3, seed: 1, idempotencyKey: uniqueKey() };
      const { run } = await orchestrator.run({ ...request, label: "it's mine" });
      assertEqual(run.label, "it's mine", 'the label');
      assertEqual((await stores.runs.get(run.id)).label, "it's mine", 'the stored label');
      assertEqual((await orchestrator.run(request)).run, run, 'the run');
      await assertRejects(orchestrator.run({ ...request, label: 'yours' }), 'ConflictingRunError', {
        runId: run.id,
        field: 'label',
      });
    });

    it('says of a deleted run that it does not exist, and begins none under its key', async () => {
      const { orchestrator, stores } = await subject.open('uniform');
      const request = { repetitions: 3, seed: 1, idempotencyKey: uniqueKey() };
      const { run } = await orchestrator.run(request);
      await deleteRun(stores, run.id);
      const { idempotencyKey } = request;
      await assertRejects(orchestrator.run(request), 'DeletedRunError', {
        runId: run.id,
        idempotencyKey,
      });
      await assertRejects(orchestrator.resume(run.id), 'RunNotFoundError', { runId: run.id });
      const change = { repetitions: 5 };
      await assertRejects(orchestrator.resume(run.id, change), 'RunNotFoundError', {
        runId: run.id,
      });
    });

    it('gives every iteration the parameters, and records them with their defaults', async () => {
      const { orchestrator, stores } = await subject.open('priced');
      const { run } = await orchestrator.run({
        repetitions: 50,
        seed: 42,
        parameters: { offset: 0.5, factor: 3 },
      });
      const parameters = { factor: 3, label: 'plain', offset: 0.5 };
      assertEqual(run.parameters, parameters, 'the parameters');
      assertEqual(run.request.parameters, parameters, 'the parameters asked for');
      assertEqual((await stores.runs.get(run.id)).parameters, parameters, 'the stored parameters');
      assertEqual(await valuesOf(stores, run.id), pricedValues(50, 3, 0.5), 'the stored values');
    });

    it('draws the same numbers from the same seed, whatever the parameters', async () => {
      const { orchestrator, stores } = await subject.open('priced');
      for (const parameters of [undefined, {}, { label: 'other' }, { offset: 1000 }]) {
        const { run } = await orchestrator.run({ repetitions: 20, seed: 42, parameters });
        assertEqual(
          await valuesOf(stores, run.id),
          pricedValues(20, 1, parameters?.offset ?? 0),
          'the stored values',
        );
      }
    });

    it('refuses parameters that the simulation does not have before anything is allocated', async () => {
      const { orchestrator, stores } = await subject.open('priced');
      const before = await stores.runs.list({ limit: 1 });
      const cases: [object, string][] = [
        [{ ofset: 1 }, 'a parameter’s name'],
        [{ offset: '1' }, 'parameter offset'],
        [{ label: null }, 'parameter label'],
        [{ offset: NaN }, 'parameters, at offset,'],
        [[1], 'parameters'],
      ];
      for (const [parameters, field] of cases) {
        await assertRejects(orchestrator.run({ repetitions: 1, parameters }), 'InvalidInputError', {
          field,
        });
      }
      assertEqual(await stores.runs.list({ limit: 1 }), before, 'the newest run');
    });

    it('refuses an idempotency key that comes back with other parameters', async () => {
      const { orchestrator, stores } = await subject.open('priced');
      for (const [first, second] of [
        [{ offset: 1 }, { offset: 2 }],
        [{ offset: 1 }, {}],
        [{}, { offset: 1 }],
        [undefined, { label: 'other' }],
      ]) {
        const request = { repetitions: 3, seed: 1, idempotencyKey: uniqueKey() };
        const { run } = await orchestrator.run({ ...request, parameters: first });
        await assertRejects(
          orchestrator.run({ ...request, parameters: second }),
          'ConflictingRunError',
          { field: 'parameters', runId: run.id, idempotencyKey: request.idempotencyKey },
        );
        assertEqual(await stores.runs.get(run.id), run, 'the run');
      }
    });

    it('answers a repeated idempotency key with the same run, whether a default is given or left out', async () => {
      const { orchestrator } = await subject.open('priced');
      for (const [first, second] of [
        [{}, { offset: 0, factor: 1 }],
        [{ offset: 0, label: 'plain' }, undefined],
        [
          { offset: 2, factor: 1 },
          { label: 'plain', offset: 2 },
        ],
      ]) {
        const request = { repetitions: 3, idempotencyKey: uniqueKey() };
        const { run, average } = await orchestrator.run({ ...request, parameters: first });
        const again = await orchestrator.run({ ...request, parameters: second });
        assertEqual(again.run, run, 'the run');
        assertEqual(again.average, average, 'the average');
      }
    });

    it('answers a repeated idempotency key, also when the first request under it was refused', async () => {
      const { orchestrator } = await subject.open('priced');
      const request = { repetitions: 3, idempotencyKey: uniqueKey() };
      await assertRejects(
        orchestrator.run({ ...request, parameters: { offset: 'one' } }),
        'InvalidInputError',
      );
      const { run } = await orchestrator.run(request);
      assertEqual((await orchestrator.run(request)).run, run, 'the run');
    });

    it('resumes and extends a run with the parameters of its record', async () => {
      const { orchestrator, stores } = await subject.open('priced');
      const parameters = { factor: 2, label: 'recorded', offset: 0.25 };
      const id = await interruptedRun(stores, pricedValues(60, 2, 0.25), {
        generatorName: 'priced',
        parameters,
      });
      const { run, average } = await orchestrator.resume(id);
      assertEqual(run.parameters, parameters, 'the parameters');
      assertEqual(average, averageOf(pricedValues(60, 2, 0.25)), 'the average');
      await orchestrator.resume(id, { repetitions: 70 });
      assertEqual(await valuesOf(stores, id), pricedValues(70, 2, 0.25), 'the stored values');
    });

    it('refuses bad input before anything is allocated', async () => {
      const { orchestrator, stores } = await subject.open('uniform');
      const before = await stores.runs.list({ limit: 1 });
      for (const repetitions of [0, -5, 1.5, NaN, Infinity, 1_000_000_001, '5', undefined]) {
        await assertRejects(
          orchestrator.run({ repetitions: repetitions as number }),
          'InvalidInputError',
          { field: 'repetitions' },
        );
      }
      for (const seed of [-1, 0.5, 2 ** 53, NaN, '7']) {
        await assertRejects(
          orchestrator.run({ repetitions: 1, seed: seed as number }),
          'InvalidInputError',
          { field: 'seed' },
        );
      }
      assertEqual(await stores.runs.list({ limit: 1 }), before, 'the newest run');
    });

    it('surfaces the lowest recorded failure with its run and iteration, and averages nothing', async () => {
      const { orchestrator, stores } = await subject.open('failing');
      const error = await assertRejects(
        orchestrator.run({ repetitions: 20, seed: 1 }),
        'IterationFailedError',
      );
      const { runId, iterationId } = error as Error & {
        runId: Parameters<Stores['runs']['get']>[0];
        iterationId: IterationId;
      };
      const [lowest] = await failuresOf(stores, runId);
      assertEqual(iterationId, lowest?.iterationId, 'the iteration reported');
      assert(failingIterations.includes(iterationId), `iteration ${iterationId} does not fail`);
      assertEqual(whyFailed(lowest), `no value at ${iterationId}`, 'the recorded message');
      assertEqual((await stores.runs.get(runId)).status, 'failed', 'the stored status');
      assertEqual(await stores.averages.history(runId), [], 'the stored averages');
    });

    it('stops when the signal is aborted, and says what is stored', async () => {
      const { orchestrator, stores } = await subject.open('hanging');
      const controller = new AbortController();
      const running = orchestrator.run(
        { repetitions: 20, seed: 1 },
        { signal: controller.signal, onProgress: () => controller.abort() },
      );
      const error = await assertRejects(running, 'CancelledError', {
        ledger: { requested: 20, completed: 0, failed: 0, missing: 20 },
      });
      const { runId } = error as Error & { runId: Parameters<Stores['runs']['get']>[0] };
      assertEqual((await stores.runs.get(runId)).status, 'cancelled', 'the stored status');
    });

    it('allocates nothing when the signal is aborted beforehand', async () => {
      const { orchestrator, stores } = await subject.open('uniform');
      const before = await stores.runs.list({ limit: 1 });
      const controller = new AbortController();
      controller.abort();
      await assertRejects(
        orchestrator.run({ repetitions: 20 }, { signal: controller.signal }),
        'CancelledError',
        { runId: undefined },
      );
      assertEqual(await stores.runs.list({ limit: 1 }), before, 'the newest run');
    });

    it('does of a resumed run only what is missing or failed, and averages it to the bit', async () => {
      const { orchestrator, stores } = await subject.open('uniform');
      const id = await interruptedRun(stores);
      const { run, ledger, average } = await orchestrator.resume(id);
      assertEqual(average, expectedAverage(42, 60), 'the average');
      assertEqual(ledger, { requested: 60, completed: 60, failed: 0, missing: 0 }, 'the ledger');
      assertEqual(run.status, 'completed', 'status');
      assertEqual(await valuesOf(stores, id), expectedValues(42, 60), 'the stored values');
      assertEqual(await failuresOf(stores, id), [], 'the failures');
    });

    it('lets several resume the same run at the same time', async () => {
      const { orchestrator, stores } = await subject.open('uniform');
      const id = await interruptedRun(stores);
      const results = await Promise.all([1, 2, 3].map(() => orchestrator.resume(id)));
      for (const { average } of results) {
        assertEqual(average, expectedAverage(42, 60), 'the average');
      }
      assertEqual(await valuesOf(stores, id), expectedValues(42, 60), 'the stored values');
    });

    it('answers with its average when a complete run is resumed', async () => {
      const { orchestrator, stores } = await subject.open('uniform');
      const { run, average } = await orchestrator.run({ repetitions: 20, seed: 5 });
      const again = await orchestrator.resume(run.id);
      assertEqual(again.average, average, 'the average');
      assertEqual(await stores.runs.get(run.id), run, 'the run');
    });

    it('extends a run: its values stay, its seed goes on, its old average is kept', async () => {
      const { orchestrator, stores } = await subject.open('uniform');
      const { run, average } = await orchestrator.run({ repetitions: 20, seed: 5 });
      const extended = await orchestrator.resume(run.id, { repetitions: 70 });
      assertEqual(extended.run.repetitions, 70, 'repetitions');
      assertEqual(extended.average, expectedAverage(5, 70), 'the average');
      assertEqual(
        await stores.averages.history(run.id),
        [average, extended.average],
        'the averages',
      );
      await assertRejects(orchestrator.resume(run.id, { repetitions: 69 }), 'InvalidInputError', {
        field: 'repetitions',
      });
    });

    it('stores and averages every measure, and does only what is missing of an interrupted run', async () => {
      const { orchestrator, stores } = await subject.open('measured');
      const first = await orchestrator.run({ repetitions: 60, seed: 42 });
      const all = expectedValues(42, 60).map(measuredOf);
      const averages = {
        payoff: averageOf(all.map(({ payoff }) => payoff)),
        delta: averageOf(all.map(({ delta }) => delta)),
      };
      assertEqual(first.run.measures, ['payoff', 'delta'], 'the measures');
      assertEqual(first.averages, averages, 'the averages');
      assertEqual(Object.keys(first.averages), ['payoff', 'delta'], 'the order of the averages');
      assertEqual(first.average, averages.payoff, 'the average');
      assertEqual(
        await stores.averages.history(first.run.id),
        [{ ...averages.payoff, more: { delta: averages.delta } }],
        'the stored averages',
      );
      const stored: unknown[] = [];
      for await (const batch of stores.values.read(first.run.id)) {
        stored.push(...batch.map(({ value: payoff, more = [] }) => ({ payoff, delta: more[0] })));
      }
      assertEqual(stored, all, 'the stored values');
      const id = await interruptedRun(
        stores,
        all.map(({ payoff }) => payoff),
        { generatorName: 'measured' },
        all.map(({ delta }) => [delta]),
      );
      assertEqual((await orchestrator.resume(id)).averages, averages, 'the averages when resumed');
    });

    it('goes on until a mean is precise enough, and keeps the average of each look', async () => {
      const { orchestrator, stores } = await subject.open('uniform');
      const looks = [20, 40, 80].map((repetitions) => expectedAverage(42, repetitions));
      const precision = { halfWidth: 100, maximum: 150 };
      const request = { repetitions: 20, seed: 42, precision, idempotencyKey: uniqueKey() };
      const first = await orchestrator.run(request);
      assertEqual(first.average, looks[2], 'the average');
      assertEqual([first.run.status, first.run.repetitions], ['completed', 80], 'the run');
      assertEqual(await valuesOf(stores, first.run.id), expectedValues(42, 80), 'the values');
      assertEqual(await stores.averages.history(first.run.id), looks, 'the averages');
      assertEqual((await orchestrator.run(request)).run, first.run, 'the run of the repeated key');
      assertEqual((await orchestrator.resume(first.run.id)).run, first.run, 'the run resumed');
      await assertRejects(
        orchestrator.run({ ...request, precision: { ...precision, halfWidth: 99 } }),
        'ConflictingRunError',
        { field: 'precision', runId: first.run.id },
      );
      await assertRejects(
        orchestrator.resume(first.run.id, { repetitions: 200 }),
        'InvalidInputError',
        { field: 'repetitions' },
      );
    });

    it('ends at the maximum, however precise the mean is', async () => {
      const { orchestrator, stores } = await subject.open('uniform');
      const precision = { halfWidth: '0.01%', maximum: 50 };
      const { run, average } = await orchestrator.run({ repetitions: 20, seed: 42, precision });
      assertEqual([run.status, run.repetitions], ['completed', 50], 'the run');
      assertEqual(average, expectedAverage(42, 50), 'the average');
      const counts = (await stores.averages.history(run.id)).map(({ count }) => count);
      assertEqual(counts, [20, 40, 50], 'the looks');
    });

    it('takes a run up towards its goal, at whichever look it was interrupted', async () => {
      const { orchestrator, stores } = await subject.open('uniform');
      const precision = { halfWidth: 100, maximum: 150 };
      for (const [repetitions, stored] of [
        [20, 0],
        [20, 7],
        [20, 20],
        [40, 30],
        [40, 40],
        [80, 80],
      ] as const) {
        const request = { repetitions: 20, seed: 42, precision, generatorName: 'uniform' };
        const { id } = await stores.runs.allocate(parseRunRequest(request));
        await stores.runs.reopen(id, { repetitions: Repetitions.parse(repetitions) });
        const values = expectedValues(42, 80).slice(0, stored);
        await stores.values.write(
          id,
          values.map((value, index) => ({ iterationId: IterationId.parse(index), value })),
        );
        const { run, average } = await orchestrator.resume(id);
        assertEqual([run.status, run.repetitions], ['completed', 80], 'the run');
        assertEqual(average, expectedAverage(42, 80), 'the average');
      }
    });

    it('refuses to resume what is no run', async () => {
      const { orchestrator } = await subject.open('uniform');
      await assertRejects(orchestrator.resume(RunId.maximum), 'RunNotFoundError', {
        runId: RunId.maximum,
      });
      for (const id of [0, -1, 1.5, NaN, '1']) {
        await assertRejects(orchestrator.resume(id as number), 'InvalidInputError', {
          field: 'run id',
        });
      }
    });

    it('averages the others when failures are within the tolerance', async () => {
      const { orchestrator, stores } = await subject.open('failing');
      const expected = averageOf(
        expectedValues(42, 200).filter((_, iteration) => !failingIterations.includes(iteration)),
      );
      for (const tolerance of [2, '1%']) {
        const { run, ledger, average } = await orchestrator.run({
          repetitions: 200,
          seed: 42,
          tolerance,
        });
        assertEqual(average, expected, 'the average');
        assertEqual(
          ledger,
          { requested: 200, completed: 198, failed: 2, missing: 0 },
          'the ledger',
        );
        assertEqual(run.status, 'completed', 'status');
        const failures = await failuresOf(stores, run.id);
        assertEqual(
          failures.map((failure) => [failure.iterationId, whyFailed(failure)]),
          failingIterations.map((iteration) => [iteration, `no value at ${iteration}`]),
          'the failures',
        );
      }
    });

    it('stops when more fail than are tolerated, and says so', async () => {
      const { orchestrator, stores } = await subject.open('failing');
      const error = await assertRejects(
        orchestrator.run({ repetitions: 50, seed: 1, tolerance: 1 }),
        'ToleranceExceededError',
        { failed: 2, tolerated: 1 },
      );
      const { runId } = error as Error & { runId: RunId };
      assertEqual((await stores.runs.get(runId)).status, 'failed', 'the stored status');
      assertEqual(await stores.averages.history(runId), [], 'the stored averages');
      const { ledger } = await orchestrator.resume(runId, { tolerance: 2 });
      assertEqual(ledger, { requested: 50, completed: 48, failed: 2, missing: 0 }, 'the ledger');
    });

    it('reports progress that only grows and ends complete', async () => {
      const { orchestrator } = await subject.open('uniform');
      const reports: Progress[] = [];
      await orchestrator.run(
        { repetitions: 50, seed: 3 },
        { onProgress: (progress) => reports.push(progress) },
      );
      const counts = reports.map(({ completed }) => completed);
      assertEqual(
        counts,
        [...counts].sort((a, b) => a - b),
        'completed counts',
      );
      const last = reports.at(-1);
      assertEqual(last?.total, 50, 'total');
      assertEqual(last?.completed, 50, 'completed in the last report');
      assertEqual(last?.failed, 0, 'failed in the last report');
      assertEqual(last?.remainingMs, 0, 'time left in the last report');
    });
  });
}

/** The values of `priced` with the seed 42 and these parameters. */
function pricedValues(repetitions: number, factor: number, offset: number): number[] {
  return expectedValues(42, repetitions).map((value) => offset + factor * value);
}

/** A run of 60 repetitions whose process was killed after some were stored, and one had failed. */
async function interruptedRun(
  { runs, values, failures }: Stores,
  all = expectedValues(42, 60),
  given: Pick<RunRequest, 'generatorName' | 'parameters'> = { generatorName: 'uniformInteger' },
  more?: readonly (readonly number[])[],
): Promise<RunId> {
  const request = { repetitions: 60, seed: 42, delayMs: deployedDelayMs, ...given };
  const measures = more && ['payoff', 'delta'];
  const { id } = await runs.allocate(parseRunRequest(request, { measures }));
  const stored = all
    .map((value, index) => ({
      iterationId: IterationId.parse(index),
      value,
      ...(more && { more: more[index]! }),
    }))
    .filter(({ iterationId }) => iterationId < 10 || iterationId % 7 === 0);
  await values.write(id, stored);
  await failures.record(id, [
    { iterationId: IterationId.parse(12), errorName: 'Error', message: 'lost', attempts: 1 },
  ]);
  return id;
}

/** The delay of deployed orchestrators; the others take the run's. */
const deployedDelayMs = 600_000;

async function valuesOf(stores: Stores, id: RunId): Promise<number[]> {
  const values: number[] = [];
  for await (const batch of stores.values.read(id)) values.push(...batch.map(({ value }) => value));
  return values;
}

/** A failure's message without its place, which depends on how the simulation was loaded. */
function whyFailed(failure: IterationFailure | undefined): string | undefined {
  return failure?.message.replace(/, at [^ ]+$/, '');
}

async function failuresOf(stores: Stores, id: RunId): Promise<IterationFailure[]> {
  const failures: IterationFailure[] = [];
  for await (const batch of stores.failures.read(id)) failures.push(...batch);
  return failures;
}

function uniqueKey(): string {
  return `orchestrator-contract-${Math.random()}`;
}
