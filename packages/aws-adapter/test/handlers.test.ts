import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  GetExecutionHistoryCommand,
  RedriveExecutionCommand,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { averageOf, Clock, IterationId, Orchestrator, RunId, SystemClock } from '@stepcompute/core';
import { parseRunRequest } from '@stepcompute/core/adapters';
import { expectedAverage, expectedValues } from '@stepcompute/core/testing';
import fc from 'fast-check';
import { Container } from 'inversify';
import { typeOrmStores } from '@stepcompute/sql-store';
import { sqlStoresModule } from '@stepcompute/sql-store/inversify';
import { stepFunctionsModule } from '../src/inversify.js';
import { isExhaustive, times } from '../../../testing/exhaustive.js';
import { blockSize, deploy, modes, type Deployment, type DeploymentProps } from './deployment.js';

type Step = 'RetrieveRunId' | 'WriteToDb' | 'RecordFailure' | 'AggregateAndStoreValue' | 'Migrate';

let deployment: Deployment;
let lambda: LambdaClient;
const log: string[] = [];

beforeAll(async () => {
  deployment = await deploy({ mode: 'inline', onLog: (_, line) => log.push(line) });
  lambda = new LambdaClient({
    endpoint: deployment.rehearsal.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  });
});
afterAll(() => deployment.close());

/** Calls a deployed step as Step Functions would. */
async function call(
  step: Step,
  event: unknown,
): Promise<{ failed: boolean; answer: Record<string, unknown> }> {
  const name = deployment.rehearsal.functionNames.find((each) => each.startsWith(step));
  const { FunctionError, Payload } = await lambda.send(
    new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(event) }),
  );
  const answer = JSON.parse(Buffer.from(Payload ?? []).toString()) as Record<string, unknown>;
  return { failed: FunctionError !== undefined, answer };
}

async function errorOf(step: Step, event: unknown): Promise<unknown> {
  const { failed, answer } = await call(step, event);
  expect(failed).toBe(true);
  expect(deployment.rehearsal.openTransactions).toBe(0);
  return answer;
}

describe('retrieve run id', () => {
  it('allocates a run and lists its pairs, the same for the same execution', async () => {
    const event = { executionId: 'arn:1', input: { repetitions: 3 }, delayMs: 600_000 };
    const { answer } = await call('RetrieveRunId', event);
    const { runId } = answer;
    expect(answer).toEqual({
      runId,
      seed: expect.any(Number) as number,
      repetitions: 3,
      pairs: [0, 1, 2].map((iterationId) => ({ runId, iterationId })),
      traceparent: null,
    });
    expect((await call('RetrieveRunId', event)).answer).toEqual(answer);
    const other = await call('RetrieveRunId', { ...event, executionId: 'arn:2' });
    expect(other.answer.runId).not.toBe(runId);
  });

  it('lists blocks for as many repetitions as can be averaged within a payload', async () => {
    const input = { repetitions: 102_400_000, seed: 1 };
    const event = { executionId: 'arn:3', input, blockSize: 1000 };
    const { failed, answer } = await call('RetrieveRunId', event);
    expect(failed).toBe(false);
    const blocks = answer.blocks as { count: number }[];
    expect(blocks.reduce((sum, { count }) => sum + count, 0)).toBe(input.repetitions);
    expect(JSON.stringify(answer).length).toBeLessThan(200 * 1024);
  });

  it.each([
    [{}],
    [{ repetitions: 0 }],
    [{ repetitions: 1.5 }],
    [{ repetitions: 1e10 }],
    [{ repetitions: '5' }],
    [{ repetitions: 4001 }],
    [{ input: { repetitions: 102_400_001 }, blockSize: 1000 }],
    [{ input: { repetitions: 2855 }, most: { pairs: 2854 } }],
    [{ input: { repetitions: 31 }, blockSize: 5, most: { blocks: 3, iterationsInBlock: 10 } }],
    [{ input: { repetitions: 1 }, most: { pairs: 0 } }],
    [{ input: { repetitions: 1 }, most: { pear: 1 } }],
    [{ repetitions: 5, seed: -1 }],
    [{ repetitions: 5, extra: true }],
    [null],
    [[]],
  ])('refuses %j, and allocates nothing', async (event) => {
    const before = await deployment.stores.runs.list({ limit: 1 });
    expect(await errorOf('RetrieveRunId', event)).toMatchObject({ errorType: 'InvalidInputError' });
    expect(await deployment.stores.runs.list({ limit: 1 })).toEqual(before);
  });

  it('lists what is missing of a run that was begun before', async () => {
    const { answer } = await call('RetrieveRunId', { repetitions: 3, seed: 1 });
    const runId = RunId.parse(answer.runId);
    await deployment.stores.values.write(runId, [{ iterationId: IterationId.parse(1), value: 0 }]);
    expect((await call('RetrieveRunId', { runId })).answer).toMatchObject({
      runId,
      pairs: [
        { runId, iterationId: 0 },
        { runId, iterationId: 2 },
      ],
    });
    expect(await errorOf('RetrieveRunId', { runId: 999_999 })).toMatchObject({
      errorType: 'RunNotFoundError',
    });
  });
});

describe('write to db', () => {
  it('stores the value of a pair once, however often it is delivered, and a block’s as well', async () => {
    const { answer } = await call('RetrieveRunId', { repetitions: 5, seed: 42 });
    const runId = RunId.parse(answer.runId);
    const pair = { runId, iterationId: 2 };
    expect(await call('WriteToDb', pair)).toEqual({ failed: false, answer: pair });
    const traceparent = `00-${'4'.repeat(32)}-${'2'.repeat(16)}-01`;
    expect((await call('WriteToDb', { ...pair, traceparent })).answer).toEqual(pair);
    await call('WriteToDb', { runId, first: 0, count: 5 });
    const stored: number[] = [];
    for await (const batch of deployment.stores.values.read(runId)) {
      stored.push(...batch.map(({ value }) => value));
    }
    expect(stored).toEqual(expectedValues(42, 5));
  });

  it.each([
    [{}, 'InvalidInputError'],
    [{ runId: 1 }, 'InvalidInputError'],
    [{ runId: 1, iterationId: 'x' }, 'InvalidInputError'],
    [{ runId: 1, iterationId: 1, seed: 5 }, 'InvalidInputError'],
    [{ runId: 999_999, iterationId: 0 }, 'RunNotFoundError'],
    [{ runId: 1, iterationId: 3 }, 'InvalidInputError'],
    [{ runId: 1, first: 2, count: 2 }, 'InvalidInputError'],
  ])('refuses %j at once', async (event, errorType) => {
    expect(await errorOf('WriteToDb', event)).toMatchObject({ errorType });
  });
});

describe('aggregate and store value', () => {
  it('averages a complete run, and answers with its report each time', async () => {
    const { answer } = await call('RetrieveRunId', { repetitions: 5, seed: 42 });
    const runId = RunId.parse(answer.runId);
    expect(await errorOf('AggregateAndStoreValue', answer)).toMatchObject({
      errorType: 'IncompleteRunError',
    });
    expect(await deployment.stores.averages.history(runId)).toEqual([]);
    await call('WriteToDb', { runId, first: 0, count: 5 });
    const report = await call('AggregateAndStoreValue', answer);
    expect(report.answer).toMatchObject({
      runId,
      seed: 42,
      status: 'completed',
      completed: 5,
      missing: 0,
      average: expectedAverage(42, 5).mean,
    });
    expect(await call('AggregateAndStoreValue', answer.pairs)).toEqual(report);
    expect(await deployment.stores.averages.history(runId)).toEqual([expectedAverage(42, 5)]);
  });

  it('has a run with a goal go on to its next look, once, however often it is called', async () => {
    const precision = { halfWidth: 1, maximum: 10 };
    const { answer } = await call('RetrieveRunId', { repetitions: 5, seed: 42, precision });
    const runId = RunId.parse(answer.runId);
    await call('WriteToDb', { runId, first: 0, count: 5 });
    for (let delivery = 1; delivery <= 2; delivery += 1) {
      const { answer: report } = await call('AggregateAndStoreValue', answer);
      expect(report).toMatchObject({ status: 'started', repetitions: 10, count: 5 });
      expect(report.average).toBe(expectedAverage(42, 5).mean);
    }
    const { answer: next } = await call('RetrieveRunId', { runId });
    expect(next).toMatchObject({ repetitions: 10, pairs: { length: 5 } });
    expect(await errorOf('AggregateAndStoreValue', next)).toMatchObject({
      errorType: 'IncompleteRunError',
    });
    await call('WriteToDb', { runId, first: 5, count: 5 });
    const { answer: last } = await call('AggregateAndStoreValue', next);
    expect(last).toMatchObject({ status: 'completed', repetitions: 10, count: 10 });
    // Late.
    expect((await call('AggregateAndStoreValue', answer)).answer).toMatchObject({
      status: 'completed',
    });
    expect(await deployment.stores.averages.history(runId)).toEqual(
      [5, 10].map((count) => expectedAverage(42, count)),
    );
  });

  it.each([
    [{}, 'InvalidInputError'],
    [[], 'InvalidInputError'],
    [{ runId: 999_999, pairs: [] }, 'RunNotFoundError'],
  ])('refuses %j', async (event, errorType) => {
    expect(await errorOf('AggregateAndStoreValue', event)).toMatchObject({ errorType });
  });
});

describe('runs as large as their fields allow', () => {
  const longest = 16_384;
  const around = '{"text":""}'.length;

  /** Each is a text of so many characters, written as so many bytes. */
  it.each<[string, string, string]>([
    ['plain texts', 'x'.repeat(longest - around), 'n'.repeat(4096)],
    ['texts with quotes', '"'.repeat((longest - around) / 2), '"'.repeat(4096)],
    ['texts of wide characters', '€'.repeat((longest - around) / 3), '€'.repeat(4096)],
    ['texts of control characters', '\u0001'.repeat((longest - around) / 6), '\u0001'.repeat(4096)],
  ])('fit the rows and the answers of the Data API: %s', async (_, text, generatorName) => {
    const { runs } = deployment.stores;
    const request = {
      repetitions: 1,
      parameters: { text },
      generatorName,
      idempotencyKey: generatorName.slice(0, 248) + String(Math.random()).slice(-8),
    };
    const run = await runs.allocate(parseRunRequest(request));
    expect(run).toMatchObject(request);
    expect(await runs.get(run.id)).toEqual(run);
    const others = times(40, 200);
    for (let each = 0; each < others; each += 1) {
      await runs.allocate(parseRunRequest({ ...request, idempotencyKey: undefined }));
    }
    expect((await runs.list({ limit: others + 1 })).at(-1)).toEqual(run);
  });
});

it('logs have the ids, and neither payloads nor secrets', async () => {
  log.length = 0;
  const { answer } = await call('RetrieveRunId', { repetitions: 40, seed: 42 });
  await call('WriteToDb', { runId: answer.runId, iterationId: 7 });
  const lines = log
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as object);
  expect(lines).toMatchObject([
    { level: 'INFO', runId: answer.runId, function_request_id: expect.any(String) as string },
    { level: 'INFO', runId: answer.runId, iterationId: 7 },
  ]);
  expect(log.join()).not.toContain('arn:aws:secretsmanager');
  expect(log.join()).not.toContain('"pairs"');
});

it('tables that are not there are told with the remedy, and come with the migration', async () => {
  await deployment.dataSource.query('ALTER TABLE stepcompute_run RENAME TO stepcompute_gone');
  try {
    expect(await errorOf('RetrieveRunId', { repetitions: 1 })).toMatchObject({
      errorType: 'PersistenceError',
      errorMessage: expect.stringContaining('the Migrate function') as string,
    });
  } finally {
    await deployment.dataSource.query('ALTER TABLE stepcompute_gone RENAME TO stepcompute_run');
  }
  expect(await call('Migrate', {})).toEqual({ failed: false, answer: null });
});

it.each([
  ['STEPCOMPUTE_CLUSTER_ARN', {}],
  ['STEPCOMPUTE_SECRET_ARN', { STEPCOMPUTE_CLUSTER_ARN: 'c' }],
  [
    'STEPCOMPUTE_AVERAGES_SECRET_ARN',
    {
      STEPCOMPUTE_CLUSTER_ARN: 'c',
      STEPCOMPUTE_SECRET_ARN: 's',
      STEPCOMPUTE_DATABASE: 'd',
      STEPCOMPUTE_AVERAGES_CLUSTER_ARN: 'a',
    },
  ],
])('a function without %s says so', async (variable, environment) => {
  const before = { ...process.env };
  Object.assign(process.env, environment, { POWERTOOLS_LOG_LEVEL: 'SILENT' });
  try {
    const { handler } = await import('../src/handlers/aggregate-and-store-value.js');
    const context = { awsRequestId: 'r', functionName: 'f' } as never;
    const event = [{ runId: 1, iterationId: 0 }];
    await expect(handler(event, context)).rejects.toMatchObject({
      name: 'InvalidInputError',
      message: expect.stringContaining(variable) as string,
    });
  } finally {
    process.env = before;
  }
});

describe('the orchestrator', () => {
  it.each([
    ['with a clock', new SystemClock()],
    ['without a clock', undefined],
  ])('comes out of a container by one binding, %s', async (_, clock) => {
    const { dataSource, sfn, stateMachineArn } = deployment;
    const container = new Container();
    if (clock !== undefined) container.bind(Clock).toConstantValue(clock);
    container.loadSync(
      sqlStoresModule(dataSource),
      stepFunctionsModule({ client: sfn, stateMachineArn, pollMs: 20 }),
    );
    const { average } = await container
      .get<Orchestrator>(Orchestrator)
      .run({ repetitions: 5, seed: 42 });
    expect(average).toEqual(expectedAverage(42, 5));
  });

  it('has the report as its execution’s output', async () => {
    const idempotencyKey = `report-${Date.now()}`;
    await deployment.orchestrator.run({ repetitions: 4, seed: 42, idempotencyKey });
    const executionArn = `${deployment.stateMachineArn.replace(':stateMachine:', ':execution:')}:${idempotencyKey}`;
    const { output } = await deployment.sfn.send(new DescribeExecutionCommand({ executionArn }));
    expect(JSON.parse(output ?? '')).toMatchObject({
      average: expectedAverage(42, 4).mean,
      completed: 4,
    });
  });

  it('accepts any key as an execution’s name', async () => {
    const idempotencyKey = `a key / with: everything * ${'x'.repeat(200)}`;
    const first = await deployment.orchestrator.run({ repetitions: 2, idempotencyKey });
    const second = await deployment.orchestrator.run({ repetitions: 2, idempotencyKey });
    expect(second.run).toEqual(first.run);
  });

  it.each([
    [{ delayMs: 5 }, 'delay'],
    [{ generatorName: 'mine' }, 'generator name'],
  ])('refuses %j, which is the deployment’s', async (request, field) => {
    await expect(deployment.orchestrator.run({ repetitions: 1, ...request })).rejects.toMatchObject(
      { name: 'InvalidInputError', field },
    );
  });

  it('says which step refused a run, and why', async () => {
    await expect(deployment.orchestrator.run({ repetitions: 5000 })).rejects.toMatchObject({
      name: 'InvalidInputError',
      field: 'repetitions',
      cause: { name: 'StepFailedError', step: 'RetrieveRunId', errorName: 'InvalidInputError' },
      message: expect.stringContaining('at most 2854 in inline mode') as string,
    });
  });

  it('stops the run when its listener throws', async () => {
    const error = new Error('enough');
    await expect(
      deployment.orchestrator.run(
        { repetitions: 5 },
        {
          onProgress: () => {
            throw error;
          },
        },
      ),
    ).rejects.toBe(error);
  });

  it('says so when the state machine is not there', async () => {
    const { StepFunctionsOrchestrator } = await import('../src/step-functions-orchestrator.js');
    const { sfn, stores, stateMachineArn } = deployment;
    const orchestrator = new StepFunctionsOrchestrator({
      client: sfn,
      stateMachineArn: `${stateMachineArn}x`,
      stores,
    });
    await expect(orchestrator.run({ repetitions: 1 })).rejects.toMatchObject({
      name: 'StepFailedError',
      errorName: 'StateMachineDoesNotExist',
    });
  });
});

describe('whatever a function is called with', () => {
  it.each(['RetrieveRunId', 'WriteToDb', 'RecordFailure', 'AggregateAndStoreValue'] as const)(
    'is work for %s, or refused by name and without a secret',
    async (step) => {
      const event = fc.oneof(
        fc.jsonValue(),
        fc.record({ repetitions: fc.oneof(fc.nat({ max: 5 }), fc.jsonValue()) }),
        fc.record({
          executionId: fc.oneof(fc.string(), fc.jsonValue()),
          input: fc.record({ repetitions: fc.constant(2), tolerance: fc.jsonValue() }),
          delayMs: fc.jsonValue(),
          blockSize: fc.jsonValue(),
        }),
        fc.record({
          runId: fc.nat({ max: 3 }),
          iterationId: fc.jsonValue(),
          error: fc.jsonValue(),
        }),
      );
      for (const each of fc.sample(event, { numRuns: 25, seed: 1 })) {
        const { failed, answer } = await call(step, each);
        if (!failed) continue;
        expect(answer.errorType).toMatch(
          /^(InvalidInput|RunNotFound|IncompleteRun|IterationFailed)Error$/,
        );
        expect(JSON.stringify(answer)).not.toMatch(/secret:|postgres:/);
      }
    },
  );
});

describe.each(modes)('a simulation that is mended, %s', (mode) => {
  let flaky: Deployment;
  let mended: string;
  beforeAll(async () => {
    flaky = await deploy({ mode, simulation: 'flaky', inOrder: true });
    mended = join(flaky.assembly, 'mended');
  });
  beforeEach(() => rmSync(mended, { force: true }));
  afterAll(() => flaky.close());

  it('has its run continued under its key by another execution, which does what is missing', async () => {
    const request = { repetitions: 10, seed: 42, idempotencyKey: 'continued' };
    const failed = await flaky.orchestrator.run(request).catch((error: unknown) => error);
    expect(failed).toMatchObject({ name: 'IterationFailedError', iterationId: 5 });
    writeFileSync(mended, '');
    const { run, average } = await flaky.orchestrator.run(request);
    expect(run.id).toBe((failed as { runId: number }).runId);
    expect(average).toEqual(expectedAverage(42, 10));
    expect(await flaky.orchestrator.run(request)).toMatchObject({ run, average });
  });

  it('fails its execution with the iteration, the run, the reason and the seed', async () => {
    const failure = await failureOf(flaky, { repetitions: 10, seed: 42 });
    expect(failure).toEqual({
      error: 'IterationFailedError',
      message: expect.stringMatching(
        /^iteration 5 of run \d+ failed: not mended yet, at flaky\.ts:6:\d+ \(seed 42\)$/,
      ) as string,
    });
  });

  it('fails its execution with the lowest of more than are tolerated', async () => {
    const failure = await failureOf(flaky, { repetitions: 20, seed: 42, tolerance: 3 });
    expect(failure).toEqual({
      error: 'ToleranceExceededError',
      message: expect.stringMatching(
        /^run \d+ tolerates 3 failures, and \d+ of its iterations failed; the lowest: iteration 5 of run \d+ failed: not mended yet, at flaky\.ts:6:\d+ \(seed 42\)$/,
      ) as string,
    });
  });

  it('has its execution redriven once another has completed its run, with the same bits', async () => {
    const request = { repetitions: 10, seed: 42, idempotencyKey: 'redriven' };
    const executionArn = `${flaky.stateMachineArn.replace(':stateMachine:', ':execution:')}:redriven`;
    const redrive = async (): Promise<DescribeExecutionCommandOutput> => {
      await flaky.sfn.send(new RedriveExecutionCommand({ executionArn }));
      return ended(flaky, executionArn);
    };
    const failed = await flaky.orchestrator.run(request).catch((error: unknown) => error);
    writeFileSync(mended, '');
    // It goes on with step 3, which says again why the Map failed.
    expect(await redrive()).toMatchObject({ status: 'FAILED', error: 'IterationFailedError' });
    await flaky.orchestrator.resume((failed as { runId: number }).runId);
    const { status, output = '' } = await redrive();
    expect(status).toBe('SUCCEEDED');
    expect(JSON.parse(output)).toMatchObject({
      average: expectedAverage(42, 10).mean,
      completed: 10,
    });
  });
});

/** An execution once it is over. */
async function ended(
  { sfn }: Deployment,
  executionArn: string,
): Promise<DescribeExecutionCommandOutput> {
  for (;;) {
    const described = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    if (described.status !== 'RUNNING') return described;
  }
}

/** How an execution that somebody starts by hand fails, in one line and without a stack. */
async function failureOf(deployment: Deployment, input: object): Promise<object> {
  const { sfn, stateMachineArn } = deployment;
  const start = new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) });
  const { executionArn = '' } = await sfn.send(start);
  const { status, error, cause = '' } = await ended(deployment, executionArn);
  expect(status).toBe('FAILED');
  const { errorType, errorMessage, trace } = JSON.parse(cause) as Record<string, unknown>;
  expect(errorType).toBe(error);
  expect(trace).toEqual([`${error}: ${String(errorMessage)}`]);
  return { error, message: errorMessage };
}

describe('a simulation whose module can’t be loaded in its function', () => {
  const message =
    'the simulation’s module can’t be loaded in its function: TypeError: there is no licence here (unlicensed.ts:4:55)';

  it.each<[string, Partial<DeploymentProps>]>([
    ['step 1, which allocates no run', { module: 'unlicensed.ts' }],
    ['step 2', { module: 'uniform.ts', moduleOfStep2: 'unlicensed.ts' }],
  ])('fails in one line, in %s', async (_, props) => {
    const unlicensed = await deploy({ mode: 'distributed', ...props });
    try {
      const failure = await failureOf(unlicensed, { repetitions: 20, seed: 42 });
      expect(failure).toEqual({ error: 'InvalidInputError', message });
      const runs = await unlicensed.stores.runs.list({ limit: 2 });
      expect(runs).toHaveLength(props.moduleOfStep2 === undefined ? 0 : 1);
    } finally {
      await unlicensed.close();
    }
  });
});

it('averages go to another database where the deployment has one', async () => {
  const two = await deploy({ mode: 'inline', app: 'two-databases.mjs' });
  try {
    const { run, average } = await two.orchestrator.run({ repetitions: 5, seed: 42 });
    expect(average).toEqual(expectedAverage(42, 5));
    expect(await typeOrmStores(two.dataSource).averages.history(run.id)).toEqual([]);
    expect(await two.stores.averages.history(run.id)).toEqual([average]);
  } finally {
    await two.close();
  }
});

describe('with the faults of AWS', () => {
  // Chaos meets them in the other mode every day.
  it.each(isExhaustive ? modes : (['inline'] as const))(
    'a run ends with the same bits, %s',
    async (mode) => {
      const repetitions = times(60, 200);
      const faulty = await deploy({
        mode,
        faults: { rate: 0.2, seed: 3 },
        simulation: 'uniform',
      });
      try {
        const { ledger, average } = await faulty.orchestrator.run({ repetitions, seed: 42 });
        expect(average).toEqual(expectedAverage(42, repetitions));
        expect(ledger.completed).toBe(repetitions);
        expect(Object.keys(faulty.rehearsal.costs().faults).length).toBeGreaterThan(3);
        expect(faulty.rehearsal.openTransactions).toBe(0);
        const rows = await faulty.dataSource.query<object[]>(
          'SELECT count(*)::integer AS n FROM stepcompute_average',
        );
        expect(rows[0]).toEqual({ n: 1 });
      } finally {
        await faulty.close();
      }
    },
  );

  it.each(modes)(
    'a run outlasts throttling that outlasts the document’s retry, %s',
    async (mode) => {
      const throttled = await deploy({ mode, faults: { throttles: 0.8, seed: 4 } });
      try {
        const { rehearsal, orchestrator, sfn, stateMachineArn } = throttled;
        const repetitions = mode === 'inline' ? 8 : 8 * blockSize;
        const request = { repetitions, seed: 42, idempotencyKey: 'throttled' };
        const { ledger, average } = await orchestrator.run(request);
        expect(average).toEqual(expectedAverage(42, repetitions));
        expect(ledger.failed).toBe(0);
        expect(Object.keys(rehearsal.costs().faults)).toEqual(['Lambda.TooManyRequestsException']);
        // The first function's invocation is throttled nine times, the document's retry ends with seven.
        const executionArn = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:throttled`;
        const { events = [] } = await sfn.send(
          new GetExecutionHistoryCommand({ executionArn, maxResults: 1000 }),
        );
        const names = events.map((event) => event.stateEnteredEventDetails?.name);
        expect(names.filter(Boolean)).toEqual([
          ...['RetrieveRunId', 'RetrieveRunIdWhenFree', 'Map'],
          ...(mode === 'inline' ? names.filter((name) => name?.startsWith('WriteToDb')) : []),
          ...['Pass', 'AggregateAndStoreValue'],
          ...names.filter((name) => name === 'AggregateAndStoreValueWhenFree'),
          'Success',
        ]);
      } finally {
        await throttled.close();
      }
    },
  );

  it('a run whose functions crash is resumed to its end; nothing is lost or doubled', async () => {
    const crashing = await deploy({ mode: 'inline', faults: { crashes: 0.05, seed: 1 } });
    try {
      const { orchestrator, stores } = crashing;
      const errors: unknown[] = [];
      let result = await orchestrator
        .run({ repetitions: 60, seed: 42 })
        .catch((error: unknown) => errors.push(error) && undefined);
      const id = RunId.parse(1);
      while (result === undefined && errors.length < 50) {
        const { requested, completed, failed, missing } = await stores.failures.ledger(id);
        expect(completed + failed + missing).toBe(requested);
        expect(await stores.averages.history(id)).toEqual([]);
        result = await orchestrator
          .resume(id)
          .catch((error: unknown) => errors.push(error) && undefined);
      }
      expect(errors.length).toBeGreaterThan(0);
      expect(result).toMatchObject({
        average: expectedAverage(42, 60),
        ledger: { requested: 60, completed: 60, failed: 0, missing: 0 },
      });
      const stored: number[] = [];
      for await (const batch of stores.values.read(id)) {
        stored.push(...batch.map(({ value }) => value));
      }
      expect(stored).toEqual(expectedValues(42, 60));
    } finally {
      await crashing.close();
    }
  });
});

describe.each(['inline', 'distributed'] as const)(
  'a simulation that ends its process, %s',
  (mode) => {
    let deadly: Deployment;
    beforeAll(async () => {
      deadly = await deploy({ mode, simulation: 'deadly' });
    });
    afterAll(() => deadly.close());

    /** Iteration 12 ends its process, and takes its block with it. */
    const lost =
      mode === 'inline' ? [12] : Array.from({ length: blockSize }, (_, index) => 10 + index);

    it('fails a run that tolerates no failure, with what was lost on record', async () => {
      const error: unknown = await deadly.orchestrator
        .run({ repetitions: 20, seed: 42 })
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ name: 'IterationFailedError', iterationId: lost[0] });
      const { runId } = error as { runId: RunId };
      for await (const failures of deadly.stores.failures.read(runId)) {
        expect(failures.map(({ iterationId }) => iterationId)).toEqual(lost);
        for (const { errorName } of failures) expect(errorName).toBe('Runtime.ExitError');
      }
    });

    it('fails an execution with what was lost, and why', async () => {
      const failure = await failureOf(deadly, { repetitions: 20, seed: 42 });
      expect(failure).toEqual({
        error: 'IterationFailedError',
        message: expect.stringMatching(
          new RegExp(`^iteration ${lost[0]} of run \\d+ failed: .*Runtime exited.* \\(seed 42\\)$`),
        ) as string,
      });
    });

    it('leaves a run that tolerates as many failures its average', async () => {
      const { ledger, average } = await deadly.orchestrator.run({
        repetitions: 20,
        seed: 42,
        tolerance: lost.length,
      });
      const completed = 20 - lost.length;
      expect(ledger).toEqual({ requested: 20, completed, failed: lost.length, missing: 0 });
      expect(average).toEqual(
        averageOf(expectedValues(42, 20).filter((_, iteration) => !lost.includes(iteration))),
      );
    });
  },
);
