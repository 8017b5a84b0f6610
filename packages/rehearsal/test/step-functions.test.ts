import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DescribeMapRunCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { Rehearsal } from '../src/index.js';
import { documentRetry, invoke, writeAssembly, type Assembly } from './assembly.js';
import { clientConfig, end, execute, history, reached, types } from './execute.js';

const work = `
  const { existsSync } = require('node:fs');
  // How often each item was asked for, and how many are at work at the same time.
  const attempts = new Map();
  exports.handler = async (event) => {
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    if (event.sleepMs) await sleep(event.sleepMs);
    while (event.until && !existsSync(event.until)) await sleep(5);
    if (event.fail) throw Object.assign(new Error('will not ' + event.fail), { name: event.fail });
    if (event.failures) {
      const attempt = (attempts.get(event.key) ?? 0) + 1;
      attempts.set(event.key, attempt);
      if (attempt <= event.failures) {
        throw Object.assign(new Error('attempt ' + attempt), { name: 'Lambda.ServiceException' });
      }
      return { attempt };
    }
    if (event.length) return 'x'.repeat(event.length);
    return event;
  };`;

const inline = {
  StartAt: 'Retrieve',
  States: {
    Retrieve: invoke('Work', { Next: 'Map' }),
    Map: {
      Type: 'Map',
      ItemProcessor: {
        ProcessorConfig: { Mode: 'INLINE' },
        StartAt: 'Write',
        States: { Write: invoke('Work', { End: true }) },
      },
      ItemsPath: '$.pairs',
      ItemSelector: {
        'pair.$': '$$.Map.Item.Value',
        'index.$': '$$.Map.Item.Index',
        'run.$': '$.run',
      },
      MaxConcurrency: 40,
      ResultPath: '$.pairs',
      Next: 'Pass',
    },
    Pass: { Type: 'Pass', Next: 'Aggregate' },
    Aggregate: invoke('Work', { Next: 'Success' }),
    Success: { Type: 'Succeed' },
  },
};

const distributed = {
  StartAt: 'Retrieve',
  States: {
    Retrieve: invoke('Work', {
      Parameters: {
        FunctionName: '${Work.Arn}',
        Payload: { 'executionId.$': '$$.Execution.Id', 'ranges.$': '$.ranges', constant: 7 },
      },
      Next: 'Map',
    }),
    Map: {
      Type: 'Map',
      Label: 'Blocks',
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        StartAt: 'Delay',
        States: {
          Delay: { Type: 'Wait', Seconds: 600, Next: 'Write' },
          Write: invoke('Work', { End: true }),
        },
      },
      ItemsPath: '$.ranges',
      MaxConcurrency: 2,
      ToleratedFailureCount: 0,
      ResultPath: null,
      End: true,
    },
  },
};

const machines = {
  inline,
  distributed,
  task: { StartAt: 'Task', States: { Task: invoke('Work', { End: true }) } },
  plain: {
    StartAt: 'Task',
    States: { Task: { Type: 'Task', Resource: '${Work.Arn}', End: true } },
  },
  wait: {
    StartAt: 'Wait',
    States: {
      Wait: { Type: 'Wait', Seconds: 99_999_999, Next: 'Task' },
      Task: invoke('Work', { End: true }),
    },
  },
  children: {
    StartAt: 'Map',
    States: {
      Map: {
        Type: 'Map',
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
          StartAt: 'Wait',
          States: { Wait: { Type: 'Wait', Seconds: 99_999_999, End: true } },
        },
        End: true,
      },
    },
  },
  wide: {
    StartAt: 'Map',
    States: {
      Map: {
        Type: 'Map',
        ItemProcessor: {
          ProcessorConfig: { Mode: 'INLINE' },
          StartAt: 'Wait',
          States: { Wait: { Type: 'Wait', Seconds: 600, End: true } },
        },
        MaxConcurrency: 1000,
        End: true,
      },
    },
  },
  iterations: {
    StartAt: 'Map',
    States: {
      Map: {
        Type: 'Map',
        ItemProcessor: { StartAt: 'Write', States: { Write: invoke('Work', { End: true }) } },
        End: true,
      },
    },
  },
  long: {
    StartAt: 'Map',
    States: {
      Map: {
        Type: 'Map',
        ItemProcessor: {
          StartAt: 'One',
          States: { One: { Type: 'Pass', Next: 'Two' }, Two: { Type: 'Pass', End: true } },
        },
        End: true,
      },
    },
  },
  grown: {
    StartAt: 'Task',
    States: {
      Task: invoke('Work', { ResultPath: '$.result', OutputPath: '$', Next: 'Later' }),
      Later: { Type: 'Pass', End: true },
    },
  },
  replaced: {
    StartAt: 'Pass',
    States: { Pass: { Type: 'Pass', Result: { a: 1 }, ResultPath: '$', End: true } },
  },
  late: {
    StartAt: 'Task',
    States: {
      Task: invoke('Work', {
        TimeoutSeconds: 1,
        Catch: [{ ErrorEquals: ['States.Timeout'], Next: 'Handled' }],
        End: true,
      }),
      Handled: { Type: 'Pass', End: true },
    },
  },
  caught: {
    StartAt: 'Task',
    States: {
      Task: invoke('Work', {
        Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.error', Next: 'Handled' }],
        End: true,
      }),
      Handled: { Type: 'Pass', End: true },
    },
  },
  lasting: {
    StartAt: 'Wait',
    TimeoutSeconds: 1,
    States: { Wait: { Type: 'Wait', Seconds: 99_999_999, End: true } },
  },
};

describe('Step Functions', () => {
  let assembly: Assembly;
  let rehearsal: Rehearsal;
  let client: SFNClient;
  const arn = (machine: keyof typeof machines): string => rehearsal.stateMachines[machine] ?? '';
  const start = async (machine: keyof typeof machines, input: unknown = {}): Promise<string> => {
    const { executionArn } = await client.send(
      new StartExecutionCommand({ stateMachineArn: arn(machine), input: JSON.stringify(input) }),
    );
    return executionArn ?? '';
  };

  beforeAll(async () => {
    assembly = writeAssembly({ functions: { Work: { code: work } }, machines });
    rehearsal = await Rehearsal.start({ assembly: assembly.folder, timeScale: 60_000 });
    client = new SFNClient({ ...clientConfig, endpoint: rehearsal.endpoint });
  });
  afterAll(async () => {
    client.destroy();
    await rehearsal.close();
    assembly.remove();
  });

  describe('an inline Map', () => {
    it('puts the list of results in the place of the list of items', async () => {
      const { status, output } = await execute(client, arn('inline'), {
        run: 5,
        pairs: [
          [5, 0],
          [5, 1],
        ],
      });
      expect(status).toBe('SUCCEEDED');
      expect(JSON.parse(output ?? '')).toEqual({
        run: 5,
        pairs: [
          { pair: [5, 0], index: 0, run: 5 },
          { pair: [5, 1], index: 1, run: 5 },
        ],
      });
    });

    it('has seven events for each iteration, in the one history', async () => {
      const { executionArn } = await execute(client, arn('inline'), { run: 5, pairs: [1] });
      const events = await history(client, executionArn);
      const iteration = [
        'MapIterationStarted',
        'TaskStateEntered',
        'TaskScheduled',
        'TaskStarted',
        'TaskSucceeded',
        'TaskStateExited',
        'MapIterationSucceeded',
      ];
      const task = iteration.slice(1, 6);
      expect(types(events)).toEqual([
        'ExecutionStarted',
        ...task,
        'MapStateEntered',
        'MapStateStarted',
        ...iteration,
        'MapStateSucceeded',
        'MapStateExited',
        'PassStateEntered',
        'PassStateExited',
        ...task,
        'SucceedStateEntered',
        'SucceedStateExited',
        'ExecutionSucceeded',
      ]);
      expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
      expect(events.map(({ previousEventId }) => previousEventId)).toEqual(
        events.map((_, index) => index),
      );
    });

    it('takes an empty list', async () => {
      const { status, output } = await execute(client, arn('inline'), { run: 5, pairs: [] });
      expect({ status, output }).toEqual({ status: 'SUCCEEDED', output: '{"run":5,"pairs":[]}' });
    });

    it('runs 40 iterations at a time, whatever it asks for', async () => {
      const executionArn = await start(
        'wide',
        Array.from({ length: 100 }, () => ({})),
      );
      await end(client, executionArn);
      let running = 0;
      let most = 0;
      for (const type of types(await history(client, executionArn))) {
        if (type === 'MapIterationStarted') running += 1;
        if (type === 'MapIterationSucceeded') running -= 1;
        most = Math.max(most, running);
      }
      expect(most).toBe(40);
    });

    it('fails with the first iteration that fails, and ends the others', async () => {
      const items = [{ sleepMs: 500_000 }, { fail: 'Broken' }];
      const { status, error, executionArn } = await execute(client, arn('iterations'), items);
      expect({ status, error }).toEqual({ status: 'FAILED', error: 'Broken' });
      const events = await history(client, executionArn);
      expect(types(events).slice(-4)).toEqual([
        'MapIterationFailed',
        'MapIterationAborted',
        'MapStateFailed',
        'ExecutionFailed',
      ]);
      expect(events.at(-4)?.mapIterationFailedEventDetails).toEqual({ name: 'Map', index: 1 });
    });

    it('ends with 25,000 events in one history, as AWS ends it', async () => {
      const items = Array.from({ length: 5_000 }, () => 0);
      const { status, error, cause, executionArn } = await execute(client, arn('long'), items);
      expect({ status, error, cause }).toEqual({
        status: 'FAILED',
        error: 'States.Runtime',
        cause: 'The execution reached the maximum number of history events (25000).',
      });
      const events = await history(client, executionArn);
      expect(events).toHaveLength(25_000);
      expect(events.at(-1)?.type).toBe('ExecutionFailed');
    });
  });

  describe('a distributed Map', () => {
    const ranges = [
      { first: 0, count: 2 },
      { first: 2, count: 2 },
      { first: 4, count: 2 },
    ];

    it('runs each item as an execution of its own', async () => {
      const { status, output, executionArn } = await execute(client, arn('distributed'), {
        ranges,
      });
      expect(status).toBe('SUCCEEDED');
      // The Map's results are discarded: what came in goes out.
      expect(JSON.parse(output ?? '')).toEqual({ executionId: executionArn, ranges, constant: 7 });
      const { mapRuns = [] } = await client.send(new ListMapRunsCommand({ executionArn }));
      expect(mapRuns).toHaveLength(1);
      const mapRunArn = mapRuns[0]?.mapRunArn;
      expect(mapRunArn).toMatch(/:mapRun:distributed\/Blocks:[0-9a-f-]{36}$/);
      const mapRun = await client.send(new DescribeMapRunCommand({ mapRunArn }));
      expect(mapRun).toMatchObject({
        executionArn,
        status: 'SUCCEEDED',
        maxConcurrency: 2,
        toleratedFailureCount: 0,
        itemCounts: { total: 3, succeeded: 3, failed: 0, running: 0, pending: 0 },
      });
      const { executions = [] } = await client.send(new ListExecutionsCommand({ mapRunArn }));
      expect(executions).toHaveLength(3);
      const child = await end(client, executions[0]?.executionArn ?? '');
      expect(child.executionArn).toMatch(/:execution:distributed\/Blocks:[0-9a-f-]{36}$/);
      expect(child).toMatchObject({ mapRunArn, status: 'SUCCEEDED' });
      expect(ranges).toContainEqual(JSON.parse(child.input ?? ''));
      expect(types(await history(client, child.executionArn))).toEqual([
        'ExecutionStarted',
        'WaitStateEntered',
        'WaitStateExited',
        'TaskStateEntered',
        'TaskScheduled',
        'TaskStarted',
        'TaskSucceeded',
        'TaskStateExited',
        'ExecutionSucceeded',
      ]);
    });

    it('keeps the children out of the machine’s own list of executions', async () => {
      await execute(client, arn('distributed'), { ranges });
      const { executions = [] } = await client.send(
        new ListExecutionsCommand({ stateMachineArn: arn('distributed') }),
      );
      expect(executions.filter(({ executionArn }) => executionArn?.includes('/'))).toEqual([]);
    });

    it('fails with the first child that fails, and starts no more', async () => {
      const items = [{ fail: 'Broken' }, ...Array.from({ length: 20 }, () => ({ first: 1 }))];
      const { status, error, executionArn } = await execute(client, arn('distributed'), {
        ranges: items,
      });
      expect({ status, error }).toEqual({
        status: 'FAILED',
        error: 'States.ExceedToleratedFailureThreshold',
      });
      const { mapRuns = [] } = await client.send(new ListMapRunsCommand({ executionArn }));
      const { mapRunArn } = mapRuns[0] ?? {};
      const mapRun = await client.send(new DescribeMapRunCommand({ mapRunArn }));
      expect(mapRun.status).toBe('FAILED');
      expect(mapRun.itemCounts?.failed).toBe(1);
      expect(mapRun.itemCounts?.running).toBe(0);
      expect(mapRun.itemCounts?.succeeded).toBeLessThan(20);
      const failed = await client.send(
        new ListExecutionsCommand({ mapRunArn, statusFilter: 'FAILED' }),
      );
      const child = await end(client, failed.executions?.[0]?.executionArn ?? '');
      expect(child.error).toBe('Broken');
      const events = types(await history(client, executionArn));
      expect(events.slice(-3)).toEqual(['MapRunFailed', 'MapStateFailed', 'ExecutionFailed']);
    });
  });

  describe('a task', () => {
    it('answers alike when its resource is the function itself', async () => {
      const { output } = await execute(client, arn('plain'), { a: 1 });
      expect(output).toBe('{"a":1}');
    });

    it('is retried by the error’s name, and each attempt is in the history', async () => {
      const input = { key: 'retried', failures: 2 };
      const { output, executionArn } = await execute(client, arn('task'), input);
      expect(output).toBe('{"attempt":3}');
      const events = types(await history(client, executionArn));
      expect(events).toEqual([
        'ExecutionStarted',
        'TaskStateEntered',
        ...['TaskScheduled', 'TaskStarted', 'TaskFailed'],
        ...['TaskScheduled', 'TaskStarted', 'TaskFailed'],
        ...['TaskScheduled', 'TaskStarted', 'TaskSucceeded'],
        'TaskStateExited',
        'ExecutionSucceeded',
      ]);
    });

    it('is retried no more than six times', async () => {
      const input = { key: 'hopeless', failures: 100 };
      const { status, error, cause, executionArn } = await execute(client, arn('task'), input);
      expect({ status, error }).toEqual({ status: 'FAILED', error: documentRetry.ErrorEquals[0] });
      expect(JSON.parse(cause ?? '')).toMatchObject({ errorMessage: 'attempt 7' });
      const events = types(await history(client, executionArn));
      expect(events.filter((type) => type === 'TaskFailed')).toHaveLength(7);
    });

    it('fails at once with an error that no retrier names, and says what the function said', async () => {
      const { status, error, cause, executionArn } = await execute(client, arn('task'), {
        fail: 'InvalidInputError',
      });
      expect({ status, error }).toEqual({ status: 'FAILED', error: 'InvalidInputError' });
      expect(JSON.parse(cause ?? '')).toEqual({
        errorType: 'InvalidInputError',
        errorMessage: 'will not InvalidInputError',
        trace: expect.arrayContaining([expect.stringContaining('will not')]) as unknown,
      });
      const events = types(await history(client, executionArn));
      expect(events.filter((type) => type === 'TaskScheduled')).toHaveLength(1);
    });

    it('hands a failure to the state that catches it', async () => {
      const { status, output } = await execute(client, arn('caught'), { fail: 'Broken' });
      expect(status).toBe('SUCCEEDED');
      expect(JSON.parse(output ?? '')).toMatchObject({
        fail: 'Broken',
        error: { Error: 'Broken' },
      });
    });

    it('may answer with 256 KiB, and fails uncaught with more', async () => {
      const most = await execute(client, arn('plain'), { length: 262_144 - 2 });
      expect(most.status).toBe('SUCCEEDED');
      const { status, error } = await execute(client, arn('caught'), { length: 262_144 });
      expect({ status, error }).toEqual({ status: 'FAILED', error: 'States.DataLimitExceeded' });
    });
  });

  describe('a state', () => {
    it('may not give more than 256 KiB to the next one, its input included', async () => {
      const input = { length: 200_000, other: 'y'.repeat(100_000) };
      const { status, error, executionArn } = await execute(client, arn('grown'), input);
      expect({ status, error }).toEqual({ status: 'FAILED', error: 'States.DataLimitExceeded' });
      expect(types(await history(client, executionArn))).not.toContain('PassStateExited');
    });

    it('replaces its input with its result where the path is the whole', async () => {
      const { output } = await execute(client, arn('replaced'), { b: 2 });
      expect(output).toBe('{"a":1}');
    });

    it('times out after its own time, and its function finishes in vain', async () => {
      const { status, executionArn } = await execute(client, arn('late'), { sleepMs: 1_200 });
      expect(status).toBe('SUCCEEDED');
      const events = types(await history(client, executionArn));
      expect(events).toContain('TaskTimedOut');
      expect(events).not.toContain('TaskSucceeded');
      expect(events).toContain('PassStateExited');
    });
  });

  describe('an execution', () => {
    it('is the same when it is started again under its name while it runs', async () => {
      const stateMachineArn = arn('wait');
      const request = { stateMachineArn, name: 'twice', input: '{"a":1}' };
      const first = await client.send(new StartExecutionCommand(request));
      const second = await client.send(new StartExecutionCommand(request));
      expect(second.executionArn).toBe(first.executionArn);
      expect(second.startDate).toEqual(first.startDate);
      const other = new StartExecutionCommand({ ...request, input: '{"a":2}' });
      await expect(client.send(other)).rejects.toThrow(
        expect.objectContaining({ name: 'ExecutionAlreadyExists' }) as Error,
      );
      await client.send(new StopExecutionCommand({ executionArn: first.executionArn }));
      await expect(client.send(new StartExecutionCommand(request))).rejects.toThrow(
        expect.objectContaining({ name: 'ExecutionAlreadyExists' }) as Error,
      );
    });

    it.each(['', 'a b', 'x'.repeat(81), 'a/b', 'a:b', 'a\u0007'])(
      'is refused under the name %j',
      async (name) => {
        const request = new StartExecutionCommand({ stateMachineArn: arn('wait'), name });
        await expect(client.send(request)).rejects.toThrow(
          expect.objectContaining({ name: 'InvalidName' }) as Error,
        );
      },
    );

    it('is refused with an input that is no JSON', async () => {
      const request = new StartExecutionCommand({ stateMachineArn: arn('wait'), input: '{' });
      await expect(client.send(request)).rejects.toThrow(
        expect.objectContaining({ name: 'InvalidExecutionInput' }) as Error,
      );
    });

    it('is aborted with an error and a cause, and does nothing more', async () => {
      const until = join(assembly.folder, 'stopped');
      const executionArn = await start('task', { until });
      await reached(client, executionArn, ({ type }) => type === 'TaskStarted');
      await client.send(
        new StopExecutionCommand({ executionArn, error: 'Enough', cause: 'of it' }),
      );
      const { status, error, cause, stopDate } = await end(client, executionArn);
      expect({ status, error, cause }).toEqual({
        status: 'ABORTED',
        error: 'Enough',
        cause: 'of it',
      });
      expect(stopDate).toBeInstanceOf(Date);
      // Now the function answers.
      writeFileSync(until, '');
      await execute(client, arn('task'), { sleepMs: 200 });
      const events = await history(client, executionArn);
      expect(events.at(-1)).toMatchObject({
        type: 'ExecutionAborted',
        executionAbortedEventDetails: { error: 'Enough', cause: 'of it' },
      });
    });

    it('takes its children with it when it is stopped', async () => {
      const executionArn = await start('children', [1, 2]);
      await reached(client, executionArn, ({ type }) => type === 'MapRunStarted');
      const { mapRuns = [] } = await client.send(new ListMapRunsCommand({ executionArn }));
      const { mapRunArn } = mapRuns[0] ?? {};
      await client.send(new StopExecutionCommand({ executionArn }));
      const { executions = [] } = await client.send(new ListExecutionsCommand({ mapRunArn }));
      expect(executions.map(({ status }) => status)).toEqual(['ABORTED', 'ABORTED']);
      const mapRun = await client.send(new DescribeMapRunCommand({ mapRunArn }));
      expect(mapRun.status).toBe('ABORTED');
    });

    it('times out after the state machine’s own time', async () => {
      const { status, executionArn } = await execute(client, arn('lasting'));
      expect(status).toBe('TIMED_OUT');
      expect(types(await history(client, executionArn)).at(-1)).toBe('ExecutionTimedOut');
    });
  });
});
