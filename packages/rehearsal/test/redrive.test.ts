import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  RedriveExecutionCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
  type DescribeExecutionCommandOutput,
} from '@aws-sdk/client-sfn';
import { Rehearsal } from '../src/index.js';
import { invoke, writeAssembly, type Assembly } from './assembly.js';
import { clientConfig, end, execute, history, reached, types } from './execute.js';

/** Fails as often as an item asks for, and answers with how often each key was asked for. A first call waits for a file. */
const work = `
  const { existsSync } = require('node:fs');
  const calls = {};
  exports.handler = async ({ ask, key, failures = 0, firstUntil, length = 0 }) => {
    if (ask) return calls;
    const call = (calls[key] ?? 0) + 1;
    calls[key] = call;
    const waits = () => call === 1 && firstUntil !== undefined && !existsSync(firstUntil);
    while (waits()) await new Promise((resolve) => setTimeout(resolve, 5));
    if (call <= failures) throw Object.assign(new Error('call ' + call), { name: 'NotYet' });
    return length === 0 ? { key, call } : 'x'.repeat(length);
  };`;

const map = (processor: object, fields: object = {}): object => ({
  StartAt: 'Map',
  States: {
    Map: { Type: 'Map', ItemProcessor: processor, MaxConcurrency: 1, End: true, ...fields },
  },
});
const task = { StartAt: 'Work', States: { Work: invoke('Work', { End: true }) } };
const distributed = {
  ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
  ...task,
};
/** A Map between states that are over at once. */
const between = (processor: object): object => ({
  StartAt: 'Before',
  States: {
    Before: { Type: 'Pass', Next: 'Map' },
    Map: { Type: 'Map', ItemProcessor: processor, Next: 'After' },
    After: { Type: 'Succeed' },
  },
});
const keyed = (key: string, fields: object): object =>
  invoke('Work', {
    Parameters: {
      FunctionName: '${Work.Arn}',
      Payload: { 'key.$': `States.Format('{}-${key}', $.key)`, 'failures.$': `$.${key}` },
    },
    ...fields,
  });

const machines = {
  task,
  chain: {
    StartAt: 'First',
    States: {
      First: keyed('first', {
        ResultSelector: { 'Payload.$': '$.Payload' },
        ResultPath: '$.one',
        OutputPath: '$',
        Next: 'Second',
      }),
      Second: keyed('second', { ResultPath: '$.two', OutputPath: '$', Next: 'Last' }),
      Last: {
        Type: 'Pass',
        Parameters: {
          'input.$': '$$.Execution.Input',
          'one.$': '$.one.Payload.call',
          'two.$': '$.two.Payload.call',
        },
        End: true,
      },
    },
  },
  retried: {
    StartAt: 'Work',
    States: {
      Work: invoke('Work', {
        Retry: [{ ErrorEquals: ['NotYet'], MaxAttempts: 1, IntervalSeconds: 1 }],
        End: true,
      }),
    },
  },
  limited: {
    StartAt: 'Before',
    TimeoutSeconds: 1,
    States: {
      Before: { Type: 'Pass', Next: 'Wait' },
      Wait: { Type: 'Wait', Seconds: 99_999_999, End: true },
    },
  },
  inline: map({
    StartAt: 'First',
    States: {
      First: keyed('first', { ResultPath: null, OutputPath: '$', Next: 'Second' }),
      Second: keyed('second', { End: true }),
    },
  }),
  together: map(task, { MaxConcurrency: 2 }),
  distributed: map(distributed),
  stoppedInline: between(task),
  stoppedDistributed: between(distributed),
};

describe('a redrive', () => {
  let assembly: Assembly;
  let rehearsal: Rehearsal;
  let client: SFNClient;
  let lambda: LambdaClient;

  const arn = (machine: keyof typeof machines): string => rehearsal.stateMachines[machine] ?? '';
  const describeExecution = (executionArn?: string): Promise<DescribeExecutionCommandOutput> =>
    client.send(new DescribeExecutionCommand({ executionArn }));
  const redrive = async (executionArn = ''): Promise<DescribeExecutionCommandOutput> => {
    await client.send(new RedriveExecutionCommand({ executionArn }));
    return end(client, executionArn);
  };
  /** The file that the first call for a key may wait for. */
  const released = (key: string): string => join(assembly.folder, `released-${key}`);
  /** How often the function was called, for the keys that begin so. */
  const calls = async (prefix: string): Promise<Record<string, number>> => {
    const { Payload } = await lambda.send(
      new InvokeCommand({ FunctionName: 'Work', Payload: JSON.stringify({ ask: true }) }),
    );
    const all = JSON.parse(Payload?.transformToString() ?? '') as Record<string, number>;
    return Object.fromEntries(Object.entries(all).filter(([key]) => key.startsWith(prefix)));
  };

  beforeAll(async () => {
    assembly = writeAssembly({ functions: { Work: { code: work } }, machines });
    // One process, so that the function itself counts its calls.
    rehearsal = await Rehearsal.start({
      assembly: assembly.folder,
      timeScale: 60_000,
      mostInstances: 1,
    });
    client = new SFNClient({ ...clientConfig, endpoint: rehearsal.endpoint });
    lambda = new LambdaClient({ ...clientConfig, endpoint: rehearsal.endpoint });
  });
  afterAll(async () => {
    client.destroy();
    lambda.destroy();
    await rehearsal.close();
    assembly.remove();
  });

  it('goes on from the state that failed, with what that state was given', async () => {
    const input = { key: 'chain', first: 0, second: 1 };
    const failed = await execute(client, arn('chain'), input);
    expect(failed).toMatchObject({ status: 'FAILED', error: 'NotYet' });
    const { status, output } = await redrive(failed.executionArn);
    expect(status).toBe('SUCCEEDED');
    expect(JSON.parse(output ?? '')).toEqual({ input, one: 1, two: 2 });
    expect(await calls('chain')).toEqual({ 'chain-first': 1, 'chain-second': 2 });
  });

  it('adds to the history, and enters no state twice', async () => {
    const failed = await execute(client, arn('chain'), { key: 'history', first: 0, second: 1 });
    const { executionArn } = await redrive(failed.executionArn);
    const events = await history(client, executionArn);
    const scheduled = ['TaskScheduled', 'TaskStarted'];
    expect(types(events)).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      ...scheduled,
      'TaskSucceeded',
      'TaskStateExited',
      'TaskStateEntered',
      ...scheduled,
      'TaskFailed',
      'ExecutionFailed',
      'ExecutionRedriven',
      ...scheduled,
      'TaskSucceeded',
      'TaskStateExited',
      'PassStateEntered',
      'PassStateExited',
      'ExecutionSucceeded',
    ]);
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
    expect(events[11]?.executionRedrivenEventDetails).toEqual({ redriveCount: 1 });
  });

  it('is told of by the execution, which says whether there can be one', async () => {
    const failed = await execute(client, arn('task'), { key: 'told', failures: 2 });
    expect(failed).toMatchObject({ redriveCount: 0, redriveStatus: 'REDRIVABLE' });
    expect(failed.redriveDate).toBeUndefined();
    const again = await redrive(failed.executionArn);
    expect(again).toMatchObject({ status: 'FAILED', redriveCount: 1, redriveStatus: 'REDRIVABLE' });
    const succeeded = await redrive(failed.executionArn);
    expect(succeeded).toMatchObject({
      status: 'SUCCEEDED',
      startDate: failed.startDate,
      redriveCount: 2,
      redriveStatus: 'NOT_REDRIVABLE',
      redriveStatusReason: 'Execution is SUCCEEDED and cannot be redriven',
    });
    expect(succeeded.error).toBeUndefined();
    expect(succeeded.redriveDate).toBeInstanceOf(Date);
    const { executions = [] } = await client.send(
      new ListExecutionsCommand({ stateMachineArn: arn('task') }),
    );
    const { executionArn, redriveCount, redriveDate } = succeeded;
    expect(executions).toContainEqual(
      expect.objectContaining({ executionArn, redriveCount, redriveDate }),
    );
  });

  it('is a state transition', async () => {
    const before = rehearsal.costs().stateTransitions;
    const failed = await execute(client, arn('task'), { key: 'billed', failures: 1 });
    expect(rehearsal.costs().stateTransitions - before).toBe(1);
    await redrive(failed.executionArn);
    expect(rehearsal.costs().stateTransitions - before).toBe(2);
  });

  it('gives the retriers their attempts back', async () => {
    const failed = await execute(client, arn('retried'), { key: 'retried', failures: 3 });
    expect(await calls('retried')).toEqual({ retried: 2 });
    const { output } = await redrive(failed.executionArn);
    expect(JSON.parse(output ?? '')).toEqual({ key: 'retried', call: 4 });
  });

  it('gives the execution its time back', async () => {
    const timedOut = await execute(client, arn('limited'), { key: 'limited' });
    expect(timedOut).toMatchObject({ status: 'TIMED_OUT', redriveStatus: 'REDRIVABLE' });
    const again = await redrive(timedOut.executionArn);
    expect(again).toMatchObject({ status: 'TIMED_OUT', redriveCount: 1 });
    expect(Number(again.stopDate) - Number(again.redriveDate)).toBeGreaterThan(900);
    const events = types(await history(client, timedOut.executionArn));
    expect(events.filter((type) => type === 'PassStateEntered')).toHaveLength(1);
  });

  it('runs a task again that was at work when the execution was stopped, and hears no more of it', async () => {
    const { executionArn } = await client.send(
      new StartExecutionCommand({
        stateMachineArn: arn('task'),
        input: JSON.stringify({ key: 'stopped', firstUntil: released('stopped') }),
      }),
    );
    await reached(client, executionArn ?? '', ({ type }) => type === 'TaskStarted');
    await client.send(new StopExecutionCommand({ executionArn }));
    // Its function is still at work, and the only one there is.
    await client.send(new RedriveExecutionCommand({ executionArn }));
    writeFileSync(released('stopped'), '');
    const { output } = await end(client, executionArn ?? '');
    expect(JSON.parse(output ?? '')).toEqual({ key: 'stopped', call: 2 });
    expect(types(await history(client, executionArn))).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      'TaskScheduled',
      'TaskStarted',
      'ExecutionAborted',
      'ExecutionRedriven',
      'TaskScheduled',
      'TaskStarted',
      'TaskSucceeded',
      'TaskStateExited',
      'ExecutionSucceeded',
    ]);
  });

  it.each([
    ['stoppedInline', 'MapIterationSucceeded'],
    ['stoppedDistributed', 'MapRunSucceeded'],
  ] as const)(
    'leaves nothing out and nothing twice, wherever it was stopped: %s',
    async (machine, done) => {
      for (const stopAfter of [1, 2, 4, 5, 6, 8, 10, 15, 20, 25, 30]) {
        const items = ['a', 'b', 'c'].map((key) => ({ key: `${machine}-${stopAfter}-${key}` }));
        const input = JSON.stringify(items);
        const { executionArn = '' } = await client.send(
          new StartExecutionCommand({ stateMachineArn: arn(machine), input }),
        );
        await reached(
          client,
          executionArn,
          ({ id = 0, type }) => id >= stopAfter || type === 'ExecutionSucceeded',
        );
        await client.send(new StopExecutionCommand({ executionArn }));
        const stopped = await describeExecution(executionArn);
        const { output } = stopped.status === 'ABORTED' ? await redrive(executionArn) : stopped;
        expect(JSON.parse(output ?? '')).toMatchObject(items);
        const events = types(await history(client, executionArn));
        const count = (wanted: string): number => events.filter((type) => type === wanted).length;
        for (const type of [
          'MapStateEntered',
          'MapStateStarted',
          'MapStateSucceeded',
          'MapStateExited',
        ]) {
          expect([type, count(type)]).toEqual([type, 1]);
        }
        const iterations = machine === 'stoppedInline' ? 3 : 0;
        for (const type of ['TaskStateEntered', 'TaskStateExited', 'MapIterationStarted']) {
          expect([type, count(type)]).toEqual([type, iterations]);
        }
        expect(count(done)).toBe(machine === 'stoppedInline' ? 3 : 1);
        expect(count('SucceedStateExited')).toBe(1);
      }
    },
  );

  it('is one and the same for one client token', async () => {
    const { executionArn } = await execute(client, arn('task'), { key: 'token', failures: 1 });
    const request = { executionArn, clientToken: 'once' };
    const first = await client.send(new RedriveExecutionCommand(request));
    await end(client, executionArn ?? '');
    const second = await client.send(new RedriveExecutionCommand(request));
    expect(second.redriveDate).toEqual(first.redriveDate);
    expect(await describeExecution(executionArn)).toMatchObject({ redriveCount: 1 });
  });

  it('is refused while the execution runs, and when it has succeeded', async () => {
    const notRedrivable = expect.objectContaining({ name: 'ExecutionNotRedrivable' }) as Error;
    const { executionArn } = await client.send(
      new StartExecutionCommand({
        stateMachineArn: arn('task'),
        input: JSON.stringify({ key: 'running', firstUntil: released('running') }),
      }),
    );
    expect(await describeExecution(executionArn)).toMatchObject({
      redriveStatus: 'NOT_REDRIVABLE',
      redriveStatusReason: 'Execution is RUNNING and cannot be redriven',
    });
    await expect(redrive(executionArn)).rejects.toThrow(notRedrivable);
    writeFileSync(released('running'), '');
    await end(client, executionArn ?? '');
    await expect(redrive(executionArn)).rejects.toThrow(notRedrivable);
  });

  it.each([
    ['arn:aws:states:us-east-1:123456789012:execution:task:none', 'ExecutionDoesNotExist'],
    ['none', 'InvalidArn'],
    ['arn:aws:states:us-east-1:123456789012:stateMachine:task', 'InvalidArn'],
  ])('is refused for %s', async (executionArn, name) => {
    await expect(redrive(executionArn)).rejects.toThrow(expect.objectContaining({ name }) as Error);
  });

  describe('of an inline Map', () => {
    const item = (key: string, failures: { first?: number; second?: number } = {}): object => ({
      key: `inline-${key}`,
      first: 0,
      second: 0,
      ...failures,
    });

    it('runs only the iterations that did not succeed, each from the state that failed', async () => {
      const items = [item('a'), item('b', { second: 1 }), item('c')];
      const failed = await execute(client, arn('inline'), items);
      expect(failed.status).toBe('FAILED');
      const { status, output } = await redrive(failed.executionArn);
      expect(status).toBe('SUCCEEDED');
      expect(JSON.parse(output ?? '')).toEqual([
        { key: 'inline-a-second', call: 1 },
        { key: 'inline-b-second', call: 2 },
        { key: 'inline-c-second', call: 1 },
      ]);
      expect(await calls('inline-')).toEqual({
        'inline-a-first': 1,
        'inline-a-second': 1,
        'inline-b-first': 1,
        'inline-b-second': 2,
        'inline-c-first': 1,
        'inline-c-second': 1,
      });
      const events = types(await history(client, failed.executionArn));
      const count = (wanted: string): number => events.filter((type) => type === wanted).length;
      expect(count('MapStateStarted')).toBe(1);
      expect(count('MapIterationStarted')).toBe(3);
      expect(count('MapIterationSucceeded')).toBe(3);
      expect(count('MapIterationFailed')).toBe(1);
      expect(count('MapStateExited')).toBe(1);
    });

    it('runs those again that were ended with the one that failed', async () => {
      const items = [
        { key: 'together-a', failures: 1 },
        { key: 'together-b', firstUntil: released('together-b') },
      ];
      const failed = await execute(client, arn('together'), items);
      writeFileSync(released('together-b'), '');
      expect(types(await history(client, failed.executionArn))).toContain('MapIterationAborted');
      const { status } = await redrive(failed.executionArn);
      expect(status).toBe('SUCCEEDED');
      expect(await calls('together')).toEqual({ 'together-a': 2, 'together-b': 2 });
    });
  });

  describe('of a Distributed Map', () => {
    it('runs only the children that failed or never started, and keeps the others’ results', async () => {
      const items = [{ key: 'child-a' }, { key: 'child-b', failures: 1 }, { key: 'child-c' }];
      const { executionArn, status } = await execute(client, arn('distributed'), items);
      expect(status).toBe('FAILED');
      expect(await calls('child')).toEqual({ 'child-a': 1, 'child-b': 1 });
      const { mapRuns = [] } = await client.send(new ListMapRunsCommand({ executionArn }));
      const mapRunArn = mapRuns[0]?.mapRunArn;
      const failures = new ListExecutionsCommand({ mapRunArn, statusFilter: 'FAILED' });
      const child = (await client.send(failures)).executions?.[0]?.executionArn;
      expect(await describeExecution(child)).toMatchObject({
        redriveCount: 0,
        redriveStatus: 'REDRIVABLE_BY_MAP_RUN',
      });
      await expect(redrive(child)).rejects.toThrow(
        expect.objectContaining({ name: 'ExecutionNotRedrivable' }) as Error,
      );

      const redriven = await redrive(executionArn);
      expect(redriven.status).toBe('SUCCEEDED');
      expect(JSON.parse(redriven.output ?? '')).toEqual([
        { key: 'child-a', call: 1 },
        { key: 'child-b', call: 2 },
        { key: 'child-c', call: 1 },
      ]);
      expect(await calls('child')).toEqual({ 'child-a': 1, 'child-b': 2, 'child-c': 1 });
      expect(await describeExecution(child)).toMatchObject({
        status: 'SUCCEEDED',
        redriveCount: 1,
      });
      expect(types(await history(client, child)).slice(4)).toEqual([
        'TaskFailed',
        'ExecutionFailed',
        'ExecutionRedriven',
        'TaskScheduled',
        'TaskStarted',
        'TaskSucceeded',
        'TaskStateExited',
        'ExecutionSucceeded',
      ]);
      const only = new ListExecutionsCommand({ mapRunArn, redriveFilter: 'REDRIVEN' });
      expect((await client.send(only)).executions).toHaveLength(1);
    });

    it('is one of its Map Run too', async () => {
      const items = [{ key: 'run-a', failures: 1 }];
      const { executionArn } = await execute(client, arn('distributed'), items);
      await redrive(executionArn);
      const { mapRuns = [] } = await client.send(new ListMapRunsCommand({ executionArn }));
      expect(mapRuns).toHaveLength(1);
      const mapRunArn = mapRuns[0]?.mapRunArn;
      const mapRun = await client.send(new DescribeMapRunCommand({ mapRunArn }));
      expect(mapRun).toMatchObject({
        status: 'SUCCEEDED',
        redriveCount: 1,
        redriveDate: expect.any(Date) as Date,
        itemCounts: { total: 1, succeeded: 1, failed: 0, pendingRedrive: 0 },
      });
      const events = await history(client, executionArn);
      expect(types(events).slice(3)).toEqual([
        'MapRunStarted',
        'MapRunFailed',
        'MapStateFailed',
        'ExecutionFailed',
        'ExecutionRedriven',
        'MapRunRedriven',
        'MapRunSucceeded',
        'MapStateSucceeded',
        'MapStateExited',
        'ExecutionSucceeded',
      ]);
      expect(events[8]?.mapRunRedrivenEventDetails).toEqual({ mapRunArn, redriveCount: 1 });
    });

    it('takes those with it that wait for their redrive, when another one fails again', async () => {
      const items = [
        { key: 'again-a', failures: 2 },
        { key: 'again-b', failures: 1 },
      ];
      const { executionArn } = await execute(client, arn('distributed'), items);
      expect(await redrive(executionArn)).toMatchObject({ status: 'FAILED' });
      expect(await redrive(executionArn)).toMatchObject({ status: 'FAILED' });
      expect(await redrive(executionArn)).toMatchObject({ status: 'SUCCEEDED', redriveCount: 3 });
      expect(await calls('again')).toEqual({ 'again-a': 3, 'again-b': 2 });
    });

    it('goes on with children that were stopped with it', async () => {
      const input = [{ key: 'halted-a' }, { key: 'halted-b', firstUntil: released('halted-b') }];
      const { executionArn = '' } = await client.send(
        new StartExecutionCommand({
          stateMachineArn: arn('distributed'),
          input: JSON.stringify(input),
        }),
      );
      await reached(client, executionArn, ({ type }) => type === 'MapRunStarted');
      const { mapRuns = [] } = await client.send(new ListMapRunsCommand({ executionArn }));
      const running = new ListExecutionsCommand({
        mapRunArn: mapRuns[0]?.mapRunArn,
        statusFilter: 'RUNNING',
      });
      const secondOf = async (): Promise<string> => {
        const { executions = [] } = await client.send(running);
        const children = await Promise.all(
          executions.map((one) => describeExecution(one.executionArn)),
        );
        return children.find(({ input }) => input?.includes('halted-b'))?.executionArn ?? '';
      };
      let second = '';
      while (second === '') second = await secondOf();
      await reached(client, second, ({ type }) => type === 'TaskStarted');
      await client.send(new StopExecutionCommand({ executionArn }));
      writeFileSync(released('halted-b'), '');
      const { status } = await redrive(executionArn);
      expect(status).toBe('SUCCEEDED');
      expect(await calls('halted')).toEqual({ 'halted-a': 1, 'halted-b': 2 });
    });

    it('is a new Map Run where the results of the old one were too large', async () => {
      const items = ['a', 'b', 'c'].map((key) => ({ key: `large-${key}`, length: 100_000 }));
      const failed = await execute(client, arn('distributed'), items);
      expect(failed.error).toBe('States.DataLimitExceeded');
      const { executionArn } = await redrive(failed.executionArn);
      const { mapRuns } = await client.send(new ListMapRunsCommand({ executionArn }));
      expect(mapRuns).toHaveLength(2);
    });
  });
});
